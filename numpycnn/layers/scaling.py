"""Layers that bring values to another range: by numbers, by the statistics of a data set, by a learnt factor.

Source of names and defaults: Keras 3, keras.layers; for LayerScale and CustomScaleLayer the networks of
keras.applications that bring them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpycnn import ops
from numpycnn.layers.base import Gradients, Layer, Shape, WeightSpec, absolute
from numpycnn.layers.initializers import Constant
from numpycnn.ops.arguments import accumulator, axis_index, fail, ieee, integer
from numpycnn.ops.scalars import real

__all__ = ["CustomScaleLayer", "LayerScale", "Normalization", "Rescaling"]

LEAST_DEVIATION = 1e-7
"""What Keras divides by at least, keras.config.epsilon()."""


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


@dataclass(frozen=True, eq=False)
class Normalization(Layer):
    """y = (x - mean) / max(sqrt(variance), 1e-7); with invert, the way back.

    The statistics are given, or else weights that do not train, which Keras's `adapt` fills from a data set: mean,
    variance and, unused since Keras 3, the count of values.

    axis: the axes that have statistics of their own, the batch axis counted as 0; None for one mean of all values.
    mean, variance: a number, or one for each position along the axes, aligned at the last of them.
    """

    work, in_place = "normalization", True

    axis: int | tuple[int, ...] | None = -1
    mean: Any = None
    variance: Any = None
    invert: bool = False

    def __post_init__(self):
        if (self.mean is None) != (self.variance is None) or np.shape(self.mean) != np.shape(self.variance):
            rule = "mean and variance must both be given, of the same shape, or neither"
            fail("Normalization", rule, mean=self.mean, variance=self.variance)

    def kept_axes(self, shape: Shape) -> list[int]:
        """The axes with statistics of their own, ascending, the batch axis counted."""
        given = () if self.axis is None else self.axis if isinstance(self.axis, list | tuple) else (self.axis,)
        axes = {axis_index("Normalization", "axis", axis, len(shape) + 1) for axis in given}
        if 0 in axes or len(axes) < len(given):
            fail("Normalization", "axis must be different axes, not the batch axis", axis=self.axis, input_shape=shape)
        return sorted(axes)

    def output_shape(self, shape):
        axes = self.kept_axes(shape)
        if self.mean is not None:
            own, sizes = np.shape(self.mean), [shape[axis - 1] for axis in axes]
            if len(own) > len(sizes) or any(
                n not in (1, size) for n, size in zip(own[::-1], sizes[::-1], strict=False)
            ):
                fail("Normalization", f"mean must be a number or fit the sizes {tuple(sizes)} of axis", mean=self.mean)
        return shape

    def weight_specs(self, shape):
        if self.mean is not None:
            return {}
        sizes = tuple(shape[axis - 1] for axis in self.kept_axes(shape))
        own = {"mean": (sizes, "zeros"), "variance": (sizes, "ones"), "count": ((), "zeros")}
        return {name: WeightSpec(shape, initializer, trainable=False) for name, (shape, initializer) in own.items()}

    def statistics(self, weights, x) -> tuple[np.ndarray, np.ndarray]:
        """The mean, and the deviation that is divided by, as they broadcast with x."""
        axes, dtype = self.kept_axes(x.shape[1:]), accumulator(x.dtype)
        mean, variance = (np.asarray(weights.get(name, getattr(self, name)), dtype) for name in ("mean", "variance"))
        sizes = dict(zip(axes[::-1], mean.shape[::-1], strict=False))
        shape = [sizes.get(axis, 1) for axis in range(x.ndim)]
        return mean.reshape(shape), np.maximum(np.sqrt(variance.reshape(shape)), dtype.type(LEAST_DEVIATION))

    @ieee
    def forward(self, weights, x):
        mean, deviation = self.statistics(weights, x)
        return np.asarray(x * deviation + mean if self.invert else (x - mean) / deviation, x.dtype)

    @ieee
    def backward(self, weights, dy, kept):
        _, deviation = self.statistics(weights, kept.input)
        return Gradients((np.asarray(dy * deviation if self.invert else dy / deviation, dy.dtype),), {})

    def output_scale(self, weights, inputs, *, training=False):
        mean, deviation = self.statistics(weights, inputs[0])
        x, mean = np.abs(inputs[0]), np.abs(mean)
        return x * deviation + mean if self.invert else (x + mean) / deviation


@dataclass(frozen=True, eq=False)
class LayerScale(Layer):
    """y = x * gamma, one factor for each channel. Source: Touvron et al., arXiv:2103.17239.

    init_values: what every factor starts from.   projection_dim: how many channels there are.
    """

    work = "normalization"

    init_values: float
    projection_dim: int

    def __post_init__(self):
        real("LayerScale", "init_values", self.init_values)

    def output_shape(self, shape):
        if shape[-1:] != (integer("LayerScale", "projection_dim", self.projection_dim),):
            rule = f"projection_dim ({self.projection_dim}) must be the number of channels"
            fail("LayerScale", rule, input_shape=shape)
        return shape

    def weight_specs(self, shape):
        return {"gamma": WeightSpec((self.projection_dim,), Constant(self.init_values))}

    def forward(self, weights, x):
        return ops.multiply(x, self._laid(weights["gamma"], x))

    @property
    def keeps(self):
        return self.keeps_for_weights

    def input_gradients(self, weights, dy, kept):
        return (ops.multiply(dy, self._laid(weights["gamma"], dy)),)

    def weight_gradients(self, weights, dy, kept):
        _, dgamma = ops.multiply_backward(dy, kept.input, self._laid(weights["gamma"], dy))
        return {"gamma": dgamma.reshape(-1)}

    def gradient_scales(self, weights, dy, kept):
        return self.backward(absolute(weights), np.abs(dy), kept._replace(inputs=(np.abs(kept.input),)))

    @staticmethod
    def _laid(gamma, x):
        return gamma.reshape((1,) * (x.ndim - 1) + gamma.shape)


@dataclass(frozen=True, eq=False)
class CustomScaleLayer(Layer):
    """y = x1 + scale * x2: where Inception-ResNet-v2 scales a residual down (arXiv:1602.07261)."""

    work, in_place = "merging", True

    scale: float

    def __post_init__(self):
        real("CustomScaleLayer", "scale", self.scale)

    def output_shape(self, *shapes):
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            fail("CustomScaleLayer", "there must be two inputs of the same shape", input_shapes=shapes)
        return shapes[0]

    @ieee
    def forward(self, weights, x1, x2):
        return np.asarray(x1 + x2 * accumulator(x2.dtype).type(self.scale), x1.dtype)

    @ieee
    def backward(self, weights, dy, kept):
        return Gradients((dy.copy(), np.asarray(dy * accumulator(dy.dtype).type(self.scale), dy.dtype)), {})

    def output_scale(self, weights, inputs, *, training=False):
        return np.abs(inputs[0]) + np.abs(inputs[1]) * abs(self.scale)
