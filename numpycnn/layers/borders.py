"""Layers that put borders around images or cut them away. Source of names and defaults: Keras 3, keras.layers."""

from dataclasses import dataclass

import numpy as np

from numpycnn import ops
from numpycnn.layers.base import Pair, check_image
from numpycnn.layers.single_op import Op, SingleOp
from numpycnn.ops.arguments import fail, integer
from numpycnn.ops.borders import border_sides
from numpycnn.ops.windows import Reach

__all__ = ["CenterCrop", "Cropping2D", "ZeroPadding2D"]

Sides = int | tuple[Pair, Pair]


@dataclass(frozen=True, eq=False)
class ZeroPadding2D(SingleOp):
    """`ops.zero_padding2d`: one integer, (height, width), or ((top, bottom), (left, right)), in pixels."""

    op = Op(ops.zero_padding2d, ops.zero_padding2d_backward)

    padding: Sides = (1, 1)

    def output_shape(self, shape):
        height, width, channels = check_image("ZeroPadding2D", shape)
        rows, columns = border_sides("ZeroPadding2D", "padding", self.padding)
        return height + sum(rows), width + sum(columns), channels

    def reach(self, *input_shapes):
        rows, columns = border_sides("ZeroPadding2D", "padding", self.padding)
        return Reach(1, -rows[0], -rows[0]), Reach(1, -columns[0], -columns[0])


@dataclass(frozen=True, eq=False)
class Cropping2D(SingleOp):
    """`ops.cropping2d`: as `ZeroPadding2D`, the other way; at least one pixel must stay."""

    op = Op(ops.cropping2d, ops.cropping2d_backward)

    cropping: Sides = ((0, 0), (0, 0))

    def output_shape(self, shape):
        height, width, channels = check_image("Cropping2D", shape)
        rows, columns = border_sides("Cropping2D", "cropping", self.cropping)
        if sum(rows) >= height or sum(columns) >= width:
            fail("Cropping2D", f"a pixel must stay of {height} x {width}", cropping=self.cropping, input_shape=shape)
        return height - sum(rows), width - sum(columns), channels

    def reach(self, *input_shapes):
        rows, columns = border_sides("Cropping2D", "cropping", self.cropping)
        return Reach(1, rows[0], rows[0]), Reach(1, columns[0], columns[0])


@dataclass(frozen=True, eq=False)
class CenterCrop(SingleOp):
    """`ops.center_crop`: the middle of an image; where the image is too small, its largest middle part, resized."""

    op = Op(ops.center_crop, ops.center_crop_backward)

    height: int
    width: int

    def output_shape(self, shape):
        height, width = (integer("CenterCrop", name, getattr(self, name)) for name in ("height", "width"))
        return height, width, check_image("CenterCrop", shape)[-1]

    def output_scale(self, weights, inputs, *, training=False):
        return np.abs(inputs[0]).max(axis=(1, 2), keepdims=True)
