"""Layers that give images another size. Source of names and defaults: Keras 3, keras.layers."""

from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from numpycnn import ops
from numpycnn.layers.base import Gradients, Pair, check_image
from numpycnn.layers.single_op import Op, SingleOp
from numpycnn.ops.arguments import integer, pair
from numpycnn.ops.resize import check_interpolation, spread_back
from numpycnn.ops.windows import Reach

__all__ = ["Resizing", "UpSampling2D"]


class Interpolating(SingleOp):
    """What resizing layers share: how new pixels are made of old ones.

    Raises: ValueError for an interpolation other than "nearest", "bilinear" and "bicubic".
    """

    interpolation: str

    def __post_init__(self):
        check_interpolation(self.keras_class, self.interpolation)

    def operations(self, *input_shapes):
        pixels = {"nearest": 0, "bilinear": 4, "bicubic": 16}[self.interpolation] * prod(
            self.output_shape(*input_shapes)
        )
        return {"resizing": pixels} if pixels else {}

    def reach(self, *input_shapes):
        """The pixels on either side of the place whose value is wanted, two each for bicubic; nearest takes one."""
        sizes = zip(input_shapes[0][:2], self.output_shape(*input_shapes)[:2], strict=True)
        steps = (Fraction(before, after) for before, after in sizes)
        more = 1 if self.interpolation == "bicubic" else 0
        before, after = Fraction(3, 2) + more, Fraction(1, 2) + more
        rows, columns = (Reach(step, step / 2 - before, step / 2 + after) for step in steps)
        return rows, columns

    def output_scale(self, weights, inputs, *, training=False):
        """The largest pixel; bicubic weights of both signs add up to less than twice that."""
        return np.abs(inputs[0]).max(axis=(1, 2), keepdims=True) * (2 if self.interpolation == "bicubic" else 1)

    def gradient_scales(self, weights, dy, kept):
        return Gradients((spread_back(dy, kept.input.shape[1:3], self.interpolation),), {})


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
