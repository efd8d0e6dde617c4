"""`numpycnn count`: parameters, multiply-accumulates and memory of a model or a layer."""

from typing import Annotated, Any

import typer

from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.layer_targets import find_layer_class, layer_names, make_layer, option_name, parse_settings
from numpycnn.cli.tables import byte_text, print_table, shape_text
from numpycnn.cli.targets import is_model_file, layer_as_model, model_functions, resolve_model, sizes, suggestion
from numpycnn.counting import Count
from numpycnn.counting import count as count_model
from numpycnn.models import Model

MODEL, LAYER, FIGURES = "Model", "Layer", "Figures"
ONE_OR_TWO = "N or HxW"


def count(
    target: Annotated[
        str,
        typer.Argument(
            help="A model (resnet34), a file (.keras, .h5), a layer (conv2d), module:attribute or file.py:..."
        ),
    ],
    input: Annotated[
        str | None, typer.Option(metavar="HxWxC", help="Size of one example.", rich_help_panel=MODEL)
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Classes of a named model.", rich_help_panel=MODEL)] = None,
    filters: Annotated[int | None, typer.Option(help="Filters of a layer.", rich_help_panel=LAYER)] = None,
    kernel_size: Annotated[
        str | None, typer.Option(metavar=ONE_OR_TWO, help="Size of each filter.", rich_help_panel=LAYER)
    ] = None,
    strides: Annotated[
        str | None, typer.Option(metavar=ONE_OR_TWO, help="Step of the window.", rich_help_panel=LAYER)
    ] = None,
    padding: Annotated[
        str | None, typer.Option(metavar="WORD", help="valid, same, or pixels.", rich_help_panel=LAYER)
    ] = None,
    dilation_rate: Annotated[
        str | None, typer.Option(metavar=ONE_OR_TWO, help="Step between taps.", rich_help_panel=LAYER)
    ] = None,
    groups: Annotated[int | None, typer.Option(help="Groups of channels.", rich_help_panel=LAYER)] = None,
    depth_multiplier: Annotated[int | None, typer.Option(help="Filters a channel.", rich_help_panel=LAYER)] = None,
    pool_size: Annotated[
        str | None, typer.Option(metavar=ONE_OR_TWO, help="Size of the window.", rich_help_panel=LAYER)
    ] = None,
    units: Annotated[int | None, typer.Option(help="Units of a dense layer.", rich_help_panel=LAYER)] = None,
    activation: Annotated[str | None, typer.Option(metavar="NAME", help="As relu.", rich_help_panel=LAYER)] = None,
    no_bias: Annotated[bool, typer.Option("--no-bias", help="Without a bias.", rich_help_panel=LAYER)] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other argument, as rate=0.5.", rich_help_panel=LAYER),
    ] = None,
    batch: Annotated[int, typer.Option(help="Examples at a time.", rich_help_panel=FIGURES)] = 1,
    dtype: Annotated[str, typer.Option(help="Of every number.", rich_help_panel=FIGURES)] = "float32",
    optimizer: Annotated[
        str | None,
        typer.Option(help="sgd, momentum, rmsprop, adam, adamw or nadam.", rich_help_panel=FIGURES),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", rich_help_panel=FIGURES)] = False,
) -> None:
    """Count parameters, multiply-accumulates (MACs) and memory of a model or a layer.

    numpycnn count resnet34 --classes 10 --batch 32 --optimizer adam

    numpycnn count conv2d --filters 200 --kernel-size 5 --input 150x100x3
    """
    arguments = {
        "filters": filters,
        "kernel_size": _number_or_pair("--kernel-size", kernel_size),
        "strides": _number_or_pair("--strides", strides),
        "padding": _number_or_pair("--padding", padding) if (padding or "x")[0].isdigit() else padding,
        "dilation_rate": _number_or_pair("--dilation-rate", dilation_rate),
        "groups": groups,
        "depth_multiplier": depth_multiplier,
        "pool_size": _number_or_pair("--pool-size", pool_size),
        "units": units,
        "activation": activation,
        "use_bias": False if no_bias else None,
        **parse_settings(settings or ()),
    }
    given = {name: value for name, value in arguments.items() if value is not None}
    model = _model(target, classes, sizes("--input", input), given)
    with usable():
        counted = count_model(model, batch_size=batch, dtype=dtype, optimizer=optimizer)
    if json:
        typer.echo(counted.to_json(indent=2))
    else:
        show_count(counted, target)


def show_count(counted: Count, target: str) -> None:
    """Print the table of layers, then every figure with its unit and what it is."""
    headings = ("layer", "kind", "output shape", "parameters", "MACs", "output bytes")
    rows = [
        (row.name, row.kind, shape_text(row.output_shape), f"{row.params:,}", f"{row.macs:,}", f"{row.output_bytes:,}")
        for row in (*counted.inputs, *counted.layers)
    ]
    print_table(headings, rows, right=(3, 4, 5))
    typer.echo()
    show_figures(counted, target)


def show_figures(counted: Count, target: str) -> None:
    """Print the figures of the whole model alone."""
    print_table((), [(label, f"{figure}; {meaning}") for label, figure, meaning in _facts(counted, target)])


def _facts(counted: Count, target: str) -> list[tuple[str, str, str]]:
    """Label, figure with its unit, and what it is."""
    params, memory = counted.params, counted.memory
    state = f"state of {counted.optimizer}" if counted.optimizer else "no optimizer state"
    kept = f"what backward needs ({byte_text(memory.kept_bytes)})"
    figures = [
        ("of parameters", memory.parameter_bytes, "all of them"),
        ("of outputs", memory.output_bytes, "all layers, without the input"),
        ("to predict", memory.inference_bytes, "parameters and the most that must exist at once, layer after layer"),
        ("to predict, by the book", memory.inference_book_bytes, "parameters and the two largest consecutive layers"),
        ("to train", memory.training_bytes, f"parameters, gradients, {state} and {kept}"),
        ("to train, by the book", memory.training_book_bytes, "parameters, the input batch and outputs of all layers"),
    ]
    return [
        ("counted", target, f"batch of {counted.batch_size:,}, {counted.dtype}"),
        ("parameters", f"{params.total:,}", f"{params.trainable:,} trainable, {params.non_trainable:,} not trainable"),
        ("MACs", f"{counted.macs:,}", f"for one example: {counted.mac_convention}"),
        *((f"memory {label}", byte_text(count), meaning) for label, count, meaning in figures),
        ("units", "kB, MB, GB are 10^3, 10^6, 10^9 bytes", "KiB, MiB, GiB are 2^10, 2^20, 2^30 bytes"),
    ]


def _model(target: str, classes: int | None, input_shape, arguments: dict[str, Any]) -> Model:
    """The model of this name, or of the one layer that is named like its op."""
    known_model = ":" in target or is_model_file(target) or target in model_functions()
    kind = None if known_model else find_layer_class(target)
    if kind is not None:
        if classes is not None:
            raise Unusable(f"{target} takes no --classes, which is for models")
        layer = make_layer(kind, target, arguments)
        with usable():
            return layer_as_model(layer, input_shape)
    if not known_model:
        close = suggestion(target, [*model_functions(), *layer_names()])
        models = f"models are {', '.join(model_functions())}"
        every = (
            f"{models}; layers are named like their ops, as conv2d; your own is module:attribute or file.py:attribute"
        )
        raise Unusable(f"unknown model or layer {target!r}; {close or every}")
    if arguments:
        options = ", ".join(map(option_name, arguments))
        raise Unusable(f"{options} is for a layer named like its op, as conv2d; got {target}")
    return resolve_model(target, classes, input_shape)


def _number_or_pair(option: str, text: str | None) -> int | tuple[int, ...] | None:
    numbers = sizes(option, text)
    return numbers[0] if numbers is not None and len(numbers) == 1 else numbers
