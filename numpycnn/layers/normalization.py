"""Normalization layers. Source of names, defaults and weight order: Keras 3; for local response normalization tf.nn."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from numpycnn import ops
from numpycnn.layers.base import Gradients, Layer, Shape, Step, WeightSpec, absolute, check_image
from numpycnn.layers.single_op import Op, SingleOp
from numpycnn.ops.arguments import axis_index, fail, ieee
from numpycnn.ops.normalization import inverse_deviation, scaled_back, sums_backward
from numpycnn.ops.scalars import real

__all__ = ["BatchNormalization", "LayerNormalization", "LocalResponseNormalization"]


PASSES = 3
"""Operations for each value that is normalized by what it stands among: for the mean, the variance, and the result."""


class Normalizing(Layer):
    """What batch and layer normalization share: a learnt scale, gamma, and offset, beta, of what was normalized."""

    epsilon: float
    center: bool
    scale: bool
    beta_initializer: Any
    gamma_initializer: Any

    def __post_init__(self):
        real(self.keras_class, "epsilon", self.epsilon, rule="a number, at least 0", low=0)

    def learnt_specs(self, shape: Shape) -> dict[str, WeightSpec]:
        gamma = {"gamma": WeightSpec(shape, self.gamma_initializer)} if self.scale else {}
        return {**gamma, "beta": WeightSpec(shape, self.beta_initializer)} if self.center else gamma

    def learnt(self, weights) -> dict[str, Any]:
        """The arguments that all ops of normalization share."""
        return {"gamma": weights.get("gamma"), "beta": weights.get("beta"), "epsilon": self.epsilon}

    def gradients(self, dx, dgamma, dbeta) -> Gradients:
        return Gradients((dx,), self.of_learnt(dgamma, dbeta))

    def of_learnt(self, dgamma, dbeta) -> dict[str, np.ndarray]:
        found = {"gamma": dgamma, "beta": dbeta}
        return {name: found[name] for name in self.learnt_specs(())}


@dataclass(frozen=True, eq=False)
class BatchNormalization(Normalizing):
    """`ops.batch_normalization_train` in training, `ops.batch_normalization` by the moving statistics otherwise.

    With trainable=False it is in inference even in training, as in Keras. axis: the last one only.
    """

    work, in_place = "normalization", True

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"
    moving_mean_initializer: Any = "zeros"
    moving_variance_initializer: Any = "ones"

    def __post_init__(self):
        super().__post_init__()
        real("BatchNormalization", "momentum", self.momentum, rule="a number in [0, 1]", low=0, high=1)

    @property
    def keeps(self):
        """Where it is not trained, it has moving statistics, and dx follows from dy alone."""
        return self.keeps_for_weights

    def output_shape(self, shape):
        if self.axis not in (-1, len(shape)) or not shape:
            fail("BatchNormalization", f"axis must be the last, -1 or {len(shape)}", axis=self.axis, input_shape=shape)
        return shape

    def weight_specs(self, shape):
        return {
            **self.learnt_specs(shape[-1:]),
            "moving_mean": WeightSpec(shape[-1:], self.moving_mean_initializer, trainable=False),
            "moving_variance": WeightSpec(shape[-1:], self.moving_variance_initializer, trainable=False),
        }

    def forward(self, weights, x):
        moving = weights["moving_mean"], weights["moving_variance"]
        return ops.batch_normalization(x, *moving, **self.learnt(weights))

    @ieee
    def forward_over(self, weights, x):
        """One scale and one offset a channel, made in float64: the moving statistics are constants in inference.

        Image by image, so that what is scaled is still in the cache when the offset comes.
        """
        mean, variance, gamma, beta = (
            np.asarray(weights.get(name, default), np.float64)
            for name, default in (("moving_mean", 0), ("moving_variance", 1), ("gamma", 1), ("beta", 0))
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = gamma / np.sqrt(variance + self.epsilon)
            offset = (beta - mean * slope).astype(x.dtype)
        if x.dtype == np.float16 or not (np.isfinite(slope).all() and np.isfinite(offset).all()):
            return None
        slope = slope.astype(x.dtype)
        for image in x:
            image *= slope
            image += offset
        return x

    def call(self, weights, inputs, *, training=False, rng=None):
        if not (training and self.trainable):
            return super().call(weights, inputs)
        y, mean, variance = ops.batch_normalization_train(*inputs, **self.learnt(weights))
        batch = {"mean": mean, "variance": variance}
        updates = {
            f"moving_{name}": ops.moving_average(weights[f"moving_{name}"], value, momentum=self.momentum)
            for name, value in batch.items()
        }
        return Step((y,), batch, updates)

    def backward(self, weights, dy, kept):
        if not (kept.extra and kept.input_gradients):
            return super().backward(weights, dy, kept)
        gradients = ops.batch_normalization_train_backward(dy, kept.input, **self.learnt(weights), **kept.extra)
        return self.gradients(*gradients)

    def input_gradients(self, weights, dy, kept):
        """In inference; in training dx is made of the gradients of gamma and beta."""
        return (scaled_back(dy, self._inverse(weights["moving_variance"]) * weights.get("gamma", 1)),)

    def weight_gradients(self, weights, dy, kept):
        mean, variance = kept.extra.values() if kept.extra else (weights["moving_mean"], weights["moving_variance"])
        sums = sums_backward(dy, kept.input, mean, self._inverse(variance))
        return self.of_learnt(*(total.astype(dy.dtype, copy=False) for total in sums))

    def _inverse(self, variance):
        return inverse_deviation(variance, self.epsilon)

    def extra_bytes(self, *input_shapes, batch_size, itemsize, variable_size):
        return 2 * variable_size * input_shapes[0][-1] if self.trainable else 0

    def sum_length(self, *input_shapes):
        return prod(input_shapes[0][:-1])

    def output_scale(self, weights, inputs, *, training=False):
        (x,), own = map(np.abs, inputs), absolute(weights)
        mean, variance = own["moving_mean"], own["moving_variance"]
        if training and self.trainable:
            _, mean, _ = ops.batch_normalization_train(x)
            _, _, variance = ops.batch_normalization_train(*inputs)
        return ops.batch_normalization(x, -mean, variance, **self.learnt(own))

    def gradient_scales(self, weights, dy, kept):
        x, dy, own = np.abs(kept.input), np.abs(dy), absolute(weights)
        mean, variance = own["moving_mean"], own["moving_variance"]
        if kept.extra:
            _, mean, _ = ops.batch_normalization_train(x)
            variance = kept.extra["variance"]
        dx, dmean, dvariance, *learnt = ops.batch_normalization_backward(dy, x, -mean, variance, **self.learnt(own))
        if kept.extra:  # the statistics depend on every x as well
            dx = dx - (dmean + 2 * (x + mean) * dvariance) / (x.size // x.shape[-1])
        return self.gradients(dx, *learnt)


@dataclass(frozen=True, eq=False)
class LayerNormalization(Normalizing):
    """`ops.layer_normalization` over one axis or several, which count the batch axis as 0: -1 is the last."""

    keeps = ("inputs",)

    axis: int | tuple[int, ...] = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"

    def axes(self, shape: Shape) -> tuple[int, ...]:
        """The axes in ascending order, the batch axis counted."""
        given = self.axis if isinstance(self.axis, list | tuple) else (self.axis,)
        axes = {axis_index("LayerNormalization", "axis", axis, len(shape) + 1) for axis in given}
        if not axes or 0 in axes or len(axes) < len(given) or min(given) < 0 <= max(given):
            rule = "axis must be one axis, or several counted from one end, all different and none the batch axis"
            fail("LayerNormalization", rule, axis=self.axis, input_shape=shape)
        return tuple(sorted(axes))

    def output_shape(self, shape):
        self.axes(shape)
        return shape

    def weight_specs(self, shape):
        return self.learnt_specs(tuple(shape[axis - 1] for axis in self.axes(shape)))

    def arguments(self, weights, x) -> dict[str, Any]:
        return {"axis": self.axes(x.shape[1:]), **self.learnt(weights)}

    def forward(self, weights, x):
        return ops.layer_normalization(x, **self.arguments(weights, x))

    def backward(self, weights, dy, kept):
        arguments = self.arguments(weights, kept.input)
        return self.gradients(*ops.layer_normalization_backward(dy, kept.input, **arguments))

    def output_scale(self, weights, inputs, *, training=False):
        (x,) = inputs
        _, size = self._sizes(x)
        own = {name: self._laid(np.abs(value), x) for name, value in weights.items()}
        return size * own.get("gamma", 1) + own.get("beta", 0)

    def gradient_scales(self, weights, dy, kept):
        x, dy, axes = kept.input, np.abs(dy), self.axes(kept.input.shape[1:])
        inverse, size = self._sizes(x)
        g = dy * inverse * (self._laid(np.abs(weights["gamma"]), x) if self.scale else 1)
        dx = g + g.mean(axis=axes, keepdims=True) + size * (g * size).mean(axis=axes, keepdims=True)
        others = tuple(axis for axis in range(x.ndim) if axis not in axes)
        return self.gradients(dx, (dy * size).sum(axis=others), dy.sum(axis=others))

    def operations(self, *input_shapes):
        return {"normalization": PASSES * prod(input_shapes[0])}

    def reach(self, *input_shapes):
        return super().reach(*input_shapes) if self.axes(*input_shapes) == (len(input_shapes[0]),) else None

    def sum_length(self, *input_shapes):
        return prod(input_shapes[0][axis - 1] for axis in self.axes(*input_shapes))

    def _sizes(self, x):
        """1 over the deviation, and what (x - mean) over it is the difference of."""
        axes, size = self.axes(x.shape[1:]), np.abs(x)
        inverse = 1 / np.sqrt(x.var(axis=axes, keepdims=True) + self.epsilon)
        return inverse, (size + size.mean(axis=axes, keepdims=True)) * inverse

    def _laid(self, parameter, x):
        """gamma or beta so that it broadcasts with x."""
        axes = self.axes(x.shape[1:])
        return parameter.reshape([size if axis in axes else 1 for axis, size in enumerate(x.shape)])


@dataclass(frozen=True, eq=False)
class LocalResponseNormalization(SingleOp):
    """`ops.local_response_normalization`, with tf.nn's names and defaults; alpha multiplies the sum of the squares."""

    op, keeps = Op(ops.local_response_normalization, ops.local_response_normalization_backward), ("inputs",)

    depth_radius: int = 5
    bias: float = 1.0
    alpha: float = 1.0
    beta: float = 0.5

    def output_shape(self, shape):
        return check_image("LocalResponseNormalization", shape)

    def operations(self, *input_shapes):
        """The square of each value, the sum of 2 * depth_radius + 1 of them, its power and the product."""
        return {"normalization": (2 * self.depth_radius + 4) * prod(input_shapes[0])}

    def sum_length(self, *input_shapes):
        return 2 * self.depth_radius + 1

    def gradient_scales(self, weights, dy, kept):
        x, dy = kept.input, np.abs(dy)
        power = np.divide(self.forward(weights, x), x, out=np.zeros_like(x), where=x != 0)
        return Gradients((2 * dy * power + np.abs(self.op.backward(dy, np.abs(x), **self.arguments)),), {})
