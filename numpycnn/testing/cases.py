"""A case is one drawn call of an op; an Op says how its cases are drawn and what a right result may be off by."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from numpycnn.verification.calls import Call, is_float
from numpycnn.verification.tolerances import SUM

__all__ = ["Case", "Op", "as_tuple", "is_float"]


@dataclass(frozen=True)
class Case:
    """The arguments of one call: arrays in the op's order (None where left out), then keywords."""

    arrays: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)

    def astype(self, dtype) -> "Case":
        cast = {k: v.astype(dtype) if is_float(v) else v for k, v in self.arrays.items()}
        return Case(cast, self.options)

    def absolute(self) -> "Case":
        return Case({k: abs(v) if is_float(v) else v for k, v in self.arrays.items()}, self.options)

    def _repr_pretty_(self, printer, cycle):  # how Hypothesis shows a failing case: shapes, not numbers
        shapes = {k: v if v is None else f"{v.dtype}{v.shape}" for k, v in self.arrays.items()}
        printer.text(f"Case({shapes}, {self.options})")


@dataclass(frozen=True)
class Op:
    """An op as its tests see it.

    cases: draws calls of it, in float64 numbers that float16 holds as well.
    length: K, the number of terms in one output sum, from a case; gradients derive theirs from it.
    scale: S of each output from a float64 case; by default the op on absolute values, right for linear ops.
    gradient_scale: S of each gradient from (dy, float64 case); by default backward on absolute values.
    constant: c of the tolerance.   exact: sums of small integers come out to the bit.
    smooth: has a derivative at every drawn point, so that finite differences apply.   gradients: has a backward.
    plain: whether a case is an ordinary one, where cases are drawn that many functions do not care for.
    """

    name: str
    cases: st.SearchStrategy[Case]
    length: Callable[[Case], int] = lambda case: 1
    scale: Callable[[Case], Any] | None = None
    gradient_scale: Callable[[Any, Case], Any] | None = None
    constant: float = SUM
    exact: bool = False
    smooth: bool = True
    gradients: bool = True
    plain: Callable[[Case], bool] | None = None

    def __str__(self):
        return self.name

    def call(self, case: Case, dy=None) -> Call:
        """The case as a call of the op, or of its backward from the gradient dy of its (first) output."""
        if dy is None:
            return Call(self.name, case.arrays, case.options)
        return Call(f"{self.name}_backward", {"dy": dy, **case.arrays}, case.options)

    def forward(self, case: Case) -> tuple[np.ndarray, ...]:
        return tuple(self.call(case).run().values())

    def backward(self, dy: tuple[np.ndarray, ...], case: Case) -> dict[str, np.ndarray]:
        """The gradients by argument name; dy has one array for each output that backward takes (the first)."""
        return {name.removeprefix("d"): gradient for name, gradient in self.call(case, dy[0]).run().items()}

    def differentiable(self, case: Case) -> list[str]:
        """The names of the arrays that backward gives gradients for."""
        return [name.removeprefix("d") for name in self.call(case, 0).output_names]

    def output_scales(self, case: Case) -> tuple[np.ndarray, ...]:
        return self.forward(case.absolute()) if self.scale is None else as_tuple(self.scale(case))

    def gradient_scales(self, dy, case: Case) -> dict[str, np.ndarray]:
        if self.gradient_scale is None:
            return self.backward((abs(dy[0]),), case.absolute())
        return dict(zip(self.differentiable(case), as_tuple(self.gradient_scale(dy[0], case)), strict=True))

    def gradient_length(self, case: Case, y, gradient) -> int:
        """K of a gradient: every product of the forward sums comes back once, spread over the gradient's elements."""
        length = self.length(case)
        return max(length, -(-length * y.size // max(1, gradient.size)))


def as_tuple(value) -> tuple:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
