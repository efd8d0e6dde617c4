"""A case is one drawn call of an op; an Op says how its cases are drawn and what TensorFlow computes for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.verification.tolerances import SUM


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
    """An op as the tests see it.

    tensorflow: called with the case's arrays as tensors and its options, by the op's own argument names; gives the
        output, or a tuple of outputs.
    length: K, the number of terms in one output sum, from a case; gradients derive theirs from it.
    scale: S of each output from a float64 case; by default the op on absolute values, right for linear ops.
    gradient_scale: S of each gradient from (dy's, float64 case); by default backward on absolute values.
    constant: c of the tolerance.   exact: sums of small integers come out to the bit.
    smooth: has a derivative at every drawn point, so that finite differences apply.
    tensorflow_dtype: the widest dtype TensorFlow has this op in.
    differentiable: names of the arrays that backward gives gradients for, bias last; None for all arrays.
    keywords: names of the arrays that are passed by keyword, forward and backward.
    listed: takes its arrays as one list, as concatenate does.
    """

    name: str
    cases: st.SearchStrategy[Case]
    tensorflow: Callable[..., Any]
    length: Callable[[Case], int] = lambda case: 1
    scale: Callable[[Case], Any] | None = None
    gradient_scale: Callable[[Any, Case], Any] | None = None
    constant: float = SUM
    exact: bool = False
    smooth: bool = True
    tensorflow_dtype: type = np.float64
    differentiable: tuple[str, ...] | None = None
    keywords: tuple[str, ...] = ()
    listed: bool = False

    def __str__(self):
        return self.name

    def forward(self, case: Case) -> tuple[np.ndarray, ...]:
        return as_tuple(getattr(numpycnn.ops, self.name)(*self.positional(case), **self.named(case), **case.options))

    def backward(self, dy: tuple[np.ndarray, ...], case: Case) -> dict[str, np.ndarray]:
        """The gradients by argument name; dy has one array for each output that backward takes (the first)."""
        backward = getattr(numpycnn.ops, f"{self.name}_backward")
        gradients = as_tuple(backward(dy[0], *self.positional(case, "bias"), **self.named(case), **case.options))
        names = self.differentiable or tuple(case.arrays)
        assert len(gradients) == len(names), f"{self.name}_backward must give the gradients of {names}"
        return dict(zip(names, gradients, strict=True))

    def positional(self, case: Case, *left_out: str) -> list:
        arguments = [v for k, v in case.arrays.items() if k not in (*left_out, *self.keywords)]
        return [arguments] if self.listed else arguments

    def named(self, case: Case) -> dict[str, Any]:
        return {k: case.arrays[k] for k in self.keywords}

    def output_scales(self, case: Case) -> tuple[np.ndarray, ...]:
        return self.forward(case.absolute()) if self.scale is None else as_tuple(self.scale(case))

    def gradient_scales(self, dy, case: Case) -> dict[str, np.ndarray]:
        if self.gradient_scale is None:
            return self.backward((abs(dy[0]),), case.absolute())
        return dict(
            zip(
                self.differentiable or tuple(case.arrays),
                as_tuple(self.gradient_scale(dy[0], case)),
                strict=True,
            )
        )


def as_tuple(value) -> tuple:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def is_float(value) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
