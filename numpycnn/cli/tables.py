"""Tables and sizes as people read them: boxes on a terminal, aligned lines in a file or a pipe."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import typer

from numpycnn.cli.errors import Unusable

__all__ = ["Table", "byte_count", "byte_text", "print_table", "shape_text", "share_bar"]

UNITS = ("bytes", ("kB", "KiB"), ("MB", "MiB"), ("GB", "GiB"), ("TB", "TiB"), ("PB", "PiB"), ("EB", "EiB"))


class Table(NamedTuple):
    """A table that has not been written yet: its whole numbers are numbers."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    right: Sequence[int] = ()

    def show(self) -> None:
        print_table(self.headings, self.texts(), right=self.right)

    def texts(self) -> list[list[str]]:
        return [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in self.rows]

    def csv(self) -> str:
        """With a heading line, and numbers without separators."""
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerows([self.headings, *self.rows])
        return file.getvalue().rstrip("\n")

    def markdown(self) -> str:
        """As GitHub renders it."""
        rule = ["---:" if i in self.right else "---" for i in range(len(self.headings))]
        lines = [self.headings, rule, *self.texts()]
        return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


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


def byte_count(option: str, text: str) -> int:
    """ "24GiB", "800 MB" or "1000000" in bytes; Unusable for anything else."""
    factors = {"": 1}
    for power, (decimal, binary) in enumerate(UNITS[1:], 1):
        factors |= {decimal: 1000**power, binary: 1024**power}
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(\w*)", text.strip(), re.ASCII)
    if not match or match[2] not in factors:
        raise Unusable(f"{option} must be a size with its unit, as 24GiB or 800MB; got {text!r}")
    return int(Decimal(match[1]) * factors[match[2]])


def share_bar(part: int, whole: int, width: int = 12) -> str:
    """How much of the whole a part is, in percent, behind a bar on a terminal; nothing where it is nothing."""
    if not part:
        return ""
    percent, eighths = f"{100 * part / whole:.1f} %", round(8 * width * part / whole)
    bar = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return f"{bar} {percent}".lstrip() if sys.stdout.isatty() else percent


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
