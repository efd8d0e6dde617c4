"""Convolutions, which are cross-correlations here as in every framework: ordinary, depthwise, separable.

Each is a window view and one contraction, made block by block so that the windows that exist at one time stay
within `windows.BLOCK_BYTES`. The three contractions of ordinary convolution (with the kernel, back to the input,
back to the kernel) also serve transposed convolution, which is the second of them read forwards.
"""

import numpy as np

from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, check_shape, fail, floating, ieee, integer
from numpycnn.ops.windows import Window, add_tap, blocks, sliding_window, window_view

__all__ = [
    "conv2d",
    "conv2d_backward",
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


# The three contractions of a convolution over already checked arguments.


def correlate(x, kernel, bias, window: Window, groups) -> np.ndarray:
    """Images to outputs: every window times the kernel."""
    y = np.empty((len(x), *window.output_shape, kernel.shape[3]), x.dtype)
    matrix = _kernel_matrix(kernel, groups)
    for block in _conv_blocks(window, x.shape, matrix):
        total = _ungroup(_columns(x, window, block, groups) @ matrix, y[block].shape)
        y[block] = total if bias is None else total + bias
    return y


def correlate_to_input(dy, kernel, window: Window, groups) -> np.ndarray:
    """Outputs back to images: each output spreads, times the kernel, over the pixels of its window."""
    shape = (len(dy), window.rows.size, window.columns.size, kernel.shape[2] * groups)
    matrix = _kernel_matrix(kernel, groups)
    dx = np.zeros(shape, matrix.dtype)
    for block in _conv_blocks(window, shape, matrix):
        flat = _ungroup_taps(_group(dy[block], groups, matrix.dtype) @ matrix.transpose(0, 2, 1), window)
        windows = flat.reshape(*dy[block].shape[:3], len(window.taps), shape[3])
        for k, (a, b) in enumerate(window.taps):
            add_tap(dx, windows[:, :, :, k], window, block, a, b)
    return dx.astype(dy.dtype, copy=False)


def correlate_to_kernel(dy, x, kernel_shape, window: Window, groups) -> np.ndarray:
    """Outputs and images to the kernel: each tap sums pixel times output over all windows."""
    *taps_and_channels, filters = kernel_shape
    dmatrix = np.zeros((groups, np.prod(taps_and_channels), filters // groups), accumulator(x.dtype))
    for block in _conv_blocks(window, x.shape, dmatrix):
        columns = _columns(x, window, block, groups)
        dmatrix += columns.transpose(0, 2, 1) @ _group(dy[block], groups, dmatrix.dtype)
    dkernel = dmatrix.transpose(1, 0, 2).reshape(kernel_shape)
    return dkernel.astype(x.dtype, copy=False)


def sum_per_channel(dy) -> np.ndarray:
    """The gradient of a bias: dy summed over every axis but the last, never narrower than float32."""
    return dy.sum(axis=tuple(range(dy.ndim - 1)), dtype=accumulator(dy.dtype)).astype(dy.dtype, copy=False)


def _kernel_matrix(kernel, groups):
    """(kh, kw, C/g, O) -> (g, kh*kw*C/g, O/g)"""
    length, filters = int(np.prod(kernel.shape[:3])), kernel.shape[3]
    return (
        kernel.reshape(length, groups, filters // groups)
        .transpose(1, 0, 2)
        .astype(accumulator(kernel.dtype), copy=False)
    )


def _columns(x, window, block, groups):
    """The block's windows as rows of a matrix a group: (g, images*rows*columns, kh*kw*C/g)"""
    windows = window_view(x, window, block)
    count = int(np.prod(windows.shape[:3]))
    taps, channels = len(window.taps), x.shape[3]
    grouped = windows.reshape(count, taps, groups, channels // groups).transpose(2, 0, 1, 3)
    return grouped.reshape(groups, count, taps * (channels // groups)).astype(accumulator(x.dtype), copy=False)


def _group(y, groups, dtype):
    """(images, rows, columns, O) -> (g, images*rows*columns, O/g)"""
    count, filters = int(np.prod(y.shape[:3])), y.shape[3]
    return y.reshape(count, groups, filters // groups).transpose(1, 0, 2).astype(dtype, copy=False)


def _ungroup(y, shape):
    """(g, images*rows*columns, O/g) -> (images, rows, columns, O)"""
    return y.transpose(1, 0, 2).reshape(shape)


def _ungroup_taps(columns, window):
    """(g, count, kh*kw*C/g) -> (count, kh*kw, g, C/g)"""
    groups, count, length = columns.shape
    taps = len(window.taps)
    return columns.reshape(groups, count, taps, length // taps).transpose(1, 2, 0, 3)


def _conv_blocks(window, shape, matrix):
    """Blocks whose windows of kh*kw*C values stay within the budget."""
    return blocks(window, shape[0], len(window.taps) * shape[3] * matrix.itemsize)


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
