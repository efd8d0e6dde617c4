"""Tables and sizes as people read them: boxes on a terminal, aligned lines in a file or a pipe."""

import sys
from collections.abc import Iterable, Sequence

import typer

__all__ = ["byte_text", "print_table", "shape_text"]

UNITS = ("bytes", ("kB", "KiB"), ("MB", "MiB"), ("GB", "GiB"), ("TB", "TiB"), ("PB", "PiB"), ("EB", "EiB"))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print a table; columns whose index is in `right` are set to the right. No headings: no heading line.

    Off a terminal every row is one line of any length, its columns two spaces or more apart.
    """
    rows = list(rows)
    if sys.stdout.isatty():
        _boxed(headings, rows, right)
        return
    lines = [headings, *rows] if headings else rows
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, strict=True)
        aligned = (cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(cells))
        typer.echo("  ".join(aligned).rstrip())


def shape_text(shape: Sequence) -> str:
    """(150, 100, 3) as 150x100x3; several shapes with commas between them."""
    if shape and not isinstance(shape[0], int):
        return ",".join(map(shape_text, shape))
    return "x".join(map(str, shape)) or "scalar"


def byte_text(count: int) -> str:
    """12000000 as "12,000,000 bytes = 12 MB (11.44 MiB)"."""
    power = min((len(str(count)) - 1) // 3, len(UNITS) - 1)
    if power == 0:
        return f"{count} bytes"
    decimal, binary = UNITS[power]
    return (
        f"{count:,} bytes = {_four_digits(count, 1000**power)} {decimal} ({_four_digits(count, 1024**power)} {binary})"
    )


def _four_digits(count: int, unit: int) -> str:
    return f"{count // unit:,}" if count >= 1000 * unit else f"{count / unit:.4g}"


def _boxed(headings, rows, right) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_header=bool(headings), show_edge=False, pad_edge=False, collapse_padding=True)
    for i, heading in enumerate(headings or rows[0]):
        number = i in right
        table.add_column(heading, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)
