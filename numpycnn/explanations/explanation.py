"""What an explanation is: one structure of which the text, the numbers for programs and the drawing are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

__all__ = ["ROLES", "Boxes", "Explanation", "Grid", "Section", "number_text", "place_text"]

ROLES = {
    "plain": "a value that does not take part",
    "padding": "padding",
    "window": "behind the chosen value",
    "padded": "padding behind the chosen value",
    "chosen": "the chosen value",
    "winner": "the value that was taken",
    "unread": "no window sees it",
    "other": "of another group, or no part of this value",
}
"""What a cell of a drawing is."""

MOST_ROWS = 40
"""The most rows of a table that are printed; the others are counted."""


class Grid(NamedTuple):
    """A plane of numbers. Its first cell stands for row and column `first`, negative where padding comes before.

    roles: one of ROLES for each cell.   starts: the cells in which a window begins, by row and column.
    of: the height and width of all of it, where only a part is shown.
    """

    title: str
    values: np.ndarray
    roles: np.ndarray
    first: tuple[int, int] = (0, 0)
    starts: frozenset[tuple[int, int]] = frozenset()
    of: tuple[int, int] | None = None

    def cells(self, *roles: str) -> set[tuple[int, int]]:
        """The rows and columns of the cells with one of these roles."""
        found = np.argwhere(np.isin(self.roles, roles))
        return {(int(i) + self.first[0], int(j) + self.first[1]) for i, j in found}


class Boxes(NamedTuple):
    """Boxes (n, 4) as xyxy, a word and a role for each."""

    title: str
    boxes: np.ndarray
    labels: Sequence[str]
    roles: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A step of the explanation: sentences, a table, and what it comes to."""

    title: str
    lines: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    results: tuple[str, ...] = ()

    def column(self, heading: str) -> list[Any]:
        """The cells under a heading."""
        return [row[self.headings.index(heading)] for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        table = [dict(zip(self.headings, row, strict=True)) for row in self.rows]
        return {"title": self.title, "lines": self.lines, "table": table, "results": self.results}


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """How one value of an op came about, and who receives of its gradient.

    at: the place of the value in the output of the first example.   value: what the op gives there.
    panels: rows of pictures, top to bottom.
    """

    op: str
    formula: str
    value: float
    at: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    sections: tuple[Section, ...] = ()
    panels: tuple[tuple[Grid | Boxes, ...], ...] = field(default=(), repr=False)

    def section(self, beginning: str) -> Section:
        """The section whose title begins so."""
        return next(section for section in self.sections if section.title.startswith(beginning))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and text, as `--json` prints them."""
        return {
            "op": self.op,
            "at": self.at,
            "value": self.value,
            "output_shape": self.output_shape,
            "formula": self.formula.splitlines(),
            "sections": [section.to_dict() for section in self.sections],
        }

    def __str__(self):
        place = f": the value at {place_text(self.at)} of an output of {_size(self.output_shape)}" if self.at else ""
        blocks = [f"{self.op}{place}", self.formula, *map(_section_text, self.sections)]
        return "\n\n".join(blocks)


def number_text(value: Any) -> str:
    """A whole number as one, others to six digits."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{float(value):.6g}"


def place_text(place: Sequence[int]) -> str:
    """(1, 2, 0) as "[1, 2, 0]"."""
    return f"[{', '.join(map(str, place))}]"


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _section_text(section: Section) -> str:
    lines = [section.title, *(f"  {line}" for line in section.lines)]
    if section.rows:
        shown = [section.headings, *(tuple(map(number_text, row)) for row in section.rows[:MOST_ROWS])]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        numbers = [not isinstance(cell, str) for cell in section.rows[0]]
        for row in shown:
            cells = zip(row, widths, numbers, strict=True)
            line = "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells)
            lines.append(f"    {line.rstrip()}")
        if len(section.rows) > MOST_ROWS:
            lines.append(f"    ... and {len(section.rows) - MOST_ROWS} more; --json has all {len(section.rows)}")
    return "\n".join([*lines, *(f"  {line}" for line in section.results)])
