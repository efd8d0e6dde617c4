"""`numpycnn verify`: a model in NumPy against TensorFlow, a recording or another model, layer by layer."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from numpycnn.cli.count_tables import figures_table
from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.targets import model_functions, resolve_model, sizes
from numpycnn.counting import count
from numpycnn.models import Model

__all__ = ["verify"]

OTHER, OUTPUT = "The other side", "Output"


def verify(
    target: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model by name (resnet34), or module:attribute, file.py:attribute.")
    ],
    against: Annotated[str, typer.Option(help="tensorflow.", rich_help_panel=OTHER)] = "tensorflow",
    dump: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Recorded: a .npz, a folder of .npy or .bin.", rich_help_panel=OTHER),
    ] = None,
    other: Annotated[
        str | None, typer.Option("--model", metavar="OTHER", help="Another model, run in NumPy.", rich_help_panel=OTHER)
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--map", metavar="CSV", help="Lines: their name,our name.", rich_help_panel=OTHER)
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="nhwc or nchw, where shapes leave it open.", rich_help_panel=OTHER)
    ] = None,
    training: Annotated[
        bool, typer.Option("--training", help="What was recorded is a run in training.", rich_help_panel=OTHER)
    ] = False,
    images: Annotated[
        list[Path] | None, typer.Option("--image", help="A picture to run on; may be given several times.")
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes of a model that is named.")] = None,
    input_shape: Annotated[str | None, typer.Option("--input", help="HxWxC, of a model that is named.")] = None,
    gradients: Annotated[bool, typer.Option(help="Compare the gradients of all weights as well.")] = True,
    step: Annotated[
        float | None, typer.Option(metavar="RATE", help="Compare a training step at this learning rate as well.")
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="Of that step, plain SGD unless given: sgd, momentum, adam, adamw, nadam, rmsprop."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Draws the weights, and the loss whose gradients are compared.", show_default="0")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.", rich_help_panel=OUTPUT)] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as a page as well.", rich_help_panel=OUTPUT)
    ] = None,
    reproduce: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the first difference as a .npz and a script.", rich_help_panel=OUTPUT),
    ] = None,
) -> int:
    """Run MODEL in NumPy and compare it, layer by layer, with TensorFlow, a recording (--dump) or another model.

    Every layer's output and every weight's gradient is compared, and the model counted. What differs is looked at:
    where it is worst, what the layer saw there, and which known rule would give the other side's numbers.

    Without --image the two photographs that scikit-learn ships are used, cut and scaled to the model's input, or
    random numbers for a model that takes no picture; a recording has its own input. The weights of a named model are
    drawn; a model of your own keeps its weights unless --seed is given. The errors are those of each side against
    float64 on the same inputs, in units of what rounding explains: at most 1 is right. Exit status 0: holds;
    1: differs; 2: unusable input.
    """
    from numpycnn.verification import read_names
    from numpycnn.verification import verify as compare

    if not gradients and (step is not None or optimizer is not None):
        raise Unusable("--step and --optimizer need the gradients that --no-gradients leaves out")
    model = resolve_model(target, classes, sizes("--input", input_shape))
    side = _other_side(against, dump, other, seed)
    if seed is not None or target in model_functions():
        with usable(about="--seed"):
            model.initialize(seed or 0)
    x = _pictures(model, images) if dump is None or images else None
    with usable(ValueError, TypeError, ImportError, OSError), _progress(silent=as_json) as progress:
        steps = (2 if gradients else 1) * len(model.nodes) + 4
        bar = progress.add_task("", total=steps)
        report = compare(
            model,
            x,
            against=side,
            gradients=gradients,
            training=training,
            step=_step(step, optimizer),
            layout=layout,
            names=None if names is None else read_names(names),
            seed=seed or 0,
            progress=lambda line: progress.update(bar, advance=1, description=line),
        )
        progress.update(bar, completed=steps)
    counted = count(model, batch_size=2 if x is None else len(x))
    written = _written(report, html, reproduce)
    if as_json:
        typer.echo(json.dumps({**report.to_dict(), "count": counted.to_dict()}, indent=2))
    else:
        _print(report)
        if side == "tensorflow":
            figures_table(counted, target).show()
        if written:
            typer.echo(f"written: {', '.join(map(str, written))}")
        typer.echo(report.summary)
    return 0 if report.holds else 1


def _step(rate: float | None, name: str | None) -> Any:
    """The optimizer that --step and --optimizer name, or None for no step."""
    from numpycnn.training import optimizer_from

    if name is None:
        return rate
    options = {} if rate is None else {"learning_rate": rate}
    if name == "momentum":
        name, options = "sgd", {**options, "momentum": 0.9}
    return optimizer_from(name, **options)


def _other_side(against: str, dump: Path | None, other: str | None, seed: int | None) -> Any:
    """What the options name: at most one of them may."""
    if against != "tensorflow":
        raise Unusable(
            f"--against must be tensorflow; got {against!r}; recordings are --dump PATH, models --model OTHER"
        )
    if dump is not None and other is not None:
        raise Unusable("--dump and --model exclude each other")
    if dump is not None and not dump.exists():
        raise Unusable(f"--dump: there is no {dump}")
    if other is None:
        return dump or "tensorflow"
    model = resolve_model(other)
    if seed is not None or other in model_functions():
        model.initialize(seed or 0)
    return model


def _written(report, html: Path | None, reproduce: Path | None) -> list[Path]:
    """The files that were asked for, and written."""
    from numpycnn.verification import html_page, write_reproduction

    with usable(OSError):
        if html is not None:
            html.write_text(html_page(report), encoding="utf-8")
        files = [] if reproduce is None else write_reproduction(report, reproduce)
    return [*files, *([html] if html is not None else [])]


def _pictures(model: Model, images: list[Path] | None) -> np.ndarray | None:
    """Photographs in the model's size and number of channels, scaled to 0..1; None where the model takes none."""
    from numpycnn.data.photographs import fit, load_images, sample_photographs

    shapes = [tensor.shape for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] not in (1, 3):
        if images:
            raise Unusable(f"--image needs a model with one input (height, width, 1 or 3); this one has {shapes}")
        return None
    height, width, channels = (224 if size is None else size for size in shapes[0])
    with usable(ValueError, TypeError, ImportError, OSError):
        x = load_images(images, size=(height, width)) if images else fit(sample_photographs(), (height, width))
    return x if channels == 3 else x.mean(axis=-1, keepdims=True)


def _progress(silent: bool):
    """A progress bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=console, transient=True, disable=silent or not console.is_terminal)


MOST_FINDINGS = 5


def _print(report) -> None:
    from numpycnn.cli.tables import print_table

    rows = [
        (row.name, row.kind, row.quantity, "x".join(map(str, row.shape)), *_errors(row), row.verdict)
        for row in report.rows
    ]
    side = report.against
    headings = ("layer", "kind", "compared", "shape", "NumPy", side, "NumPy run", f"{side} run", "verdict")
    print_table(headings, rows, right=(4, 5, 6, 7))
    typer.echo(f"NumPy, {side}: largest error on the same inputs against float64; 1 is all that rounding explains.")
    typer.echo(f"NumPy run, {side} run: error of the whole run up to there, relative to the layer's largest value.")
    typer.echo()
    differing = [row for row in report.rows if row.finding is not None]
    for row in differing[:MOST_FINDINGS]:
        typer.echo(f"{row.quantity} of {row.name} ({row.kind})")
        for line in row.finding.lines:
            typer.echo(f"    {line}")
        typer.echo()
    if len(differing) > MOST_FINDINGS:
        typer.echo(f"and {len(differing) - MOST_FINDINGS} more that differ, with their reasons in --json\n")
    for note in report.notes:
        typer.echo(f"note: {note}")


def _errors(row) -> tuple[str, ...]:
    drift = ("" if error is None else f"{error:.1e}" for error in (row.chained_ours, row.chained_theirs))
    return f"{row.ours:.3f}", f"{row.theirs:.3f}" if row.theirs < 1e6 else f"{row.theirs:.3g}", *drift
