"""Layers that pass everything on in inference: noise, random depth, random changes of pictures.

Source of names, defaults and distributions: Keras 3, keras.layers; for StochasticDepth keras.applications.convnext.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod, sqrt
from typing import Any

import numpy as np

from numpycnn.layers.base import Gradients, Layer, Step
from numpycnn.layers.dropout import Dropout, RandomMask
from numpycnn.ops.activations import SELU_ALPHA, SELU_SCALE
from numpycnn.ops.arguments import accumulator, fail
from numpycnn.ops.scalars import real

__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Augmentation",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "StochasticDepth",
]


class PassedOn(Layer):
    """A layer whose output is its input, at least in inference."""

    in_place = True

    def output_shape(self, shape):
        return shape

    def forward(self, weights, x):
        return x.copy()

    def backward(self, weights, dy, kept):
        return Gradients((dy.copy(),), {})


@dataclass(frozen=True, eq=False)
class Identity(PassedOn):
    """y = x."""


@dataclass(frozen=True, eq=False)
class ActivityRegularization(PassedOn):
    """y = x. In Keras the loss grows by l1 * |x| + l2 * x^2, which losses here do not."""

    l1: float = 0.0
    l2: float = 0.0


@dataclass(frozen=True, eq=False)
class GaussianNoise(PassedOn):
    """In training y = x + noise, drawn from a normal distribution of mean 0; without a generator there is none."""

    stddev: float
    seed: int | None = None

    def __post_init__(self):
        real("GaussianNoise", "stddev", self.stddev, rule="a number in [0, 1]", low=0, high=1)

    def call(self, weights, inputs, *, training=False, rng=None):
        (x,) = inputs
        if not training or rng is None or self.stddev == 0:
            return Step((x.copy(),))
        noise = self.stddev * rng.standard_normal(x.shape, accumulator(x.dtype))
        return Step((np.asarray(x + noise, x.dtype),))


@dataclass(frozen=True, eq=False)
class GaussianDropout(PassedOn):
    """In training y = x * noise, drawn from a normal distribution of mean 1 and variance rate / (1 - rate).

    Source: Srivastava et al., JMLR 15 (2014), section 10.
    """

    rate: float
    seed: int | None = None

    def __post_init__(self):
        real("GaussianDropout", "rate", self.rate, rule="a number in [0, 1)", low=0, high=1, open_high=True)

    def call(self, weights, inputs, *, training=False, rng=None):
        (x,) = inputs
        if not training or rng is None or self.rate == 0:
            return Step((x.copy(),))
        drawn = rng.standard_normal(x.shape, accumulator(x.dtype))
        noise = np.asarray(1 + sqrt(self.rate / (1 - self.rate)) * drawn, x.dtype)
        return Step((x * noise,), {"noise": noise})

    def backward(self, weights, dy, kept):
        return Gradients((dy * kept.extra["noise"] if kept.extra else dy.copy(),), {})

    def extra_bytes(self, *input_shapes, batch_size, itemsize, variable_size):
        return 0 if self.rate == 0 else batch_size * itemsize * prod(input_shapes[0])


@dataclass(frozen=True, eq=False)
class AlphaDropout(Dropout):
    """In training a part of the values becomes what selu gives at -infinity; mean and variance are kept.

    Source: Klambauer et al., Self-Normalizing Neural Networks, arXiv:1706.02515.
    """

    @property
    def _affine(self) -> tuple[float, float]:
        """y = a * (x where kept, else the lowest value of selu) + b."""
        a = ((1 - self.rate) * (1 + self.rate * (SELU_ALPHA * SELU_SCALE) ** 2)) ** -0.5
        return a, a * SELU_ALPHA * SELU_SCALE * self.rate

    def call(self, weights, inputs, *, training=False, rng=None):
        (x,) = inputs
        if not training or rng is None or self.rate == 0:
            return Step((x.copy(),))
        mask, (a, b) = rng.random(self.mask_shape(x.shape)) >= self.rate, self._affine
        return Step((np.asarray(a * np.where(mask, x, -SELU_ALPHA * SELU_SCALE) + b, x.dtype),), {"mask": mask})

    def backward(self, weights, dy, kept):
        mask = kept.extra.get("mask")
        return Gradients((dy.copy() if mask is None else np.asarray(self._affine[0] * dy * mask, dy.dtype),), {})


@dataclass(frozen=True, eq=False)
class StochasticDepth(RandomMask):
    """In training whole examples become 0, the others x / (1 - drop_path_rate): what a residual unit then adds.

    Source: Huang et al., Deep Networks with Stochastic Depth, arXiv:1603.09382.
    """

    drop_path_rate: float

    @property
    def rate(self) -> float:
        return self.drop_path_rate

    def mask_shape(self, shape):
        return (shape[0], *(1,) * (len(shape) - 1))


@dataclass(frozen=True, eq=False)
class Augmentation(PassedOn):
    """A random change of pictures, one of Keras's layers of this kind; in inference it changes nothing.

    In training it cannot be run here: leave it out of a model that is to be trained, or change the pictures before.

    kind: the name of Keras's layer.   arguments: its arguments, kept for Keras.
    """

    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keras_class(self):
        return self.kind

    def keras_config(self):
        return {**self.arguments, "name": self.name, "trainable": self.trainable}

    def call(self, weights, inputs, *, training=False, rng=None):
        if training:
            fail(self.kind, "pictures are changed at random by Keras alone; this layer runs in inference")
        return Step((self.forward(weights, *inputs),))
