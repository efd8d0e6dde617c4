"""Dense layers, LeNet-5's radial-basis output, and the reshapes that lead to them. Source: Keras 3, keras.layers."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from numpycnn import ops
from numpycnn.layers.activation import ActivatedLayer
from numpycnn.layers.base import Gradients, Layer, Shape, WeightSpec
from numpycnn.layers.single_op import Op, SingleOp
from numpycnn.ops.arguments import fail, integer
from numpycnn.ops.dense import dense_to_bias, dense_to_input, dense_to_kernel, permuted, reshaped

__all__ = ["Dense", "Flatten", "Permute", "RadialBasis", "Reshape"]


@dataclass(frozen=True, eq=False)
class Dense(ActivatedLayer):
    """`ops.dense` along the last axis, with a kernel (features, units)."""

    units: int
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"

    def output_shape(self, shape):
        if not shape:
            fail("Dense", "the input must have the axes (batch, ..., features)", input_shape=shape)
        return (*shape[:-1], integer("Dense", "units", self.units))

    def weight_specs(self, shape):
        kernel = {"kernel": WeightSpec((shape[-1], self.units), self.kernel_initializer)}
        return {**kernel, "bias": WeightSpec((self.units,), self.bias_initializer)} if self.use_bias else kernel

    def macs(self, shape):
        return prod(shape) * self.units

    def forward(self, weights, x):
        return ops.dense(x, weights["kernel"], weights.get("bias"))

    def input_gradients(self, weights, dy, kept):
        return (dense_to_input(dy, weights["kernel"]),)

    def weight_gradients(self, weights, dy, kept):
        dkernel = {"kernel": dense_to_kernel(dy, kept.input)}
        return {**dkernel, "bias": dense_to_bias(dy)} if self.use_bias else dkernel


@dataclass(frozen=True, eq=False)
class RadialBasis(Layer):
    """`ops.radial_basis`: the squared distance to a centre for each unit, the columns of a kernel (features, units)."""

    keeps = ("inputs",)

    units: int
    kernel_initializer: Any = "glorot_uniform"

    def output_shape(self, shape):
        if len(shape) != 1:
            fail("RadialBasis", "the input must have the axes (batch, features)", input_shape=shape)
        return (integer("RadialBasis", "units", self.units),)

    def weight_specs(self, shape):
        return {"kernel": WeightSpec((*shape, self.units), self.kernel_initializer)}

    def macs(self, shape):
        return prod(shape) * self.units

    def forward(self, weights, x):
        return ops.radial_basis(x, weights["kernel"])

    def backward(self, weights, dy, kept):
        dx, dkernel = ops.radial_basis_backward(dy, kept.input, weights["kernel"])
        return Gradients((dx,), {"kernel": dkernel})

    def output_scale(self, weights, inputs, *, training=False):
        return self.forward({"kernel": -np.abs(weights["kernel"])}, np.abs(inputs[0]))

    def gradient_scales(self, weights, dy, kept):
        dx, dkernel = ops.radial_basis_backward(np.abs(dy), np.abs(kept.input), -np.abs(weights["kernel"]))
        return Gradients((dx,), {"kernel": -dkernel})


@dataclass(frozen=True, eq=False)
class Flatten(SingleOp):
    """`ops.flatten`: the values of each example in one row, height, width, channels."""

    view = True
    op = Op(ops.flatten, ops.flatten_backward)

    def output_shape(self, shape):
        return (prod(shape),)


@dataclass(frozen=True, eq=False)
class Reshape(SingleOp):
    """`ops.reshape`: each example in another shape, of which one size may be -1."""

    view = True
    op = Op(ops.reshape, ops.reshape_backward)

    target_shape: Shape

    def output_shape(self, shape):
        return reshaped("Reshape", (1, *shape), self.target_shape)[1:]


@dataclass(frozen=True, eq=False)
class Permute(SingleOp):
    """`ops.permute`: the axes of each example, counted from 1, in the order of dims."""

    op = Op(ops.permute, ops.permute_backward)

    dims: tuple[int, ...]

    def output_shape(self, shape):
        return tuple(shape[axis - 1] for axis in permuted("Permute", (1, *shape), self.dims)[1:])
