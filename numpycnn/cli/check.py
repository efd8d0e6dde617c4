"""`numpycnn check`: somebody's own function against an op, on drawn cases."""

from ast import literal_eval
from typing import Annotated, Any

import typer

from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.targets import load_attribute

__all__ = ["check"]


def check(
    target: Annotated[str, typer.Argument(metavar="FUNCTION", help="module:function or file.py:function.")],
    op: Annotated[str, typer.Option(help="The op it should equal, as conv2d or conv2d_backward.")],
    layout: Annotated[str, typer.Option(help="nhwc, or nchw: images (batch, C, H, W), kernels (O, I, H, W).")] = "nhwc",
    params: Annotated[
        str | None, typer.Option(metavar="OURS=THEIRS,...", help="Parameters with other names, as kernel=w,strides=s.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="Of the arrays: float16, float32 or float64.")] = "float32",
    examples: Annotated[int, typer.Option(min=1, help="How many cases are drawn.")] = 200,
    seed: Annotated[int, typer.Option(help="Draws the cases.")] = 0,
    empty: Annotated[bool, typer.Option("--empty", help="Draw empty batches as well.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Of boxes, only those in order and with an area.")] = False,
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="In every case, as format=yxyx; repeatable."),
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="It may write into its arguments.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> int:
    """Compare FUNCTION with an op of numpycnn on drawn cases; show the smallest that fails, and why.

    FUNCTION takes the op's arrays in the op's order and its options by keyword; what it has no parameter for, or
    answers with TypeError or NotImplementedError, is left out and said; what it does without being told, as boxes in
    another format, is said by --set. Needs Hypothesis (the extra "testing").
    Exit status 0: holds; 1: differs; 2: unusable input.
    """
    from numpycnn.verification import check as compare

    if ":" not in target:
        raise Unusable(f"a function is module:function or file.py:function; got {target!r}")
    function = load_attribute(target)
    if not callable(function):
        raise Unusable(f"{target} must be a function; got {type(function).__name__}")
    if dtype not in ("float16", "float32", "float64"):
        raise Unusable(f"--dtype must be float16, float32 or float64; got {dtype!r}")
    with usable(ValueError, TypeError, ImportError):
        report = compare(
            function,
            op,
            layout=layout,
            params=_pairs(params),
            dtype=dtype,
            examples=examples,
            seed=seed,
            empty=empty,
            plain=plain,
            options=_settings(options or []),
            in_place=in_place,
        )
    if as_json:
        typer.echo(report.to_json())
    else:
        for line in report.lines:
            typer.echo(line)
        if report.lines:
            typer.echo()
        typer.echo(report.summary)
    return 0 if report.holds else 1


def _pairs(text: str | None) -> dict[str, str]:
    """ "kernel=w,strides=s" as {"kernel": "w", "strides": "s"}."""
    if text is None:
        return {}
    pairs = [pair.partition("=") for pair in text.split(",")]
    for ours, equals, theirs in pairs:
        if not (ours.strip().isidentifier() and equals and theirs.strip().isidentifier()):
            raise Unusable(f"--params must be OURS=THEIRS,..., as kernel=w,strides=s; got {text!r}")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def _settings(texts: list[str]) -> dict[str, Any]:
    """ "format=yxyx" and "strides=(2, 1)" as {"format": "yxyx", "strides": (2, 1)}."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name.strip().isidentifier() and equals and value.strip()):
            raise Unusable(f"--set must be OPTION=VALUE, as format=yxyx or strides=2; got {text!r}")
        try:
            found[name.strip()] = literal_eval(value.strip())
        except (ValueError, SyntaxError):
            found[name.strip()] = value.strip()
    return found
