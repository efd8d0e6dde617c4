"""What trains without a batch: group normalization, and convolutions with standardized kernels.

Source of names and defaults: Keras 3, keras.layers; Keras has no standardized convolution of its own.
"""

from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np

from numpycnn import ops
from numpycnn.layers.base import Gradients, Kept, absolute
from numpycnn.layers.convolution import Conv2D
from numpycnn.layers.normalization import PASSES, LayerNormalization, Normalizing
from numpycnn.ops.arguments import fail, integer
from numpycnn.ops.scalars import real

__all__ = ["GroupNormalization", "StandardizedConv2D"]


@dataclass(frozen=True, eq=False)
class GroupNormalization(Normalizing):
    """`ops.group_normalization`: -1 groups are as many as there are channels. axis: the last one only."""

    keeps = ("inputs",)

    groups: int = 32
    axis: int = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"

    def output_shape(self, shape):
        if self.axis not in (-1, len(shape)) or not shape:
            fail("GroupNormalization", f"axis must be the last, -1 or {len(shape)}", axis=self.axis, input_shape=shape)
        groups = integer("GroupNormalization", "groups", self.groups, least=-1)
        if groups == 0 or shape[-1] % groups:
            rule = f"groups must be -1 or divide the channels ({shape[-1]})"
            fail("GroupNormalization", rule, groups=groups, input_shape=shape)
        return shape

    def weight_specs(self, shape):
        return self.learnt_specs(shape[-1:])

    def forward(self, weights, x):
        return ops.group_normalization(x, groups=self.groups, **self.learnt(weights))

    def backward(self, weights, dy, kept):
        arguments = {"groups": self.groups, **self.learnt(weights)}
        return self.gradients(*ops.group_normalization_backward(dy, kept.input, **arguments))

    def output_scale(self, weights, inputs, *, training=False):
        x, own = self._grouped(inputs[0]), absolute(weights)
        size = self._of_a_group(x).output_scale({}, [x]).reshape(inputs[0].shape)
        return size * own.get("gamma", 1) + own.get("beta", 0)

    def gradient_scales(self, weights, dy, kept):
        x, dy = self._grouped(kept.input), np.abs(dy)
        g, others = dy * absolute(weights).get("gamma", 1), tuple(range(dy.ndim - 1))
        within, kept_group = self._of_a_group(x), Kept((x,), (x,), {})
        (dx,) = within.gradient_scales({}, g.reshape(x.shape), kept_group).inputs
        size = within.output_scale({}, [x]).reshape(dy.shape)
        return self.gradients(dx.reshape(dy.shape), (dy * size).sum(axis=others), dy.sum(axis=others))

    def operations(self, *input_shapes):
        return {"normalization": PASSES * prod(input_shapes[0])}

    def reach(self, *input_shapes):
        return None

    def sum_length(self, *input_shapes):
        *pixels, channels = input_shapes[0]
        return prod(pixels) * (1 if self.groups == -1 else channels // self.groups)

    def _grouped(self, x):
        """(batch, ..., groups, C // groups)"""
        groups = x.shape[-1] if self.groups == -1 else self.groups
        return x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)

    def _of_a_group(self, grouped) -> LayerNormalization:
        """What happens to each group by itself."""
        axes = (*range(1, grouped.ndim - 2), grouped.ndim - 1)
        return LayerNormalization(axis=axes, epsilon=self.epsilon, center=False, scale=False)


@dataclass(frozen=True, eq=False)
class StandardizedConv2D(Conv2D):
    """`Conv2D` with a kernel that `ops.weight_standardization` has gone over; epsilon as there."""

    epsilon: float = 1e-10

    def __post_init__(self):
        super().__post_init__()
        real("StandardizedConv2D", "epsilon", self.epsilon, rule="a number, at least 0", low=0)

    def operations(self, *input_shapes):
        kernel = self.weight_specs(*input_shapes)["kernel"].shape
        return {**super().operations(*input_shapes), "normalization": PASSES * prod(kernel)}

    def forward(self, weights, x):
        return super().forward(self._standardized(weights), x)

    def input_gradients(self, weights, dy, kept):
        return super().input_gradients(self._standardized(weights), dy, kept)

    def weight_gradients(self, weights, dy, kept):
        found = super().weight_gradients(weights, dy, kept)  # of a convolution, for which the kernel is not needed
        dkernel = ops.weight_standardization_backward(found["kernel"], weights["kernel"], epsilon=self.epsilon)
        return {**found, "kernel": dkernel}

    def _standardized(self, weights):
        return {**weights, "kernel": ops.weight_standardization(weights["kernel"], epsilon=self.epsilon)}

    def output_scale(self, weights, inputs, *, training=False):
        y, scale = self.call(weights, inputs).outputs[0], self._plain.forward(self._sizes(weights), np.abs(inputs[0]))
        return self.function.output_scale(scale, y)

    def gradient_scales(self, weights, dy, kept):
        found = self._plain.gradient_scales(self._sizes(weights), dy, kept)
        if not self.trainable:
            return found
        kernel, dkernel = weights["kernel"][None], found.weights["kernel"][None]
        (dkernel,) = self._within_filters.gradient_scales({}, dkernel, Kept((kernel,), (kernel,), {})).inputs
        longer = prod(kernel.shape[:-1]) / max(1, dy.size // self.filters)  # sums over weights than over pixels
        return Gradients(found.inputs, {**found.weights, "kernel": dkernel[0] * max(1, longer) ** 0.5})

    def _sizes(self, weights):
        """What the standardized kernel is the difference of, and the other weights without signs."""
        kernel = weights["kernel"][None]
        return {**absolute(weights), "kernel": self._within_filters.output_scale({}, [kernel])[0]}

    @property
    def _within_filters(self) -> LayerNormalization:
        """What happens to a kernel (1, kh, kw, C, O)."""
        return LayerNormalization(axis=(1, 2, 3), epsilon=self.epsilon, center=False, scale=False)

    @property
    def _plain(self) -> Conv2D:
        """The convolution that follows."""
        return Conv2D(**{f.name: getattr(self, f.name) for f in fields(Conv2D)})
