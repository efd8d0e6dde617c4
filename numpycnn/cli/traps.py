"""`numpycnn traps`: where frameworks mean different things by the same name."""

import json
from pathlib import Path
from typing import Annotated

import typer

from numpycnn.cli.errors import Unusable, usable

__all__ = ["traps"]


def traps(
    number: Annotated[int | None, typer.Argument(metavar="[ROW]", help="The number of a row.")] = None,
    op: Annotated[str | None, typer.Option(help="Only rows about this op, as conv2d.")] = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the page of the row, or an index of all.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Write traps.md and a page for each row in traps/.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the known differences between TensorFlow and Keras, PyTorch and ONNX, or show one, with a worked example.

    Examples are computed on the spot: numpycnn's own numbers first, then those under the rules that `numpycnn verify`
    and `numpycnn check` try when numbers differ.
    """
    from numpycnn.cli.tables import print_table
    from numpycnn.traps import ROWS, find_row
    from numpycnn.traps.page import index, page, text_lines, write_pages

    rows = ROWS
    if number is not None:
        with usable():
            rows = (find_row(number),)
    if op is not None:
        rows = tuple(row for row in rows if op in row.ops or any(op in rule.ops for rule in row.rules))
        if not rows:
            raise Unusable(f"no row is about {op!r}")
    if folder is not None:
        if number is not None or op is not None or as_json or as_markdown:
            raise Unusable("--write writes all rows, and takes no other option")
        with usable(OSError):
            write_pages(ROWS, folder)
        typer.echo(f"written: {folder / 'traps.md'} and {len(ROWS)} pages in {folder / 'traps'}")
    elif as_json:
        shown = [row.to_dict() for row in rows]
        typer.echo(json.dumps(shown[0] if number is not None else shown, indent=2))
    elif as_markdown:
        typer.echo(index(rows) if number is None else page(rows[0]), nl=False)
    elif number is not None:
        for line in text_lines(rows[0]):
            typer.echo(line)
    else:
        table = [
            (str(row.number), row.title, "yes" if row.example else "", ", ".join(rule.name for rule in row.rules))
            for row in rows
        ]
        print_table(("row", "about", "example", "named by verify and check as"), table, right=(0,))
