"""Activations with arguments or weights of their own. Source of names and defaults: Keras 3, keras.layers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from numpycnn import ops
from numpycnn.layers.activation import softmax_gradient_scale, softmax_scale
from numpycnn.layers.base import Gradients, Layer, WeightSpec
from numpycnn.layers.single_op import Op, SingleOp
from numpycnn.ops.arguments import axis_index, fail, integer
from numpycnn.ops.scalars import real

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


def at_least_zero(layer: Layer, *names: str) -> None:
    """Raise unless these fields are numbers of at least 0."""
    for name in names:
        real(layer.keras_class, name, getattr(layer, name), rule="a number, at least 0", low=0)


@dataclass(frozen=True, eq=False)
class ReLU(SingleOp):
    """`ops.relu`: what lies above the threshold, up to max_value; below it, negative_slope times the distance to it."""

    work, in_place = "activation", True
    op = Op(ops.relu, ops.relu_backward)

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __post_init__(self):
        at_least_zero(self, "negative_slope", "threshold", *(["max_value"] if self.max_value is not None else []))

    def forward_over(self, weights, x):
        if self.threshold or self.negative_slope:
            return None
        return np.clip(x, 0, self.max_value, out=x) if self.max_value is not None else np.maximum(x, 0, out=x)

    @property
    def keeps(self):
        """The output where it tells on which side of every kink the input was."""
        return ("output",) if self.threshold == 0 and self.max_value in (None, 6) else ("inputs",)

    def output_scale(self, weights, inputs, *, training=False):
        return max(1, self.negative_slope) * (np.abs(inputs[0]) + self.threshold)


@dataclass(frozen=True, eq=False)
class LeakyReLU(SingleOp):
    """`ops.leaky_relu`: x above 0, negative_slope * x below."""

    work, in_place = "activation", True
    op, keeps = Op(ops.leaky_relu, ops.leaky_relu_backward), ("output",)

    negative_slope: float = 0.3

    def __post_init__(self):
        at_least_zero(self, "negative_slope")


@dataclass(frozen=True, eq=False)
class PReLU(Layer):
    """`ops.prelu`: x above 0, alpha * x below, with a learnt alpha for each value of an example.

    shared_axes: the axes along which one alpha is shared, 1 the first after the batch: (1, 2) for one a channel.
    """

    work, in_place = "activation", True
    keeps = ("inputs",)

    alpha_initializer: Any = "Zeros"
    shared_axes: int | tuple[int, ...] | None = None

    def output_shape(self, shape):
        for axis in self.shared:
            if integer("PReLU", "shared_axes", axis) > len(shape):
                fail("PReLU", f"shared_axes must lie in [1, {len(shape)}]", shared_axes=self.shared_axes)
        return shape

    @property
    def shared(self) -> tuple[int, ...]:
        axes = () if self.shared_axes is None else self.shared_axes
        return tuple(axes) if isinstance(axes, list | tuple) else (axes,)

    def weight_specs(self, shape):
        alpha = tuple(1 if axis in self.shared else size for axis, size in enumerate(shape, 1))
        return {"alpha": WeightSpec(alpha, self.alpha_initializer)}

    def forward(self, weights, x):
        return ops.prelu(x, weights["alpha"])

    def backward(self, weights, dy, kept):
        dx, dalpha = ops.prelu_backward(dy, kept.input, weights["alpha"])
        return Gradients((dx,), {"alpha": dalpha})

    def output_scale(self, weights, inputs, *, training=False):
        return np.abs(inputs[0]) * np.maximum(1, np.abs(weights["alpha"]))


@dataclass(frozen=True, eq=False)
class ELU(SingleOp):
    """`ops.elu`: x above 0, alpha * (exp(x) - 1) below."""

    work, in_place = "activation", True
    op = Op(ops.elu, ops.elu_backward)

    alpha: float = 1.0

    def __post_init__(self):
        real("ELU", "alpha", self.alpha)

    @property
    def keeps(self):
        return ("output",) if self.alpha >= 0 else ("inputs",)

    def output_scale(self, weights, inputs, *, training=False):
        return np.maximum(inputs[0], 0) + abs(self.alpha)

    def gradient_scales(self, weights, dy, kept):
        return Gradients((np.abs(dy) * max(1, abs(self.alpha)),), {})


@dataclass(frozen=True, eq=False)
class Softmax(SingleOp):
    """`ops.softmax` along one axis, which counts the batch axis as 0: -1 is the last, 1 the first of an example."""

    work, in_place = "activation", True
    op, keeps = Op(ops.softmax, ops.softmax_backward), ("output",)

    axis: int = -1

    def output_shape(self, shape):
        if axis_index("Softmax", "axis", self.axis, len(shape) + 1) == 0:
            fail("Softmax", "axis must not be the batch axis", axis=self.axis, input_shape=shape)
        return shape

    def output_scale(self, weights, inputs, *, training=False):
        return softmax_scale(np.abs(inputs[0]), self.forward(weights, *inputs), self.axis)

    def gradient_scales(self, weights, dy, kept):
        return Gradients((softmax_gradient_scale(dy, kept.output, self.axis),), {})
