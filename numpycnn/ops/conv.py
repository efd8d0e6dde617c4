"""Convolutions, which are cross-correlations here as in every framework: ordinary, depthwise, separable.

Here are the definitions and the rules; `ops.correlation` has the contractions of the ordinary one (with the kernel,
back to the input, back to the kernel) and the choice between the ways to compute them. The depthwise one is made block
by block so that the windows that exist at one time stay within `windows.BLOCK_BYTES`.
"""

import numpy as np

from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, check_shape, fail, floating, ieee, integer
from numpycnn.ops.correlation import correlate, correlate_to_input, correlate_to_kernel, sum_per_channel
from numpycnn.ops.windows import Window, add_tap, blocks, sliding_window, window_view

__all__ = [
    "conv2d",
    "conv2d_backward",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "separable_conv2d",
    "separable_conv2d_backward",
]


@ieee
def conv2d(x, kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1, groups=1):
    """Cross-correlate images with a bank of kernels.

    y[n,i,j,o] = bias[o] + sum over a < kh, b < kw, c < C/groups of
                 x_pad[n, i*sh + a*dh, j*sw + b*dw, g*C/groups + c] * kernel[a,b,c,o],   g = o // (O/groups)

    Args:
        x: images (batch, height, width, C), float16, float32 or float64.
        kernel: (kh, kw, C // groups, O).
        bias: (O,) or None.
        strides, dilation_rate: one integer or (height, width), at least 1.
        padding: "valid", "same", an integer, or ((top, bottom), (left, right)) in pixels.
        groups: how many groups channels and filters are split into; divides both.

    Returns: (batch, out_height, out_width, O) in the dtype of the arguments; sums are never narrower than float32.

    Raises: ValueError for ranks, channels, groups, strides, padding, or a kernel larger than its padded input;
        TypeError for a dtype that is no number.

    Source: tf.nn.conv2d; Dumoulin & Visin, arXiv:1603.07285.

    >>> conv2d(np.ones((1, 5, 4, 3)), np.ones((3, 2, 3, 7))).shape
    (1, 3, 3, 7)
    """
    x, kernel, bias = floating("conv2d", x=x, kernel=kernel, bias=bias)
    window = conv2d_window("conv2d", x, kernel, bias, strides, padding, dilation_rate, groups)
    return correlate(x, kernel, bias, window, groups)


@ieee
def conv2d_backward(dy, x, kernel, *, strides=1, padding="valid", dilation_rate=1, groups=1):
    """The gradients of a loss through `conv2d`, from dy, its gradient by the output.

    dx[n,p,q,c] = sum over the outputs (i,j,o) and taps (a,b) that see the pixel of dy[n,i,j,o] * kernel[a,b,c,o]
    dkernel[a,b,c,o] = sum over n,i,j of x_pad[n, i*sh + a*dh, j*sw + b*dw, c] * dy[n,i,j,o]
    dbias[o] = sum over n,i,j of dy[n,i,j,o]

    Args: dy of the output's shape; the others as in `conv2d`.   Returns: dx, dkernel, dbias.

    >>> [d.shape for d in conv2d_backward(np.ones((1, 3, 3, 7)), np.ones((1, 5, 4, 3)), np.ones((3, 2, 3, 7)))]
    [(1, 5, 4, 3), (3, 2, 3, 7), (7,)]
    """
    dy, x, kernel = floating("conv2d_backward", dy=dy, x=x, kernel=kernel)
    window = conv2d_window("conv2d_backward", x, kernel, None, strides, padding, dilation_rate, groups)
    check_shape("conv2d_backward", (len(x), *window.output_shape, kernel.shape[3]), "the shape of the output", dy=dy)
    return (
        correlate_to_input(dy, kernel, window, groups),
        correlate_to_kernel(dy, x, kernel.shape, window, groups),
        sum_per_channel(dy),
    )


@ieee
def depthwise_conv2d(x, kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1):
    """Cross-correlate each channel with kernels of its own.

    y[n,i,j,c*M + m] = bias[c*M + m] + sum over a,b of x_pad[n, i*sh + a*dh, j*sw + b*dw, c] * kernel[a,b,c,m]

    Args: x (batch, height, width, C); kernel (kh, kw, C, M), M the depth multiplier; bias (C*M,) or None; the rest
        as in `conv2d`.

    Returns: (batch, out_height, out_width, C*M).   Raises: as `conv2d`.   Source: tf.nn.depthwise_conv2d.

    >>> depthwise_conv2d(np.ones((1, 5, 4, 3)), np.ones((3, 2, 3, 2))).shape
    (1, 3, 3, 6)
    """
    x, kernel, bias = floating("depthwise_conv2d", x=x, kernel=kernel, bias=bias)
    window = depthwise_window("depthwise_conv2d", x, kernel, bias, strides, padding, dilation_rate)
    dtype, (channels, multiplier) = accumulator(x.dtype), kernel.shape[2:]
    y = np.empty((len(x), *window.output_shape, channels * multiplier), x.dtype)
    for block in _depthwise_blocks(window, x, kernel):
        windows = window_view(x, window, block)
        total = np.zeros((*windows.shape[:3], channels, multiplier), dtype)
        for a, b in window.taps:
            total += windows[:, :, :, a, b, :, None].astype(dtype, copy=False) * kernel[a, b]
        total = total.reshape(*total.shape[:3], -1)
        y[block] = total if bias is None else total + bias
    return y


@ieee
def depthwise_conv2d_backward(dy, x, kernel, *, strides=1, padding="valid", dilation_rate=1):
    """The gradients of a loss through `depthwise_conv2d`.   Returns: dx, dkernel, dbias."""
    op = "depthwise_conv2d_backward"
    dy, x, kernel = floating(op, dy=dy, x=x, kernel=kernel)
    window = depthwise_window(op, x, kernel, None, strides, padding, dilation_rate)
    channels, multiplier = kernel.shape[2:]
    check_shape(op, (len(x), *window.output_shape, channels * multiplier), "the shape of the output", dy=dy)
    dtype = accumulator(x.dtype)
    dx, dkernel = np.zeros(x.shape, dtype), np.zeros(kernel.shape, dtype)
    dy_by_input = dy.reshape(*dy.shape[:3], channels, multiplier)
    for block in _depthwise_blocks(window, x, kernel):
        windows, dy_block = window_view(x, window, block), dy_by_input[block].astype(dtype, copy=False)
        for a, b in window.taps:
            add_tap(dx, (dy_block * kernel[a, b]).sum(axis=-1), window, block, a, b)
            dkernel[a, b] += np.einsum("nijc,nijcm->cm", windows[:, :, :, a, b].astype(dtype, copy=False), dy_block)
    return dx.astype(x.dtype, copy=False), dkernel.astype(x.dtype, copy=False), sum_per_channel(dy)


@ieee
def separable_conv2d(x, depthwise_kernel, pointwise_kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1):
    """A depthwise convolution that looks around, then a 1x1 convolution that mixes the channels.

    y = conv2d(depthwise_conv2d(x, depthwise_kernel, strides, padding, dilation_rate), pointwise_kernel, bias)

    Args: x (batch, height, width, C); depthwise_kernel (kh, kw, C, M); pointwise_kernel (1, 1, C*M, O); bias (O,).

    Returns: (batch, out_height, out_width, O).   Raises: as `conv2d`.
    Source: tf.nn.separable_conv2d; Chollet, arXiv:1610.02357.

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


def _depthwise_blocks(window, x, kernel):
    """Blocks whose outputs of C*M values, one array a tap, stay within the budget."""
    return blocks(window, len(x), int(np.prod(kernel.shape[2:])) * accumulator(x.dtype).itemsize)


# The rules.


def conv2d_window(op, x, kernel, bias, strides, padding, dilation_rate, groups) -> Window:
    """Check what every form of conv2d checks; return its geometry."""
    check_rank(op, IMAGES, x=x)
    check_rank(op, "(kernel_height, kernel_width, channels // groups, filters)", kernel=kernel)
    groups = integer(op, "groups", groups)
    channels, filters = x.shape[3], kernel.shape[3]
    if channels != kernel.shape[2] * groups:
        rule = f"x channels ({channels}) must equal kernel.shape[2] * groups ({kernel.shape[2]} * {groups})"
        fail(op, rule, x=x, kernel=kernel)
    if filters % groups:
        fail(op, f"groups ({groups}) must divide the filters kernel.shape[3] ({filters})", x=x, kernel=kernel)
    check_bias(op, filters, bias)
    return sliding_window(
        op, x.shape[1:3], kernel.shape[:2], strides=strides, padding=padding, dilation_rate=dilation_rate
    )


def check_bias(op, filters, bias) -> None:
    if bias is not None:
        check_shape(op, (filters,), "one value for each filter", bias=bias)


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
