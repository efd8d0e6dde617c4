"""Transposed convolution seen the other way: zeros put between the pixels, then an ordinary convolution."""

from typing import Any

import numpy as np

from numpycnn.layers.bilinear import bilinear_kernel
from numpycnn.ops.arguments import IMAGES, check_rank, fail, floating, pair
from numpycnn.ops.conv import conv2d

__all__ = ["bilinear_kernel", "conv2d_transpose_by_zeros", "insert_zeros"]


def insert_zeros(x, strides) -> np.ndarray:
    """Put strides - 1 zeros between neighbouring pixels of images (batch, height, width, C).

    Returns: (batch, (height - 1)*sh + 1, (width - 1)*sw + 1, C); what has no pixel keeps none.

    >>> insert_zeros(np.array([1.0, 2, 3]).reshape(1, 1, 3, 1), (1, 2)).ravel()
    array([1., 0., 2., 0., 3.])
    """
    (x,) = floating("insert_zeros", x=x)
    check_rank("insert_zeros", IMAGES, x=x)
    sh, sw = pair("insert_zeros", "strides", strides)
    batch, height, width, channels = x.shape
    spread = np.zeros((batch, max(0, (height - 1) * sh + 1), max(0, (width - 1) * sw + 1), channels), x.dtype)
    spread[:, ::sh, ::sw] = x
    return spread


def conv2d_transpose_by_zeros(x, kernel, *, strides=1, padding="valid") -> np.ndarray:
    """What `ops.conv2d_transpose` gives, made the long way: zeros inserted, then convolved with the turned kernel.

    The zeros waste products: with strides of 2 three of four are with a zero. Zeros are put around too: kh - 1 on each
    side for "valid", less what "same" crops.

    Args: x (batch, height, width, C); kernel (kh, kw, O, C); padding "valid" or "same".
    Returns: as `ops.conv2d_transpose`.   Source: Dumoulin & Visin, arXiv:1603.07285, section 4.
    """
    op = "conv2d_transpose_by_zeros"
    x, kernel = floating(op, x=x, kernel=kernel)
    strides = pair(op, "strides", strides)
    if padding not in ("valid", "same"):
        fail(op, 'padding must be "valid" or "same"', padding=padding)
    pads = []
    for size, extent, stride in zip(x.shape[1:3], kernel.shape[:2], strides, strict=True):
        reach = (size - 1) * stride + extent
        output = size * stride if padding == "same" else reach + max(stride - extent, 0)
        before = max(0, reach - output) // 2
        pads.append((extent - 1 - before, output - (size - 1) * stride - 1 + before))
    if min(min(pad) for pad in pads) < 0:
        fail(op, "the kernel must reach as far as it is cropped", kernel=kernel, strides=strides)
    around: Any = tuple(pads)
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    return conv2d(insert_zeros(x, strides), turned, padding=around)
