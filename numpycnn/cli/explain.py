"""`numpycnn explain`: the arithmetic of one value of an op."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from numpycnn.cli import layer_options as option
from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.layer_targets import option_name
from numpycnn.cli.tables import print_table
from numpycnn.cli.targets import sizes, suggestion

__all__ = ["explain"]

NUMBERS, OUTPUT = "Numbers", "Output"
PICTURES = (".png", ".svg")


def explain(
    op: Annotated[str | None, typer.Argument(metavar="OP", help="As conv2d; --list names all.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="ROW,COLUMN,CHANNEL", help="Which value of the output; else the middle.")
    ] = None,
    filters: option.Filters = None,
    kernel_size: option.KernelSize = None,
    strides: option.Strides = None,
    padding: option.Padding = None,
    dilation_rate: option.DilationRate = None,
    groups: option.Groups = None,
    depth_multiplier: option.DepthMultiplier = None,
    pool_size: option.PoolSize = None,
    no_bias: option.NoBias = False,
    settings: option.Settings = None,
    input_shape: Annotated[
        str | None, typer.Option("--input", metavar="HxWxC", help="Size of the input.", rich_help_panel=NUMBERS)
    ] = None,
    array: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The input, as .npy.", rich_help_panel=NUMBERS)
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A photograph, 0..255; --input makes it smaller.", rich_help_panel=NUMBERS),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="The kernel, or gamma, as .npy; then the others.", rich_help_panel=NUMBERS),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random integers.", rich_help_panel=NUMBERS)] = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it, as .png or .svg.", rich_help_panel=OUTPUT)
    ] = None,
    animate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Slide the window, as .gif; at most 256 places.", rich_help_panel=OUTPUT),
    ] = None,
    as_list: Annotated[bool, typer.Option("--list", help="What can be explained.", rich_help_panel=OUTPUT)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Show how one value of an op comes about: sizes, window, products, sum, and who receives of its gradient.

    numpycnn explain conv2d --input 5x7x3 --kernel 3x2 --strides 2x1 --padding same --at 1,2,0
    """
    from numpycnn import explanations

    if as_list:
        if op is not None:
            raise Unusable(f"--list takes no op; got {op}")
        _list(explanations.EXPLAINED, as_json)
        return
    if op is None:
        raise Unusable("explain needs an op, as conv2d; --list names all")
    found = _find(explanations, op)
    given = option.arguments(
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        depth_multiplier=depth_multiplier,
        pool_size=pool_size,
        no_bias=no_bias,
        settings=settings,
    )
    options = _options(op, found, given, bool(weights))
    x = _input(found, sizes("--input", input_shape), array, image)
    _check_file("--plot", plot, PICTURES)
    _check_file("--animate", animate, (".gif",))
    if animate is not None and not found.slides:
        raise Unusable(f"--animate slides a window, and {op} has none")
    options |= {"weights": None if not weights else [_array("--weights", path) for path in weights], "seed": seed}
    with usable():
        explanation = explanations.explain(op, x, at=_place(at), **options)
    if plot is not None or animate is not None:
        _draw(explanations, op, x, explanation, plot, animate, options)
    typer.echo(json.dumps(explanation.to_dict(), indent=2) if as_json else str(explanation))


def _find(explanations, op: str):
    try:
        return explanations.find(op)
    except ValueError:
        close = suggestion(op, explanations.EXPLAINED)
        known = f"there are {', '.join(explanations.EXPLAINED)}"
        raise Unusable(f"nothing explains {op!r}; {close or known}") from None


def _options(op: str, found, given: dict[str, Any], own_weights: bool) -> dict[str, Any]:
    for name in given:
        if name not in found.options:
            takes = ", ".join(map(option_name, found.options)) or "no options"
            raise Unusable(f"explain {op} takes no {option_name(name)}; it takes {takes}")
        if own_weights and name in found.weight_options:
            raise Unusable(f"--weights says {option_name(name)} already")
    return given


def _input(found, shape, array: Path | None, image: Path | None):
    """The array that was given, or a shape for random integers, or None."""
    if array is not None and (image is not None or shape is not None):
        raise Unusable(f"--array and {'--image' if image is not None else '--input'} exclude each other")
    if array is not None:
        x = _array("--array", array)
        if len(found.input_shape) == 3 and x.ndim == 2:
            x = x[..., None]  # a picture of one channel
        boxes = found.input_shape[-1] == 4 and len(found.input_shape) == 2
        return x[None] if x.ndim == len(found.input_shape) and not boxes else x
    if image is None:
        return shape
    if len(found.input_shape) != 3:
        raise Unusable("--image is for ops that read images")
    from numpycnn.data.photographs import fit, read_picture

    with usable(ValueError, OSError):
        photograph = read_picture("explain", image)
    if shape is None:
        return photograph[None].astype(float)
    if len(shape) != 3 or shape[2] != 3:
        raise Unusable(f"--input must be HxWx3 for a photograph; got {'x'.join(map(str, shape))}")
    return np.round(fit([photograph], shape[:2]) * 255.0)


def _array(option: str, path: Path) -> np.ndarray:
    if not path.is_file():
        raise Unusable(f"{option}: there is no file {path}")
    with usable(ValueError, OSError, EOFError, about=str(path)):
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
            raise ValueError("this is no array of numbers")
    return array


def _place(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    numbers = text.split(",")
    if not all(number.strip().isascii() and number.strip().isdigit() for number in numbers):
        raise Unusable(f"--at must be whole numbers with commas between them, as 1,2,0; got {text!r}")
    return tuple(map(int, numbers))


def _check_file(option: str, path: Path | None, endings: tuple[str, ...]) -> None:
    if path is not None and path.suffix.lower() not in endings:
        raise Unusable(f"{option} writes {' or '.join(endings)}; got {path.name}")
    if path is not None and not path.absolute().parent.is_dir():
        raise Unusable(f"{option}: there is no folder {path.parent}")


def _draw(explanations, op: str, x, explanation, plot: Path | None, animate: Path | None, options) -> None:
    from numpycnn.explanations.drawing import draw, draw_frames

    if plot is not None:
        with usable(ValueError, ImportError, OSError, about="--plot"):
            draw(explanation, path=plot)
    if animate is not None:
        with usable(ValueError, ImportError, OSError, about="--animate"):
            draw_frames(explanations.frames(op, x, explanation, **options), path=animate)


def _list(explained, as_json: bool) -> None:
    if as_json:
        rows = [{"op": name, "about": own.about, "options": own.options} for name, own in explained.items()]
        typer.echo(json.dumps(rows, indent=2))
    else:
        print_table((), [(name, own.about) for name, own in explained.items()])
