"""The initializer with which a transposed convolution starts as bilinear interpolation."""

from dataclasses import dataclass

import numpy as np

from numpycnn.layers.initializers import Initializer
from numpycnn.ops.arguments import fail

__all__ = ["Bilinear", "bilinear_kernel"]


def bilinear_kernel(factor: int, channels: int) -> np.ndarray:
    """The kernel of the transposed convolution that makes images `factor` times larger by bilinear interpolation.

    kernel[a,b,c,c] = t(a) * t(b),   t(a) = 1 - abs(a - (k - 1)/2) / factor,   k = 2*factor - factor % 2

    Each channel keeps to itself. With strides=factor and padding="same", the result is `ops.up_sampling2d` bilinear,
    except at the border, where neighbours are missing: there it fades towards 0.

    Returns: float64 (k, k, channels, channels).   Source: Long, Shelhamer & Darrell, arXiv:1411.4038, section 3.3.

    >>> bilinear_kernel(2, 1)[:, 0, 0, 0] * 4
    array([0.25, 0.75, 0.75, 0.25])
    """
    size = 2 * factor - factor % 2
    tent = 1 - np.abs(np.arange(size) - (size - 1) / 2) / factor
    return np.outer(tent, tent)[:, :, None, None] * np.eye(channels)


@dataclass(frozen=True)
class Bilinear(Initializer):
    """`bilinear_kernel` for a kernel (k, k, channels, channels); trained on from there."""

    def draw(self, shape, rng):
        size, width, filters, channels = shape
        factor = (size + 1) // 2
        if (size, filters) != (width, channels) or size != 2 * factor - factor % 2:
            fail("Bilinear", "the kernel must be (k, k, channels, channels), k twice the strides", shape=shape)
        return bilinear_kernel(factor, channels)

    def keras_config(self):
        """Keras has no such initializer; a model that is built there gets its weights from here anyway."""
        return {"class_name": "Zeros", "config": {}}
