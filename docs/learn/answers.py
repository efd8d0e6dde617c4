"""Answers to exercises of the Learn pages, for `numpycnn count` and `numpycnn check` to be run on."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from numpycnn.layers import Conv2D, Input
from numpycnn.models import Sequential


def small_kernels() -> Sequential:
    """Five convolutions of 3x3 see 11x11 pixels."""
    return Sequential([Input((32, 48, 64)), *(Conv2D(64, 3) for _ in range(5))])


def one_large_kernel() -> Sequential:
    """And so does one of 11x11."""
    return Sequential([Input((32, 48, 64)), Conv2D(64, 11)])


def convolution_with_a_stride(x, kernel, bias=None, *, strides=1):
    """Windows begin at every stride only. x (batch, height, width, in), kernel (kh, kw, in, out)."""
    kh, kw, _, out = kernel.shape
    sh, sw = (strides, strides) if isinstance(strides, int) else strides
    rows, columns = (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1
    y = np.zeros((len(x), rows, columns, out), x.dtype)
    for i in range(rows):
        for j in range(columns):
            window = x[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
            y[:, i, j] = np.tensordot(window, kernel, axes=3)
    return y if bias is None else y + bias


def convolution_as_a_product(x, kernel, bias=None):
    """All windows as rows of one matrix. x (batch, height, width, in), kernel (kh, kw, in, out)."""
    kh, kw, _, out = kernel.shape
    windows = sliding_window_view(x, (kh, kw), axis=(1, 2))  # (batch, rows, columns, in, kh, kw)
    matrix = np.moveaxis(windows, 3, 5).reshape(*windows.shape[:3], -1)
    y = matrix @ kernel.reshape(-1, out)
    return y if bias is None else y + bias


def max_pooling(x, pool_size=2, *, strides=None):
    """The largest of each window, which must lie inside. x (batch, height, width, channels)."""
    ph, pw = (pool_size, pool_size) if isinstance(pool_size, int) else pool_size
    strides = pool_size if strides is None else strides
    sh, sw = (strides, strides) if isinstance(strides, int) else strides
    windows = sliding_window_view(x, (ph, pw), axis=(1, 2))[:, ::sh, ::sw]
    return np.fmax.reduce(windows, axis=(-2, -1))  # a NaN loses against a number, as in TensorFlow


def two_of_three() -> Sequential:
    """Two convolutions of 3x3."""
    return Sequential([Input((28, 36, 32)), Conv2D(32, 3), Conv2D(32, 3)])


def one_of_five() -> Sequential:
    """One convolution of 5x5."""
    return Sequential([Input((28, 36, 32)), Conv2D(32, 5)])


def pointwise(x, kernel, bias=None):
    """What a convolution of 1x1 does at each pixel: a dense layer over the channels."""
    y = x @ kernel
    return y if bias is None else y + bias
