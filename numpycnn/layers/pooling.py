"""Pooling layers. Source of names and defaults: Keras 3, keras.layers; depth pooling is not in Keras."""

from dataclasses import dataclass
from math import prod
from typing import Any

from numpycnn import ops
from numpycnn.layers.base import Pair, Shape, check_image
from numpycnn.layers.single_op import Op, SingleOp
from numpycnn.ops.arguments import fail, integer, pair
from numpycnn.ops.windows import Window, sliding_window

__all__ = ["AveragePooling2D", "DepthMaxPooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "MaxPooling2D"]


class Pooling(SingleOp):
    """What the pooling of windows shares: how the window slides; strides are pool_size where None.

    Raises: ValueError for a padding other than "valid" and "same".
    """

    pool_size: Any
    strides: Any
    padding: str

    def __post_init__(self):
        if self.padding not in ("valid", "same"):
            fail(self.keras_class, 'padding must be "valid" or "same"', padding=self.padding)

    def slide(self, size: tuple[int, int], pool_size: Pair, strides: Pair) -> Window:
        """How a window slides along two axes of this size."""
        sliding: dict[str, Any] = {"strides": strides, "padding": self.padding}
        return sliding_window(self.keras_class, size, pool_size, **sliding)


class Pooling2D(Pooling):
    """Windows that slide over height and width."""

    def window(self, shape: Shape) -> Window:
        height, width, _ = check_image(self.keras_class, shape)
        pool_size = pair(self.keras_class, "pool_size", self.pool_size)
        return self.slide((height, width), pool_size, pool_size if self.strides is None else self.strides)

    def output_shape(self, shape):
        return (*self.window(shape).output_shape, shape[-1])

    def operations(self, *input_shapes):
        return {"pooling": len(self.window(*input_shapes).taps) * prod(self.output_shape(*input_shapes))}

    def reach(self, *input_shapes):
        return self.window(*input_shapes).reach


@dataclass(frozen=True, eq=False)
class MaxPooling2D(Pooling2D):
    """`ops.max_pool2d`: the largest pixel of every window."""

    op, keeps = Op(ops.max_pool2d, ops.max_pool2d_backward), ("inputs",)

    pool_size: Pair = (2, 2)
    strides: Pair | None = None
    padding: str = "valid"


@dataclass(frozen=True, eq=False)
class AveragePooling2D(Pooling2D):
    """`ops.avg_pool2d`: the average of every window, over the pixels it really holds."""

    op = Op(ops.avg_pool2d, ops.avg_pool2d_backward)

    pool_size: Pair
    strides: Pair | None = None
    padding: str = "valid"


@dataclass(frozen=True, eq=False)
class DepthMaxPooling2D(Pooling):
    """`ops.depth_max_pool`: the largest of neighbouring channels. Sizes are in channels."""

    op, keeps = Op(ops.depth_max_pool, ops.depth_max_pool_backward), ("inputs",)

    pool_size: int
    strides: int | None = None
    padding: str = "valid"

    def output_shape(self, shape):
        height, width, channels = check_image(self.keras_class, shape)
        size = integer(self.keras_class, "pool_size", self.pool_size)
        strides = size if self.strides is None else integer(self.keras_class, "strides", self.strides)
        if size > channels and self.padding == "valid":
            fail(self.keras_class, f"pool_size ({size}) must be at most the channels ({channels})", input_shape=shape)
        return height, width, self.slide((1, channels), (1, size), (1, strides)).columns.output

    def operations(self, *input_shapes):
        return {"pooling": self.pool_size * prod(self.output_shape(*input_shapes))}


class GlobalPooling2D(SingleOp):
    """One number for each whole map; `keepdims` keeps height and width as axes of size 1."""

    keepdims: bool

    def output_shape(self, shape: Shape):
        channels = check_image(self.keras_class, shape)[-1]
        return (1, 1, channels) if self.keepdims else (channels,)

    def operations(self, *input_shapes):
        return {"pooling": prod(input_shapes[0])}

    def reach(self, *input_shapes):
        return None


@dataclass(frozen=True, eq=False)
class GlobalAveragePooling2D(GlobalPooling2D):
    """`ops.global_avg_pool2d`: the average of each whole map."""

    op = Op(ops.global_avg_pool2d, ops.global_avg_pool2d_backward)

    keepdims: bool = False


@dataclass(frozen=True, eq=False)
class GlobalMaxPooling2D(GlobalPooling2D):
    """`ops.global_max_pool2d`: the largest pixel of each whole map."""

    op, keeps = Op(ops.global_max_pool2d, ops.global_max_pool2d_backward), ("inputs", "output")

    keepdims: bool = False
