"""Layers that merge branches of a network. Source of names and defaults: Keras 3, keras.layers."""

from dataclasses import dataclass
from itertools import zip_longest
from math import prod
from typing import ClassVar

import numpy as np

from numpycnn import ops
from numpycnn.layers.base import Gradients, Layer
from numpycnn.layers.single_op import Op
from numpycnn.ops.arguments import axis_index, fail, ieee

__all__ = ["Add", "Average", "Concatenate", "Maximum", "Multiply", "Subtract"]


class Merging(Layer):
    """One op on all inputs, element by element. A subclass says `op` and, where its backward reads them, `keeps`.

    Examples broadcast as in NumPy: an input of fewer axes is repeated along the first ones of an example, never along
    the batch.
    """

    in_place = True

    op: ClassVar[Op]

    def output_shape(self, *shapes):
        if not shapes:
            fail(self.keras_class, "there must be at least one input")
        sizes = [set(along) - {1} for along in zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1)]
        if any(len(different) > 1 for different in sizes):
            fail(self.keras_class, "the inputs must have the same sizes along each axis, or 1", input_shapes=shapes)
        return tuple(different.pop() if different else 1 for different in sizes[::-1])

    def operations(self, *input_shapes):
        return {"merging": (len(input_shapes) - 1) * prod(self.output_shape(*input_shapes))}

    def reach(self, *input_shapes):
        """Its own pixel, in inputs that have one for each; an input that is spread over all pixels is read whole."""
        return super().reach(*(shape for shape in input_shapes if len(shape) == 3))

    def forward(self, weights, *inputs):
        return self.op.forward(*_aligned(inputs))

    def backward(self, weights, dy, kept):
        gradients = self.op.backward(dy, *_aligned(kept.inputs))
        return Gradients(tuple(dx.reshape(x.shape) for dx, x in zip(gradients, kept.inputs, strict=True)), {})


@dataclass(frozen=True, eq=False)
class Add(Merging):
    """`ops.add`: the sum of the inputs, as at the end of a residual unit."""

    op = Op(ops.add, ops.add_backward)

    @ieee
    def forward_over(self, weights, *inputs):
        first, *others = inputs
        if first.dtype == np.float16 or any(x.shape != first.shape for x in others):
            return None
        for x in others:
            first += x
        return first


@dataclass(frozen=True, eq=False)
class Subtract(Merging):
    """`ops.subtract`: the first of two inputs less the second."""

    op = Op(ops.subtract, ops.subtract_backward)

    def output_shape(self, *shapes):
        if len(shapes) != 2:
            fail("Subtract", "there must be two inputs", input_shapes=shapes)
        return super().output_shape(*shapes)

    def output_scale(self, weights, inputs, *, training=False):
        return ops.add(*_aligned(tuple(map(np.abs, inputs))))


@dataclass(frozen=True, eq=False)
class Multiply(Merging):
    """`ops.multiply`: the product of the inputs, as where a squeeze-and-excitation block weighs its channels."""

    op, keeps = Op(ops.multiply, ops.multiply_backward), ("inputs",)

    def gradient_scales(self, weights, dy, kept):
        return self.backward(weights, np.abs(dy), kept._replace(inputs=tuple(map(np.abs, kept.inputs))))


@dataclass(frozen=True, eq=False)
class Maximum(Merging):
    """`ops.maximum`: the largest of the inputs."""

    op, keeps = Op(ops.maximum, ops.maximum_backward), ("inputs",)


@dataclass(frozen=True, eq=False)
class Average(Merging):
    """`ops.average`: the mean of the inputs."""

    op = Op(ops.average, ops.average_backward)


@dataclass(frozen=True, eq=False)
class Concatenate(Layer):
    """`ops.concatenate` along one axis, which counts the batch axis as 0: -1 joins channels, 1 rows of images."""

    axis: int = -1

    def output_shape(self, *shapes):
        if not shapes:
            fail("Concatenate", "there must be at least one input")
        axis = axis_index("Concatenate", "axis", self.axis, len(shapes[0]) + 1) - 1
        if axis < 0:
            fail("Concatenate", "axis must not be the batch axis", axis=self.axis, input_shapes=shapes)
        if len({(*shape[:axis], None, *shape[axis + 1 :]) for shape in shapes}) > 1:
            fail("Concatenate", "the inputs may differ along the axis only", axis=self.axis, input_shapes=shapes)
        return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])

    def forward(self, weights, *inputs):
        return ops.concatenate(inputs, axis=self.axis)

    def backward(self, weights, dy, kept):
        return Gradients(ops.concatenate_backward(dy, kept.inputs, axis=self.axis), {})


def _aligned(arrays: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """The arrays with one number of axes: (batch, C) beside (batch, H, W, C) becomes (batch, 1, 1, C)."""
    most = max(x.ndim for x in arrays)
    return [x.reshape(len(x), *(1,) * (most - x.ndim), *x.shape[1:]) for x in arrays]
