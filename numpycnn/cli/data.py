"""`numpycnn data`: what a data set holds, and a contact sheet of its pictures."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from numpycnn.cli.errors import Unusable, usable, write_file
from numpycnn.cli.tables import print_table, shape_text
from numpycnn.cli.training_runs import OF_DATA, data_of
from numpycnn.data import Dataset, augmentation_from, samples

__all__ = ["data"]

SHEET = "Contact sheet"


def data(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(metavar="NAME_OR_PATH", help="digits, fashion_mnist, ..., or a file or folder.")
    ],
    data_folder: Annotated[Path | None, typer.Option(help="Where a data set that is named lies.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch a published data set if it is not here.")] = False,
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Of the pictures: as they are; 224x224 for picture files.")
    ] = None,
    channels: Annotated[int | None, typer.Option(help="3, or 1 for gray: as they are; 3 for picture files.")] = None,
    resizing: Annotated[
        str | None, typer.Option(help="Of pictures of other proportions: crop (unless given), pad or stretch.")
    ] = None,
    balance: Annotated[bool, typer.Option("--balance", help="Fill rare classes up, as train does.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The sheet, as .png, .svg or .pdf.", rich_help_panel=SHEET)
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="Show changed copies, as flip,rotation=10.", rich_help_panel=SHEET),
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Unless given, 10.", rich_help_panel=SHEET)] = None,
    columns: Annotated[int | None, typer.Option(min=1, help="Unless given, 10.", rich_help_panel=SHEET)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show what a data set holds: its classes and how many pictures each has; with --plot, the pictures themselves.

    numpycnn data digits --augment rotation=15,shift=0.1 --plot sheet.png

    Each row of the sheet has examples of one class. With --augment it begins with one example as it is, and copies
    changed as training would change them follow.
    """
    unused = {"--augment": augment, "--rows": rows, "--columns": columns}
    if plot is None and any(value is not None for value in unused.values()):
        name = next(name for name, value in unused.items() if value is not None)
        raise Unusable(f"{name} says what is on the contact sheet: give its file with --plot")
    with usable():
        changes = None if augment is None else augmentation_from(augment)
        found = data_of({**{name: context.params[name] for name in OF_DATA}, "data": data}, seed)
    if plot is not None:
        _draw(found, plot, augmentation=changes, rows=rows or 10, columns=columns or 10, seed=seed)
    shown = describe(found)
    if as_json:
        typer.echo(json.dumps(shown | {"sheet": None if plot is None else str(plot)}, indent=2))
    else:
        _print(found, shown, plot)


def describe(data: Dataset) -> dict[str, Any]:
    """Name, place, shape and dtype of a data set, and how many examples of each class each split has."""
    classes = len(data.class_names)
    counts = {name: np.bincount(split.y, minlength=classes).tolist() for name, split in data.splits().items()}
    return {
        "name": data.name,
        "source": data.source,
        "shape": list(data.shape),
        "dtype": str(data.train.dtype),
        "examples": {name: len(split) for name, split in data.splits().items()},
        "classes": [
            {"class": i, "name": name, **{split: own[i] for split, own in counts.items()}}
            for i, name in enumerate(data.class_names)
        ],
    }


def _print(data: Dataset, shown: dict[str, Any], plot: Path | None) -> None:
    total, names = sum(shown["examples"].values()), list(shown["examples"])
    typer.echo(
        f"{data.name}: {total:,} pictures of {shape_text(data.shape)}, {shown['dtype']}, "
        f"{len(data.class_names)} classes; from {data.source}"
    )
    lines = [
        (str(row["class"]), row["name"] if row["name"] != str(row["class"]) else "", *(f"{row[n]:,}" for n in names))
        for row in shown["classes"]
    ]
    lines.append(("all", "", *(f"{count:,}" for count in shown["examples"].values())))
    print_table(("class", "name", *names), lines, right=(0, *range(2, 2 + len(names))))
    if plot is not None:
        typer.echo(f"contact sheet: {plot}")


def _draw(data: Dataset, plot: Path, **options) -> None:
    from numpycnn.plots import contact_sheet

    with usable(ValueError, TypeError, ImportError, OSError):
        shown = samples(data.train, **options)
        figure = contact_sheet(shown.pictures, [data.class_names[label] for label in shown.labels])
        write_file(plot, lambda path: figure.savefig(path, dpi=100))
