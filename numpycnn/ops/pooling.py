"""Pooling: the maximum or the average of every window of an image, or of its channels.

Pooling has no weights. A window is looked at tap by tap, block by block, through the slices of the pixels that a tap
really sees, so padding never enters and no window is ever copied.
"""

from typing import Any

import numpy as np

from numpycnn.ops.arguments import (
    IMAGES,
    accumulator,
    check_rank,
    check_shape,
    entries,
    fail,
    floating,
    ieee,
    integer,
    pair,
)
from numpycnn.ops.windows import Window, blocks, explicit_pads, sliding_window

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
    "depth_max_pool",
    "depth_max_pool_backward",
    "max_pool2d",
    "max_pool2d_backward",
]


def max_pool2d(x, pool_size=2, *, strides=None, padding="valid"):
    """The largest pixel of every window, channel by channel.

    y[n,i,j,c] = max over a < kh, b < kw of x[n, i*sh + a - top, j*sw + b - left, c], where that pixel exists

    Padding never wins. As in TensorFlow a NaN and -inf count as the lowest finite number of the dtype: a NaN beside
    any number is ignored, and a window without a number above that gives it.

    Args:
        x: images (batch, height, width, C), float16, float32 or float64.
        pool_size: (kh, kw) or one integer, in pixels.
        strides: (sh, sw) or one integer; None for pool_size, so that windows lie side by side.
        padding: "valid", "same", an integer, or ((top, bottom), (left, right)), each smaller than the window.

    Returns: (batch, out_height, out_width, C), the dtype of x.

    Raises: ValueError for a rank, pool_size, strides, padding, or a window that does not fit or holds no pixel;
        TypeError for a dtype that is no number.

    Source: tf.nn.max_pool2d; Hands-On Machine Learning, chapter 14, "Pooling Layers".

    >>> max_pool2d(np.arange(12.0).reshape(1, 3, 4, 1), 2).ravel()
    array([5., 7.])
    """
    (x,) = floating("max_pool2d", x=x)
    return _maximum(x, pool_window("max_pool2d", x, pool_size, strides, padding))


@ieee
def max_pool2d_backward(dy, x, pool_size=2, *, strides=None, padding="valid", y=None):
    """The gradient of a loss through `max_pool2d`: each output gives all of it to the first maximum of its window.

    dx[n,p,q,c] = sum of dy[n,i,j,c] over the windows (i,j) whose first maximum in row order is (p,q)

    A NaN and -inf count as in `max_pool2d`. (TensorFlow lets a NaN in first place take the gradient of its window.)

    Args: dy of the output's shape; y: the output, where it is at hand.   Returns: dx.

    >>> max_pool2d_backward([[[[8.0]]]], np.array([1.0, 3.0, 3.0, 2.0]).reshape(1, 2, 2, 1)).ravel()
    array([0., 8., 0., 0.])
    """
    op = "max_pool2d_backward"
    dy, x, y = floating(op, dy=dy, x=x, y=y)
    window = pool_window(op, x, pool_size, strides, padding)
    check_output(op, (len(x), *window.output_shape, x.shape[3]), dy=dy, y=y)
    return _maximum_backward(dy, x, _maximum(x, window) if y is None else y, window)


@ieee
def avg_pool2d(x, pool_size=2, *, strides=None, padding="valid", count_include_pad=False):
    """The average of every window, channel by channel.

    y[n,i,j,c] = 1/count(i,j) * sum over a < kh, b < kw of x[n, i*sh + a - top, j*sw + b - left, c], where it exists

    count(i,j) is how many pixels the window really holds, or kh * kw with count_include_pad.

    Args: as `max_pool2d`; count_include_pad: padding counts as zeros (False in TensorFlow, True in PyTorch).

    Returns: (batch, out_height, out_width, C), the dtype of x; sums are never narrower than float32.

    Raises: as `max_pool2d`.   Source: tf.nn.avg_pool2d; torch.nn.AvgPool2d.

    >>> avg_pool2d(np.ones((1, 1, 3, 1)), (1, 2), padding="same").ravel()
    array([1., 1.])
    >>> avg_pool2d(np.ones((1, 1, 3, 1)), (1, 2), padding="same", count_include_pad=True).ravel()
    array([1. , 0.5])
    """
    (x,) = floating("avg_pool2d", x=x)
    window = pool_window("avg_pool2d", x, pool_size, strides, padding)
    y = np.zeros((len(x), *window.output_shape, x.shape[3]), accumulator(x.dtype))
    for block in _pool_blocks(window, x.shape, y.dtype):
        total = y[block]
        for outputs, pixels in _taps(window, block):
            total[outputs] += x[pixels]
    y /= _divisors(window, count_include_pad, y.dtype)
    return y.astype(x.dtype, copy=False)


@ieee
def avg_pool2d_backward(dy, x, pool_size=2, *, strides=None, padding="valid", count_include_pad=False):
    """The gradient of a loss through `avg_pool2d`: each output gives every pixel of its window an equal share.

    dx[n,p,q,c] = sum over the windows (i,j) that hold (p,q) of dy[n,i,j,c] / count(i,j)

    Args: dy of the output's shape; of x only shape and dtype count.   Returns: dx.

    >>> avg_pool2d_backward([[[[6.0]]]], np.ones((1, 3, 2, 1)), (3, 2)).ravel()
    array([1., 1., 1., 1., 1., 1.])
    """
    op = "avg_pool2d_backward"
    dy, x = like(op, dy, x)
    window = pool_window(op, x, pool_size, strides, padding)
    check_output(op, (len(x), *window.output_shape, x.shape[3]), dy=dy)
    dx = np.zeros(x.shape, accumulator(dy.dtype))
    divisors = _divisors(window, count_include_pad, dx.dtype)
    for block in _pool_blocks(window, x.shape, dx.dtype):
        share = dy[block] / divisors[block[1:]]
        for outputs, pixels in _taps(window, block):
            dx[pixels] += share[outputs]
    return dx.astype(dy.dtype, copy=False)


def depth_max_pool(x, pool_size, *, strides=None, padding="valid"):
    """The largest of neighbouring channels, pixel by pixel, which learns to ignore what the channels differ in.

    y[n,i,j,d] = max over a < k of x[n, i, j, d*s + a - before], where that channel exists

    A NaN and -inf count as in `max_pool2d`.

    Args:
        x: images (batch, height, width, C).
        pool_size: k, in channels.   strides: s, in channels; None for pool_size.
        padding: "valid", "same", an integer, or (before, after), in channels, each smaller than pool_size.

    Returns: (batch, height, width, out_channels), the dtype of x.

    Raises: as `max_pool2d`.
    Source: tf.nn.max_pool with ksize (1, 1, 1, k); Hands-On Machine Learning, chapter 14, "Pooling Layers".

    >>> depth_max_pool(np.array([[[[1.0, 4.0, 2.0, 3.0, 5.0, 0.0]]]]), 3)
    array([[[[4., 5.]]]])
    """
    (x,) = floating("depth_max_pool", x=x)
    window = depth_window("depth_max_pool", x, pool_size, strides, padding)
    return _maximum(_channels_as_columns(x), window).reshape(*x.shape[:3], window.columns.output)


@ieee
def depth_max_pool_backward(dy, x, pool_size, *, strides=None, padding="valid", y=None):
    """The gradient of a loss through `depth_max_pool`, to the first maximum: as `max_pool2d_backward`.

    >>> depth_max_pool_backward([[[[7.0]]]], np.array([[[[1.0, 4.0, 4.0]]]]), 3)
    array([[[[0., 7., 0.]]]])
    """
    op = "depth_max_pool_backward"
    dy, x, y = floating(op, dy=dy, x=x, y=y)
    window = depth_window(op, x, pool_size, strides, padding)
    check_output(op, (*x.shape[:3], window.columns.output), dy=dy, y=y)
    columns = _channels_as_columns(x)
    y = _maximum(columns, window) if y is None else _channels_as_columns(y)
    return _maximum_backward(_channels_as_columns(dy), columns, y, window).reshape(x.shape)


# The two loops of max pooling over already checked arguments.


def _maximum(x, window: Window) -> np.ndarray:
    y = np.full((len(x), *window.output_shape, x.shape[3]), np.finfo(x.dtype).min, x.dtype)
    for block in _pool_blocks(window, x.shape, x.dtype):
        largest = y[block]
        for outputs, pixels in _taps(window, block):
            np.fmax(largest[outputs], x[pixels], out=largest[outputs])
    return y


def _maximum_backward(dy, x, y, window: Window) -> np.ndarray:
    lowest = np.finfo(x.dtype).min
    dx = np.zeros(x.shape, accumulator(x.dtype))
    for block in _pool_blocks(window, x.shape, dx.dtype):
        dy_block, y_block = dy[block], y[block]
        unclaimed = np.ones(y_block.shape, bool)
        for outputs, pixels in _taps(window, block):
            first = unclaimed[outputs] & (np.fmax(x[pixels], lowest) == y_block[outputs])
            unclaimed[outputs] ^= first
            dx[pixels] += np.where(first, dy_block[outputs], 0)
    return dx.astype(x.dtype, copy=False)


def _taps(window: Window, block):
    """For every tap, in row order: the block's outputs that see a pixel through it, and those pixels, as indices."""
    columns = [window.columns.tap(b, block.columns.start, block.columns.stop) for b in range(window.columns.kernel)]
    for a in range(window.rows.kernel):
        rows_out, rows_in = window.rows.tap(a, block.rows.start, block.rows.stop)
        for columns_out, columns_in in columns:
            yield (slice(None), rows_out, columns_out), (block.images, rows_in, columns_in)


def _pool_blocks(window, x_shape, dtype):
    return blocks(window, x_shape[0], x_shape[3] * dtype.itemsize)


def _divisors(window: Window, count_include_pad, dtype) -> np.ndarray:
    """What each window's sum is divided by: (out_height, out_width, 1)"""
    counts = []
    for axis in window:
        start = np.arange(axis.output) * axis.stride - axis.before
        real = np.minimum(start + axis.kernel, axis.size) - np.maximum(start, 0)
        counts.append(np.full_like(real, axis.kernel) if count_include_pad else real)
    return np.multiply.outer(*counts).astype(dtype)[:, :, None]


def _channels_as_columns(x) -> np.ndarray:
    """(batch, height, width, C) -> (batch * height * width, 1, C, 1): images in which depth pooling is max pooling."""
    return x.reshape(int(np.prod(x.shape[:3])), 1, x.shape[3], 1)


# The rules.


def like(op, dy, x):
    """dy in the common dtype, and an x of which only the shape counts, never converted: it may be a stand-in."""
    x = np.asarray(x)
    check_rank(op, IMAGES, x=x)
    dy, _ = floating(op, dy=dy, x=x[:0])
    return dy, x


def pool_window(op, x, pool_size, strides, padding) -> Window:
    """Check what pooling over height and width checks; return its geometry."""
    check_rank(op, IMAGES, x=x)
    pool_size = pair(op, "pool_size", pool_size)
    _check_pads(op, pool_size, explicit_pads(op, padding), padding, x)
    geometry: dict[str, Any] = {"strides": pool_size if strides is None else strides, "padding": padding}
    return sliding_window(op, x.shape[1:3], pool_size, **geometry)


def _check_pads(op, pool_size, pads, padding, x) -> None:
    if pads is None:
        return
    if any(max(sides) >= size for sides, size in zip(pads, pool_size, strict=True)):
        rule = f"padding must be smaller than pool_size {pool_size} on each axis, so that every window holds a pixel"
        fail(op, rule, padding=padding)
    if 0 in x.shape[1:3]:
        fail(op, "x must hold a pixel where padding is in pixels, so that every window holds one", x=x)


def depth_window(op, x, pool_size, strides, padding) -> Window:
    """The geometry of pooling over channels, which are the columns of `_channels_as_columns`."""
    check_rank(op, IMAGES, x=x)
    size, channels = integer(op, "pool_size", pool_size), x.shape[3]
    stride = size if strides is None else integer(op, "strides", strides)
    pads = _depth_pads(op, padding)
    if pads is not None:
        _check_depth_pads(op, size, channels, *pads)
    geometry: dict[str, Any] = {"strides": (1, stride), "padding": "same" if pads is None else ((0, 0), pads)}
    return sliding_window(op, (1, channels), (1, size), **geometry)


def _depth_pads(op, padding) -> tuple[int, int] | None:
    """(before, after) in channels; None for "same"."""
    if isinstance(padding, str) and padding == "same":
        return None
    if isinstance(padding, str) and padding == "valid":
        return 0, 0
    if isinstance(padding, str) or entries(padding) not in (0, 2):
        fail(op, 'padding must be "valid", "same", an integer or (before, after)', padding=padding)
    before, after = padding if entries(padding) else (padding, padding)
    return integer(op, "padding", before, least=0), integer(op, "padding", after, least=0)


def _check_depth_pads(op, size, channels, before, after) -> None:
    padded = before + channels + after
    if size > padded:
        fail(op, f"pool_size ({size}) must be at most the padded channels ({before} + {channels} + {after} = {padded})")
    if max(before, after) >= size:
        rule = f"padding must be smaller than pool_size ({size}), so that every window holds a channel"
        fail(op, rule, padding=(before, after))


def check_output(op, shape, **outputs) -> None:
    for name, array in outputs.items():
        if array is not None:
            check_shape(op, shape, "the shape of the output", **{name: array})
