"""What all explanations of sliding windows share. Every place comes from `ops.windows`, none is computed here."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from numpycnn.explanations.explanation import Grid, Section, place_text
from numpycnn.ops.arguments import fail
from numpycnn.ops.windows import Axis, Window

__all__ = [
    "Place",
    "check_at",
    "index_text",
    "input_grid",
    "middle",
    "output_grid",
    "places",
    "size_section",
    "tap_grid",
]

MARGIN = 4
"""How many cells around the window are drawn where not all fit."""

MOST_CELLS = 20
"""The most rows and columns that are drawn."""


class Place(NamedTuple):
    """What an output sees through tap (a, b): a pixel, or padding where `real` is False."""

    a: int
    b: int
    row: int
    column: int
    real: bool


def places(window: Window, i: int, j: int) -> list[Place]:
    """What output (i, j) sees, tap by tap in row order."""
    rows, columns = window.rows.pixels(i), window.columns.pixels(j)
    found = []
    for a, b in window.taps:
        real = 0 <= rows[a] < window.rows.size and 0 <= columns[b] < window.columns.size
        found.append(Place(a, b, rows[a], columns[b], real))
    return found


def middle(shape: Sequence[int]) -> tuple[int, ...]:
    """The place in the middle, rounded down."""
    return tuple((size - 1) // 2 for size in shape)


def check_at(op: str, at: Sequence[int] | None, shape: Sequence[int]) -> tuple[int, ...]:
    """A place in an output of this shape; the middle of its first channel where none is given.

    Raises: ValueError naming the size for a place outside.
    """
    if 0 in shape:
        fail(op, f"the output {tuple(shape)} has no values to explain")
    if at is None:
        return (*middle(shape[:-1]), 0)
    if len(at) != len(shape) or not all(0 <= index < size for index, size in zip(at, shape, strict=True)):
        last = place_text([size - 1 for size in shape])
        fail(op, f"at must lie in the output {tuple(shape)}, from {place_text([0] * len(shape))} to {last}", at=at)
    return tuple(int(index) for index in at)


def index_text(axis: Axis, output: str, tap: str) -> str:
    """Which pixel tap `tap` of output `output` sees, as "i*2 + a - 1"."""
    step = output if axis.stride == 1 else f"{output}*{axis.stride}"
    offset = tap if axis.dilation == 1 else f"{tap}*{axis.dilation}"
    return f"{step} + {offset}" + (f" - {axis.before}" if axis.before else "")


def size_section(axes: Sequence[Axis], padding, names=("height", "width")) -> Section:
    """How the size of the output came about, with the padding of each side and what no window sees."""
    same = isinstance(padding, str) and padding == "same"
    named = zip(names, axes, strict=True)
    lines = tuple(f"{name}: {line}" for name, axis in named for line in _axis_lines(axis, same))
    return Section(title="How large the output is", lines=lines)


def _axis_lines(axis: Axis, same: bool) -> list[str]:
    lines = []
    reach = f"{axis.dilation} * ({axis.kernel} - 1) + 1 = {axis.extent}" if axis.dilation > 1 else str(axis.extent)
    if axis.dilation > 1:
        lines.append(f"{axis.kernel} taps, {axis.dilation} apart, reach over {reach}")
    last = axis.pixels(axis.output - 1)[-1] + axis.before + 1
    if same:
        lines.append(f'"same" makes ceil({axis.size} / {axis.stride}) = {axis.output}')
        need = f"their windows cover ({axis.output} - 1) * {axis.stride} + {axis.extent} = {last} of {axis.size}"
        pads = f"{axis.before} before, {axis.after} after"
        lines.append(f"{need}: padding {max(0, last - axis.size)}, {pads}")
    else:
        padded = f"{axis.before} + {axis.size} + {axis.after}" if axis.before or axis.after else str(axis.size)
        lines.append(f"floor(({padded} - {axis.extent}) / {axis.stride}) + 1 = {axis.output}")
        lines.append(f"padding {axis.before} before, {axis.after} after")
    return lines + _unread_lines(axis)


def _unread_lines(axis: Axis) -> list[str]:
    unread = axis.unread
    read = max(set(range(axis.size)).difference(unread), default=-1)
    end, between = [pixel for pixel in unread if pixel > read], [pixel for pixel in unread if pixel < read]
    lines = [f"ignored at the end: {_listed(end)}"] if end else ["nothing is ignored at the end"]
    return [*lines, f"between windows nobody sees: {_listed(between)}"] if between else lines


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:8]))
    return f"{shown}, ... ({len(numbers)} of them)" if len(numbers) > 8 else shown


# Drawings.


def input_grid(title: str, plane: np.ndarray, window: Window, i: int, j: int, *, roles=("window", "padded")) -> Grid:
    """The pixels of one channel with their padding, those behind output (i, j) marked.

    roles: of the pixels, and of the padding, behind the output.
    """
    (top, bottom), (left, right) = (_shown(axis, axis.pixels(o)) for axis, o in zip(window, (i, j), strict=True))
    values, marks = np.zeros((bottom - top, right - left)), np.full((bottom - top, right - left), "padding", object)
    unread = [set(axis.unread) for axis in window]
    for row in range(max(top, 0), min(bottom, window.rows.size)):
        for column in range(max(left, 0), min(right, window.columns.size)):
            values[row - top, column - left] = plane[row, column]
            nobody = row in unread[0] or column in unread[1]
            marks[row - top, column - left] = "unread" if nobody else "plain"
    for place in places(window, i, j):
        marks[place.row - top, place.column - left] = roles[0] if place.real else roles[1]
    begins = [[axis.pixels(o)[0] for o in range(axis.output)] for axis in window]
    starts = frozenset(
        (row, column)
        for row in begins[0] if top <= row < bottom
        for column in begins[1] if left <= column < right
    )  # fmt: skip
    whole = bottom - top >= window.rows.size and right - left >= window.columns.size
    return Grid(title, values, marks, (top, left), starts, None if whole else (window.rows.size, window.columns.size))


def _shown(axis: Axis, pixels: list[int]) -> tuple[int, int]:
    """The first pixel that is drawn and the one after the last: all with their padding, or those around a window."""
    first, stop = min(-axis.before, 0), max(axis.size + axis.after, axis.size, pixels[-1] + 1)
    if stop - first <= MOST_CELLS:
        return first, stop
    return max(first, pixels[0] - MARGIN), min(stop, pixels[-1] + 1 + MARGIN)


def tap_grid(title: str, values: np.ndarray, role: str = "window") -> Grid:
    """A plane of a kernel, or of what it gives tap by tap."""
    return Grid(title, values, np.full(values.shape, role, object))


def output_grid(title: str, plane: np.ndarray, i: int, j: int, *, role: str = "chosen") -> Grid:
    """One channel of the output with one value marked."""
    (top, bottom), (left, right) = (_around(size, at) for size, at in zip(plane.shape, (i, j), strict=True))
    values = plane[top:bottom, left:right]
    marks = np.full(values.shape, "plain", object)
    marks[i - top, j - left] = role
    return Grid(title, values, marks, (top, left), of=None if values.shape == plane.shape else plane.shape)


def _around(size: int, at: int) -> tuple[int, int]:
    return (0, size) if size <= MOST_CELLS else (max(0, at - MARGIN), min(size, at + MARGIN + 1))
