"""Layers without weights that are one op: the layer's own fields are the op's arguments, by the same names."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from numpycnn.layers.base import Gradients, Layer

__all__ = ["Op", "SingleOp"]


class Op(NamedTuple):
    """A function of numpycnn.ops and its backward."""

    forward: Callable[..., np.ndarray]
    backward: Callable[..., Any]


class SingleOp(Layer):
    """The base of the layers that are one op of one array. A subclass says `op`, `keeps` and its fields.

    The backward gets the input and, where `keeps` has "output", y; the input is None where `keeps` has "output" alone.
    """

    op: ClassVar[Op]

    @property
    def arguments(self) -> dict[str, Any]:
        """What the op gets besides its array."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("name", "trainable")}

    def output_shape(self, shape):
        return shape

    def forward(self, weights, x):
        return self.op.forward(x, **self.arguments)

    def backward(self, weights, dy, kept):
        x = None if self.keeps == ("output",) else kept.input
        given = {"y": kept.output} if "output" in self.keeps else {}
        return Gradients((self.op.backward(dy, x, **self.arguments, **given),), {})
