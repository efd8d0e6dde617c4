"""What is measured: rows by name, each with a way to prepare the call of every side."""

from collections.abc import Callable
from typing import Any, NamedTuple

Prepare = Callable[[], Callable[[], Any]]
"""Imports and makes what the call needs, untimed; gives the call that is timed."""


class Row(NamedTuple):
    """One line of the table; sides: "numpycnn", "tensorflow", ... in the order of the columns."""

    name: str
    sides: dict[str, Prepare]


def all_rows() -> dict[str, Row]:
    from benchmarks.detection import ROWS

    return {row.name: row for row in ROWS}
