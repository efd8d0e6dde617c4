"""One difference looked at closely: where it is worst, what the layer saw there, what it looks like, and why."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from numpycnn.verification.calls import Call
from numpycnn.verification.chains import Chain
from numpycnn.verification.explain import Explanation, Observation, explain
from numpycnn.verification.patterns import pattern
from numpycnn.verification.rules.windows import CONVOLUTIONS, POOLS, window_of
from numpycnn.verification.tolerances import tolerance

__all__ = ["Finding", "Seen", "find", "finite"]


@dataclass(frozen=True)
class Seen:
    """The part of an image behind one output: rows and columns, first and last, padding included, and its values.

    values: (rows, columns, channels) of the pixels that exist.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    image: tuple[int, int]
    values: np.ndarray

    @property
    def text(self) -> str:
        (top, bottom), (left, right) = self.rows, self.columns
        height, width = self.image
        beyond = top < 0 or left < 0 or bottom >= height or right >= width
        padding = f", reaching beyond the image of {height}x{width}" if beyond else ""
        return f"rows {top} to {bottom} and columns {left} to {right} of its input{padding}"


@dataclass(frozen=True)
class Finding:
    """A difference.

    index: of the value that is furthest off in units of what rounding explains, with both values there.
    chain: the calls that were explained, None where the layer is no op of the package.   their_values: the output.
    errors: of every value, in units of what rounding explains.
    """

    index: tuple[int, ...]
    ours: float
    theirs: float
    pattern: str
    seen: Seen | None = None
    explanation: Explanation | None = None
    chain: Chain | None = None
    their_values: np.ndarray | None = None
    errors: np.ndarray | None = None

    @property
    def lines(self) -> list[str]:
        at = ", ".join(map(str, self.index))
        lines = []
        if self.index or self.their_values is None:
            lines = [f"at [{at}] the right value is {self.ours:.7g}, theirs is {self.theirs:.7g}"]
        if self.seen is not None:
            lines.append(f"that output sees {self.seen.text}")
        lines.append(f"differs: {self.pattern}")
        if self.explanation is not None:
            lines.append(f"reason: {self.explanation.summary}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        seen = self.seen and {"rows": self.seen.rows, "columns": self.seen.columns, "image": self.seen.image}
        explanation = self.explanation and self.explanation.to_dict()
        return {
            "index": list(self.index),
            "reference": finite(self.ours),
            "theirs": finite(self.theirs),
            "pattern": self.pattern,
            "window": seen,
            "explanation": explanation,
        }


def finite(value):
    """The value, or None where it is a number that JSON does not have."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def find(name: str, reference, theirs, scale, *, length: int, chain: Chain | None, explained: bool = True) -> Finding:
    """Look at one output, `name` of the chain's last call, that differs from its float64 reference."""
    explanation = None
    if chain is not None and explained:
        few = _first_example(chain, theirs)
        explanation = explain([Observation(few[0], {name: few[1]}, {name: scale}, length)])
    if np.shape(reference) != theirs.shape:
        text = f"their shape {theirs.shape} is not {np.shape(reference)}"
        return Finding((), np.nan, np.nan, text, None, explanation, chain, theirs)
    allowed = np.broadcast_to(tolerance(reference, scale, length=length, dtype=theirs.dtype), reference.shape)
    wide = theirs.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.abs(wide - reference) / allowed
    error[np.isnan(error) & ~(np.isnan(wide) & np.isnan(reference))] = np.inf
    index = tuple(int(i) for i in np.unravel_index(np.nanargmax(error), error.shape)) if error.size else ()
    seen = _seen(chain[0], index) if chain is not None and name == "y" else None
    values = float(reference[index]), float(wide[index])
    return Finding(index, *values, pattern(reference, wide, allowed), seen, explanation, chain, theirs, error)


MOST_PAIRED_SIZE = 2**16
"""Numbers of an input above which rules are tried on the first example that differs only."""


def _first_example(chain: Chain, theirs: np.ndarray) -> tuple[Chain, np.ndarray]:
    """The chain on its first example alone, where that is all that the rules need and there is much of it."""
    call = chain[0]
    x = call.arrays.get("x")
    if x is None or x.size <= MOST_PAIRED_SIZE or len(x) < 2 or len(theirs) != len(x) or call.backward:
        return chain, theirs
    if "train" in call.op or set(call.arrays) & {"x1", "y_true"}:
        return chain, theirs
    return (call.with_arrays(x=x[:1]), *chain[1:]), theirs[:1]


def _seen(call: Call, index) -> Seen | None:
    if call.op not in (*CONVOLUTIONS, *POOLS) or len(index) != 4:
        return None
    sides = []
    for axis, i in zip(window_of(call), index[1:3], strict=True):
        first = i * axis.stride - axis.before
        sides.append((first, first + axis.extent - 1))
    x = call.arrays["x"]
    (top, bottom), (left, right) = sides
    values = x[index[0], max(0, top) : bottom + 1, max(0, left) : right + 1]
    return Seen(sides[0], sides[1], x.shape[1:3], values)
