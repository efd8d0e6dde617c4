"""Layers that choose among channels. Keras has none of its own."""

from dataclasses import dataclass

import numpy as np

from numpycnn.layers.base import Gradients, Layer
from numpycnn.ops.arguments import accumulator, fail, integer

__all__ = ["TakeChannels"]


@dataclass(frozen=True, eq=False)
class TakeChannels(Layer):
    """y[..., i] = x[..., channels[i]], as tf.gather; a channel may come several times, and its gradients add up."""

    channels: tuple[int, ...]

    def __post_init__(self):
        for channel in self.channels:
            integer("TakeChannels", "channels", channel, least=0)

    def output_shape(self, shape):
        if not self.channels or max(self.channels) >= shape[-1]:
            fail("TakeChannels", f"channels must lie in [0, {shape[-1]})", channels=self.channels, input_shape=shape)
        return (*shape[:-1], len(self.channels))

    def forward(self, weights, x):
        return x[..., list(self.channels)]

    def backward(self, weights, dy, kept):
        dx = np.zeros(kept.input.shape, accumulator(dy.dtype))
        np.add.at(np.moveaxis(dx, -1, 0), list(self.channels), np.moveaxis(dy, -1, 0))
        return Gradients((dx.astype(dy.dtype, copy=False),), {})
