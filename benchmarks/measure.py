"""Times over interleaved repeats, then memory and accuracy of every side of every row."""

from collections.abc import Iterable
from statistics import median

import numpy as np

from benchmarks.rows import Row
from benchmarks.sides import Sides

PATIENCE = 5.0
"""A side whose calls took so many seconds together is timed no longer on that row."""

CLOSE, SLOW = ("numpycnn", "tensorflow"), 1.0
"""Sides but these whose calls take so many seconds are not called again for their memory and accuracy."""


def measure(rows: list[Row], repeats: int, names: Iterable[str], *, accuracy: bool = True) -> list[dict]:
    """One record a row: {"row": name, "sides": {side: {"min", "median", "repeats", "bytes", "error", "scaled"}}}.

    Times in seconds. error: the largest difference from float64, relative to the largest output; scaled: in units of
    u * S, as `verification.tolerances` has them.
    """
    with Sides() as sides:
        times = _times(rows, repeats, list(names), sides)
        return [_record(row, times, sides, accuracy) for row in rows]


def _record(row: Row, times, sides: Sides, accuracy: bool) -> dict:
    found = {side: _summary(seconds) for (name, side), seconds in times.items() if name == row.name and seconds}
    accuracy = accuracy and row.reference is not None
    reference = sides["float64"].examine(row.name)[1] if accuracy else None
    scale = sides["scale"].examine(row.name)[1] if accuracy and row.scale else None
    for side, summary in found.items():
        if side not in CLOSE and summary["min"] > SLOW:
            continue
        summary["bytes"], arrays = sides[side].examine(row.name, reference is not None and side != "gemm")
        if arrays and reference and [a.shape for a in arrays] == [r.shape for r in reference]:
            summary |= _accuracy(arrays, reference, scale)
    return {"row": row.name, "sides": found}


def _accuracy(arrays, reference, scale) -> dict[str, float]:
    off = [np.abs(array - exact) for array, exact in zip(arrays, reference, strict=True)]
    relative = [d.max(initial=0) / np.abs(r).max(initial=1e-300) for d, r in zip(off, reference, strict=True)]
    if scale is None:
        return {"error": float(max(relative))}
    u = np.finfo(arrays[0].dtype).eps / 2
    scaled = [(d / np.maximum(u * s, 1e-300)).max(initial=0) for d, s in zip(off, scale, strict=True)]
    return {"error": float(max(relative)), "scaled": float(max(scaled))}


def _times(rows, repeats, names, sides) -> dict[tuple[str, str], list[float]]:
    """All seconds by row and side; row after row, in each of them all sides in turn, `repeats` times."""
    times: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        mine = [side for side in names if side in row.sides]
        for _ in range(repeats):
            for side in list(mine):
                spent = times.setdefault((row.name, side), [])
                if sum(spent) > PATIENCE:
                    continue
                new = sides[side].times(row.name)
                if new is None:
                    mine.remove(side)
                else:
                    spent += new
    return times


def _summary(seconds: list[float]) -> dict:
    return {"min": min(seconds), "median": median(seconds), "calls": len(seconds)}
