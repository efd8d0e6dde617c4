"""Depthwise convolution, which looks around within each channel, and the separable one that then mixes them.

How their loops run is in depthwise_passes.py.
"""

from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, check_shape, fail, floating, ieee
from numpycnn.ops.conv import check_bias, conv2d, conv2d_backward
from numpycnn.ops.correlation import sum_per_channel
from numpycnn.ops.depthwise_passes import depthwise, depthwise_gradients
from numpycnn.ops.windows import Window, sliding_window

__all__ = [
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "separable_conv2d",
    "separable_conv2d_backward",
]


@ieee
def depthwise_conv2d(x, kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1):
    """Cross-correlate each channel with kernels of its own.

    y[n,i,j,c*M + m] = bias[c*M + m] + sum over a,b of x_pad[n, i*sh + a*dh, j*sw + b*dw, c] * kernel[a,b,c,m]

    Args: x (batch, height, width, C); kernel (kh, kw, C, M), M the depth multiplier; bias (C*M,) or None; the rest
        as in `conv2d`.

    Returns: (batch, out_height, out_width, C*M).   Raises: as `conv2d`.   Source: tf.nn.depthwise_conv2d.

    >>> import numpy as np
    >>> depthwise_conv2d(np.ones((1, 5, 4, 3)), np.ones((3, 2, 3, 2))).shape
    (1, 3, 3, 6)
    """
    x, kernel, bias = floating("depthwise_conv2d", x=x, kernel=kernel, bias=bias)
    window = depthwise_window("depthwise_conv2d", x, kernel, bias, strides, padding, dilation_rate)
    return depthwise(x, kernel, bias, window)


@ieee
def depthwise_conv2d_backward(dy, x, kernel, *, strides=1, padding="valid", dilation_rate=1):
    """The gradients of a loss through `depthwise_conv2d`.   Returns: dx, dkernel, dbias."""
    op = "depthwise_conv2d_backward"
    dy, x, kernel = floating(op, dy=dy, x=x, kernel=kernel)
    window = depthwise_window(op, x, kernel, None, strides, padding, dilation_rate)
    channels, multiplier = kernel.shape[2:]
    check_shape(op, (len(x), *window.output_shape, channels * multiplier), "the shape of the output", dy=dy)
    dbias = sum_per_channel(dy.sum(axis=1, dtype=accumulator(dy.dtype)))  # down the rows first, whole rows at a time
    return (*depthwise_gradients(dy, x, kernel, window), dbias.astype(dy.dtype, copy=False))


@ieee
def separable_conv2d(x, depthwise_kernel, pointwise_kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1):
    """A depthwise convolution that looks around, then a 1x1 convolution that mixes the channels.

    y = conv2d(depthwise_conv2d(x, depthwise_kernel, strides, padding, dilation_rate), pointwise_kernel, bias)

    Args: x (batch, height, width, C); depthwise_kernel (kh, kw, C, M); pointwise_kernel (1, 1, C*M, O); bias (O,).

    Returns: (batch, out_height, out_width, O).   Raises: as `conv2d`.
    Source: tf.nn.separable_conv2d; Chollet, arXiv:1610.02357.

    >>> import numpy as np
    >>> separable_conv2d(np.ones((1, 5, 4, 3)), np.ones((3, 2, 3, 2)), np.ones((1, 1, 6, 7))).shape
    (1, 3, 3, 7)
    """
    op = "separable_conv2d"
    x, depthwise_kernel, pointwise_kernel, bias = floating(
        op, x=x, depthwise_kernel=depthwise_kernel, pointwise_kernel=pointwise_kernel, bias=bias
    )
    geometry = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    separable_window(op, x, depthwise_kernel, pointwise_kernel, bias, **geometry)
    wide = x.astype(accumulator(x.dtype), copy=False)
    between = depthwise_conv2d(wide, depthwise_kernel, **geometry)
    return conv2d(between, pointwise_kernel, bias).astype(x.dtype, copy=False)


@ieee
def separable_conv2d_backward(
    dy, x, depthwise_kernel, pointwise_kernel, *, strides=1, padding="valid", dilation_rate=1
):
    """The gradients of a loss through `separable_conv2d`.

    Returns: dx, ddepthwise_kernel, dpointwise_kernel, dbias. The values between the two steps are computed again.
    """
    op = "separable_conv2d_backward"
    dy, x, depthwise_kernel, pointwise_kernel = floating(
        op, dy=dy, x=x, depthwise_kernel=depthwise_kernel, pointwise_kernel=pointwise_kernel
    )
    geometry = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    window = separable_window(op, x, depthwise_kernel, pointwise_kernel, None, **geometry)
    check_shape(op, (len(x), *window.output_shape, pointwise_kernel.shape[3]), "the shape of the output", dy=dy)
    wide = x.astype(accumulator(x.dtype), copy=False)
    between = depthwise_conv2d(wide, depthwise_kernel, **geometry)
    dbetween, dpointwise, dbias = conv2d_backward(dy, between, pointwise_kernel)
    dx, ddepthwise, _ = depthwise_conv2d_backward(dbetween, wide, depthwise_kernel, **geometry)
    return tuple(d.astype(x.dtype, copy=False) for d in (dx, ddepthwise, dpointwise, dbias))


# The rules.


def depthwise_window(op, x, kernel, bias, strides, padding, dilation_rate) -> Window:
    _check_depthwise(op, x, "kernel", kernel)
    check_bias(op, kernel.shape[2] * kernel.shape[3], bias)
    return sliding_window(
        op, x.shape[1:3], kernel.shape[:2], strides=strides, padding=padding, dilation_rate=dilation_rate
    )


def separable_window(op, x, depthwise_kernel, pointwise_kernel, bias, **geometry) -> Window:
    _check_depthwise(op, x, "depthwise_kernel", depthwise_kernel)
    check_rank(op, "(1, 1, channels * multiplier, filters)", pointwise_kernel=pointwise_kernel)
    channels, multiplier = depthwise_kernel.shape[2:]
    if pointwise_kernel.shape[:3] != (1, 1, channels * multiplier):
        rule = f"pointwise_kernel must be (1, 1, {channels} * {multiplier}, filters)"
        fail(op, rule, depthwise_kernel=depthwise_kernel, pointwise_kernel=pointwise_kernel)
    check_bias(op, pointwise_kernel.shape[3], bias)
    return sliding_window(op, x.shape[1:3], depthwise_kernel.shape[:2], **geometry)


def _check_depthwise(op, x, name, kernel) -> None:
    check_rank(op, IMAGES, x=x)
    check_rank(op, "(kernel_height, kernel_width, channels, multiplier)", **{name: kernel})
    if x.shape[3] != kernel.shape[2]:
        rule = f"x channels ({x.shape[3]}) must equal {name}.shape[2] ({kernel.shape[2]})"
        fail(op, rule, x=x, **{name: kernel})
