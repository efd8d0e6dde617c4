"""Layers that give images another size, or their pixels another range. Source: Keras 3, keras.layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from numpycnn import ops
from numpycnn.layers.base import Gradients, Layer, Pair, check_image
from numpycnn.layers.single_op import Op, SingleOp
from numpycnn.ops.arguments import accumulator, fail, integer, pair
from numpycnn.ops.windows import Reach

__all__ = ["Rescaling", "Resizing", "UpSampling2D"]


class Interpolating(SingleOp):
    """What resizing layers share: how new pixels are made of old ones.

    Raises: ValueError for an interpolation other than "nearest" and "bilinear".
    """

    interpolation: str

    def __post_init__(self):
        if self.interpolation not in ("nearest", "bilinear"):
            fail(self.keras_class, 'interpolation must be "nearest" or "bilinear"', interpolation=self.interpolation)

    def operations(self, *input_shapes):
        return {"resizing": 4 * prod(self.output_shape(*input_shapes))} if self.interpolation == "bilinear" else {}

    def reach(self, *input_shapes):
        """The pixels on either side of the place whose value is wanted; nearest takes one of them."""
        sizes = zip(input_shapes[0][:2], self.output_shape(*input_shapes)[:2], strict=True)
        steps = (Fraction(before, after) for before, after in sizes)
        rows, columns = (Reach(step, step / 2 - Fraction(3, 2), step / 2 + Fraction(1, 2)) for step in steps)
        return rows, columns

    def output_scale(self, weights, inputs, *, training=False):
        return np.abs(inputs[0]).max(axis=(1, 2), keepdims=True)


@dataclass(frozen=True, eq=False)
class UpSampling2D(Interpolating):
    """`ops.up_sampling2d`: images a whole number of times as large, one factor or (height, width)."""

    op = Op(ops.up_sampling2d, ops.up_sampling2d_backward)

    size: Pair = (2, 2)
    interpolation: str = "nearest"

    def output_shape(self, shape):
        height, width, channels = check_image("UpSampling2D", shape)
        rows, columns = pair("UpSampling2D", "size", self.size)
        return height * rows, width * columns, channels


@dataclass(frozen=True, eq=False)
class Resizing(Interpolating):
    """`ops.resize`: images of height x width pixels, whatever they were."""

    op = Op(ops.resize, ops.resize_backward)

    height: int
    width: int
    interpolation: str = "bilinear"

    @property
    def arguments(self):
        return {"size": (self.height, self.width), "interpolation": self.interpolation}

    def output_shape(self, shape):
        height, width = (integer("Resizing", name, getattr(self, name)) for name in ("height", "width"))
        return height, width, check_image("Resizing", shape)[-1]


@dataclass(frozen=True, eq=False)
class Rescaling(Layer):
    """y = x * scale + offset, each a number or one for each channel.

    Rescaling(1 / 127.5, -1) maps 0 .. 255 to -1 .. 1.
    """

    work, in_place = "normalization", True

    scale: float | Sequence[float]
    offset: float | Sequence[float] = 0.0

    def output_shape(self, shape):
        for name in ("scale", "offset"):
            if np.shape(getattr(self, name)) not in ((), tuple(shape[-1:])):
                fail("Rescaling", f"{name} must be a number or one for each channel", input_shape=shape)
        return shape

    def forward(self, weights, x):
        scale, offset = (np.asarray(value, accumulator(x.dtype)) for value in (self.scale, self.offset))
        return np.asarray(x * scale + offset, x.dtype)

    def backward(self, weights, dy, kept):
        return Gradients((np.asarray(dy * np.asarray(self.scale, accumulator(dy.dtype)), dy.dtype),), {})

    def output_scale(self, weights, inputs, *, training=False):
        return np.abs(inputs[0]) * np.abs(self.scale) + np.abs(self.offset)
