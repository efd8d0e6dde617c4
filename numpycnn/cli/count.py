"""`numpycnn count`: parameters, multiply-accumulates and memory of a model or a layer."""

import json as to_json
from pathlib import Path
from typing import Annotated, Any

import typer

from numpycnn.cli import layer_options as option
from numpycnn.cli.count_tables import SHARES, block_table, comparison_table, figures_table, fit_table, layer_table
from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.layer_targets import find_layer_class, layer_names, make_layer, option_name
from numpycnn.cli.tables import Table, byte_count
from numpycnn.cli.targets import (
    is_model_file,
    layer_as_model,
    model_functions,
    resolve_model,
    sizes,
    suggestion,
)
from numpycnn.counting import CONVENTIONS, Count, Fit, largest_batch, timeline
from numpycnn.counting import count as count_model
from numpycnn.models import Model
from numpycnn.plots import course_of_memory

MODEL, FIGURES, OUTPUT = "Model", "Figures", "Output"


def count(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            help="A model (resnet34), a file (.keras, .h5), a layer (conv2d), module:attribute or file.py:..."
            " Several are compared.",
        ),
    ],
    input: Annotated[
        str | None, typer.Option(metavar="HxWxC", help="Size of one example.", rich_help_panel=MODEL)
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Classes of a named model.", rich_help_panel=MODEL)] = None,
    filters: option.Filters = None,
    kernel_size: option.KernelSize = None,
    strides: option.Strides = None,
    padding: option.Padding = None,
    dilation_rate: option.DilationRate = None,
    groups: option.Groups = None,
    depth_multiplier: option.DepthMultiplier = None,
    pool_size: option.PoolSize = None,
    units: option.Units = None,
    activation: option.Activation = None,
    no_bias: option.NoBias = False,
    settings: option.Settings = None,
    batch: Annotated[int, typer.Option(help="Examples at a time.", rich_help_panel=FIGURES)] = 1,
    dtype: Annotated[
        str, typer.Option(help="float16, bfloat16, float32, float64, mixed_float16, mixed_...", rich_help_panel=FIGURES)
    ] = "float32",
    optimizer: Annotated[
        str | None,
        typer.Option(help="sgd, momentum, rmsprop, adam, adamw or nadam.", rich_help_panel=FIGURES),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER", help="Train nothing up to this layer; base: all but the last.", rich_help_panel=FIGURES
        ),
    ] = None,
    convention: Annotated[
        str, typer.Option(help="macs, all or operations: what arithmetic counts.", rich_help_panel=FIGURES)
    ] = "macs",
    fit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The largest batch within 24GiB.", rich_help_panel=FIGURES)
    ] = None,
    receptive_field: Annotated[
        bool, typer.Option("--receptive-field", help="What an output sees.", rich_help_panel=FIGURES)
    ] = False,
    blocks: Annotated[
        int | None,
        typer.Option(metavar="N", help="Rows by the first N parts of the names, as conv2_1.", rich_help_panel=OUTPUT),
    ] = None,
    share: Annotated[
        str, typer.Option(help="macs, parameters or memory: of what bars show.", rich_help_panel=OUTPUT)
    ] = "macs",
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it, as .png or .svg.", rich_help_panel=OUTPUT)
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.", rich_help_panel=OUTPUT)] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the rows as Markdown.", rich_help_panel=OUTPUT)
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", rich_help_panel=OUTPUT)] = False,
) -> int:
    """Count parameters, multiply-accumulates (MACs), memory and receptive fields of a model or a layer.

    numpycnn count resnet34 --classes 10 --batch 32 --optimizer adam

    numpycnn count conv2d --filters 200 --kernel-size 5 --input 150x100x3

    numpycnn count alexnet googlenet

    numpycnn count resnet34 --optimizer adam --fit 24GiB
    """
    if csv + markdown + json > 1:
        raise Unusable("--csv, --markdown and --json exclude each other")
    if convention not in CONVENTIONS:
        raise Unusable(f"--convention must be one of {', '.join(CONVENTIONS)}; got {convention!r}")
    if share not in SHARES:
        raise Unusable(f"--share must be one of {', '.join(SHARES)}; got {share!r}")
    alone = {"--fit": fit, "--plot": plot, "--blocks": blocks, "--receptive-field": receptive_field or None}
    if len(targets) > 1 and any(value is not None for value in alone.values()):
        raise Unusable(f"{', '.join(alone)} are for one model at a time")
    if blocks is not None and receptive_field:
        raise Unusable("--blocks and --receptive-field exclude each other: a block has no field of its own")
    given = option.arguments(
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        depth_multiplier=depth_multiplier,
        pool_size=pool_size,
        units=units,
        activation=activation,
        no_bias=no_bias,
        settings=settings,
    )
    options: dict[str, Any] = {"dtype": dtype, "optimizer": optimizer, "freeze": freeze}
    limit = None if fit is None else byte_count("--fit", fit)
    models = [_model(target, classes, sizes("--input", input), given) for target in targets]
    with usable():
        counts = [count_model(model, batch_size=batch, **options) for model in models]
        found = None if limit is None else largest_batch(models[0], limit, **options)
    if plot is not None:
        with usable(ValueError, ImportError, OSError, about="--plot"):
            course_of_memory(counts[0], timeline(models[0], batch_size=batch, **options), path=plot)
    bars = None if csv or markdown else share
    if len(counts) > 1:
        table = comparison_table(counts, targets, convention=convention)
    elif blocks is not None:
        with usable(about="--blocks"):
            table = block_table(counts[0], blocks, convention=convention, share=bars)
    else:
        table = layer_table(counts[0], convention=convention, share=bars, fields=receptive_field)
    if json:
        typer.echo(_as_json(counts, found, convention))
    elif csv or markdown:
        typer.echo(table.csv() if csv else table.markdown())
    else:
        figures = [figures_table(counts[0], targets[0], convention=convention)] if len(counts) == 1 else []
        _print([table, *figures, *([] if found is None else [fit_table(found, counts[0])])])
    return 1 if found is not None and not found.train else 0


def _print(tables: list[Table]) -> None:
    """Tables for people, a line between them."""
    for i, table in enumerate(tables):
        if i:
            typer.echo()
        table.show()


def _as_json(counts: list[Count], fit: Fit | None, convention: str) -> str:
    """One object; a list of them where several models are counted."""
    data = [{**counted.to_dict(), "convention": convention, "work": counted.work(convention)} for counted in counts]
    if fit is not None:
        data[0]["fit"] = fit.to_dict()
    return to_json.dumps(data[0] if len(data) == 1 else data, indent=2)


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
