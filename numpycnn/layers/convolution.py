"""Convolution layers. Source of names, defaults and weight layouts: Keras 3, keras.layers."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from numpycnn import ops
from numpycnn.layers.activation import ActivatedLayer
from numpycnn.layers.base import Gradients, Kept, Pair, Shape, WeightSpec, check_image
from numpycnn.ops.arguments import accumulator, fail, integer, pair
from numpycnn.ops.correlation import correlate, correlate_to_input, correlate_to_kernel, sum_per_channel
from numpycnn.ops.depthwise_passes import depthwise_to_input, depthwise_to_kernel
from numpycnn.ops.windows import Window, sliding_window, transposed_window

__all__ = ["Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D"]


class Convolution(ActivatedLayer):
    """What all convolution layers share: how the window slides, the bias, the activation after it.

    Raises: ValueError for a padding other than "valid" and "same", and for strides > 1 together with
    dilation_rate > 1 in the layers in which Keras refuses that.
    """

    skips_while_striding: ClassVar[bool] = False  # whether strides > 1 and dilation_rate > 1 may come together

    kernel_size: Pair
    use_bias: bool
    bias_initializer: Any

    def __post_init__(self):
        super().__post_init__()
        name, sliding = self.keras_class, self.sliding
        if sliding["padding"] not in ("valid", "same"):
            fail(name, 'padding must be "valid" or "same"', padding=sliding["padding"])
        strides, dilation = (pair(name, key, sliding[key]) for key in ("strides", "dilation_rate"))
        if max(strides) > 1 and max(dilation) > 1 and not self.skips_while_striding:
            fail(name, "strides > 1 and dilation_rate > 1 exclude each other", strides=strides, dilation_rate=dilation)

    @property
    def sliding(self) -> dict[str, Any]:
        """The arguments that the layer and its op share."""
        return {key: getattr(self, key) for key in ("strides", "padding", "dilation_rate")}

    def window(self, shape: Shape) -> Window:
        """How the kernel slides over images of this shape."""
        height, width, _ = check_image(self.keras_class, shape)
        return sliding_window(self.keras_class, (height, width), self.kernel_size, **self.sliding)

    def slid(self, shape: Shape) -> tuple[int, int]:
        """The height and width of the output."""
        return self.window(shape).output_shape

    def reach(self, *input_shapes):
        return self.window(*input_shapes).reach

    def with_bias(self, filters: int, **kernels: WeightSpec) -> dict[str, WeightSpec]:
        return {**kernels, "bias": WeightSpec((filters,), self.bias_initializer)} if self.use_bias else kernels

    def with_dbias(self, dy, **dkernels) -> dict[str, np.ndarray]:
        return {**dkernels, "bias": sum_per_channel(dy)} if self.use_bias else dkernels


@dataclass(frozen=True, eq=False)
class Conv2D(Convolution):
    """`ops.conv2d` with a kernel (kh, kw, channels // groups, filters)."""

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: str = "valid"
    dilation_rate: Pair = (1, 1)
    groups: int = 1
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"

    def output_shape(self, shape):
        size, channels = self.slid(shape), shape[-1]
        filters, groups = integer("Conv2D", "filters", self.filters), integer("Conv2D", "groups", self.groups)
        if channels % groups or filters % groups:
            rule = f"groups ({groups}) must divide the channels ({channels}) and the filters ({filters})"
            fail("Conv2D", rule, input_shape=shape)
        return (*size, filters)

    def weight_specs(self, shape):
        kernel = (*pair("Conv2D", "kernel_size", self.kernel_size), shape[-1] // self.groups, self.filters)
        return self.with_bias(self.filters, kernel=WeightSpec(kernel, self.kernel_initializer))

    def macs(self, shape):
        height, width, _ = self.output_shape(shape)
        return height * width * prod(self.weight_specs(shape)["kernel"].shape)

    def forward(self, weights, x):
        return ops.conv2d(x, weights["kernel"], weights.get("bias"), **self.sliding, groups=self.groups)

    def input_gradients(self, weights, dy, kept):
        return (correlate_to_input(dy, weights["kernel"], self.window(kept.input.shape[1:]), self.groups),)

    def weight_gradients(self, weights, dy, kept):
        x, shape = kept.input, weights["kernel"].shape
        return self.with_dbias(dy, kernel=correlate_to_kernel(dy, x, shape, self.window(x.shape[1:]), self.groups))


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D(Convolution):
    """`ops.depthwise_conv2d` with a kernel (kh, kw, channels, depth_multiplier)."""

    skips_while_striding = True

    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: str = "valid"
    depth_multiplier: int = 1
    dilation_rate: Pair = (1, 1)
    activation: str | None = None
    use_bias: bool = True
    depthwise_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"

    def output_shape(self, shape):
        multiplier = integer("DepthwiseConv2D", "depth_multiplier", self.depth_multiplier)
        return (*self.slid(shape), shape[-1] * multiplier)

    def weight_specs(self, shape):
        kernel = (*pair("DepthwiseConv2D", "kernel_size", self.kernel_size), shape[-1], self.depth_multiplier)
        filters = shape[-1] * self.depth_multiplier
        return self.with_bias(filters, kernel=WeightSpec(kernel, self.depthwise_initializer))

    def macs(self, shape):
        height, width, _ = self.output_shape(shape)
        return height * width * prod(self.weight_specs(shape)["kernel"].shape)

    def forward(self, weights, x):
        return ops.depthwise_conv2d(x, weights["kernel"], weights.get("bias"), **self.sliding)

    def input_gradients(self, weights, dy, kept):
        return (depthwise_to_input(dy, kept.input, weights["kernel"], self.window(kept.input.shape[1:])),)

    def weight_gradients(self, weights, dy, kept):
        window = self.window(kept.input.shape[1:])
        return self.with_dbias(dy, kernel=depthwise_to_kernel(dy, kept.input, weights["kernel"], window))


@dataclass(frozen=True, eq=False)
class SeparableConv2D(Convolution):
    """`ops.separable_conv2d`: kernels (kh, kw, channels, multiplier) and (1, 1, channels * multiplier, filters)."""

    skips_while_striding = True

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: str = "valid"
    dilation_rate: Pair = (1, 1)
    depth_multiplier: int = 1
    activation: str | None = None
    use_bias: bool = True
    depthwise_initializer: Any = "glorot_uniform"
    pointwise_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"

    def output_shape(self, shape):
        return (*self.slid(shape), integer("SeparableConv2D", "filters", self.filters))

    def weight_specs(self, shape):
        multiplier = integer("SeparableConv2D", "depth_multiplier", self.depth_multiplier)
        depthwise = (*pair("SeparableConv2D", "kernel_size", self.kernel_size), shape[-1], multiplier)
        pointwise = (1, 1, shape[-1] * multiplier, self.filters)
        return self.with_bias(
            self.filters,
            depthwise_kernel=WeightSpec(depthwise, self.depthwise_initializer),
            pointwise_kernel=WeightSpec(pointwise, self.pointwise_initializer),
        )

    @property
    def halves(self) -> "tuple[DepthwiseConv2D, Conv2D]":
        """The depthwise convolution, and the 1x1 convolution that mixes the channels."""
        given = {"depth_multiplier": self.depth_multiplier, "trainable": self.trainable}
        first = DepthwiseConv2D(self.kernel_size, **self.sliding, use_bias=False, **given)
        return first, Conv2D(self.filters, 1, use_bias=self.use_bias, trainable=self.trainable)

    def macs(self, shape):
        height, width, _ = self.output_shape(shape)
        specs = self.weight_specs(shape)
        return height * width * sum(prod(specs[name].shape) for name in ("depthwise_kernel", "pointwise_kernel"))

    def forward(self, weights, x):
        kernels = weights["depthwise_kernel"], weights["pointwise_kernel"]
        return ops.separable_conv2d(x, *kernels, weights.get("bias"), **self.sliding)

    def backward(self, weights, dy, kept):
        """Back through both halves; what is between them is computed again, for the gradients of the kernels alone."""
        (first, second), dtype = self.halves, accumulator(dy.dtype)
        x, wide, depthwise, pointwise = (
            array.astype(dtype, copy=False)
            for array in (kept.input, dy, weights["depthwise_kernel"], weights["pointwise_kernel"])
        )
        between = np.broadcast_to(np.zeros((), dtype), (len(x), *first.output_shape(x.shape[1:])))
        if self.trainable:
            between = first.forward({"kernel": depthwise}, x)
        after = second.backward({"kernel": pointwise}, wide, Kept((between,), (), {}))
        (dbetween,) = after.inputs
        before = first.backward({"kernel": depthwise}, dbetween, Kept((x,), (), {}, kept.input_gradients))
        found = {"depthwise_" + name: d for name, d in before.weights.items()}
        found |= {"bias" if name == "bias" else "pointwise_" + name: d for name, d in after.weights.items()}
        narrow = {name: d.astype(dy.dtype, copy=False) for name, d in found.items()}
        return Gradients(tuple(dx.astype(dy.dtype, copy=False) for dx in before.inputs), narrow)


@dataclass(frozen=True, eq=False)
class Conv2DTranspose(Convolution):
    """`ops.conv2d_transpose` with a kernel (kh, kw, filters, channels)."""

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: str = "valid"
    output_padding: Pair | None = None
    dilation_rate: Pair = (1, 1)
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"

    @property
    def sliding(self):
        return {**super().sliding, "output_padding": self.output_padding}

    def window(self, shape):
        """How the convolution slides whose gradient this is: over the output."""
        height, width, _ = check_image("Conv2DTranspose", shape)
        return transposed_window("Conv2DTranspose", (height, width), self.kernel_size, **self.sliding)

    def slid(self, shape):
        window = self.window(shape)
        return window.rows.size, window.columns.size

    def reach(self, *input_shapes):
        return self.window(*input_shapes).transposed_reach

    def output_shape(self, shape):
        return (*self.slid(shape), integer("Conv2DTranspose", "filters", self.filters))

    def weight_specs(self, shape):
        kernel = (*pair("Conv2DTranspose", "kernel_size", self.kernel_size), self.filters, shape[-1])
        return self.with_bias(self.filters, kernel=WeightSpec(kernel, self.kernel_initializer))

    def macs(self, shape):
        height, width, _ = shape
        return height * width * prod(self.weight_specs(shape)["kernel"].shape)

    def forward(self, weights, x):
        return ops.conv2d_transpose(x, weights["kernel"], weights.get("bias"), **self.sliding)

    def input_gradients(self, weights, dy, kept):
        return (correlate(dy, weights["kernel"], None, self.window(kept.input.shape[1:]), 1),)

    def weight_gradients(self, weights, dy, kept):
        x, shape = kept.input, weights["kernel"].shape
        return self.with_dbias(dy, kernel=correlate_to_kernel(x, dy, shape, self.window(x.shape[1:]), 1))
