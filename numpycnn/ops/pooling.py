"""Pooling: the maximum or the average of every window of an image. Pooling has no weights.

What the ops are and what they take is here; how their loops run, in pooling_passes.py and, where
a gradient looks for the places of maxima, in pooling_places.py.
"""

from typing import Any

import numpy as np

from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, check_shape, fail, floating, ieee, pair
from numpycnn.ops.pooling_passes import average, average_backward, maximum
from numpycnn.ops.pooling_places import maximum_backward
from numpycnn.ops.windows import Window, explicit_pads, sliding_window

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
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
    return maximum(x, pool_window("max_pool2d", x, pool_size, strides, padding))


@ieee
def max_pool2d_backward(dy, x, pool_size=2, *, strides=None, padding="valid"):
    """The gradient of a loss through `max_pool2d`: each output gives all of it to the first maximum of its window.

    dx[n,p,q,c] = sum of dy[n,i,j,c] over the windows (i,j) whose first maximum in row order is (p,q)

    A NaN and -inf count as in `max_pool2d`. (TensorFlow lets a NaN in first place take the gradient of its window.)

    Args: dy of the output's shape.   Returns: dx.

    >>> max_pool2d_backward([[[[8.0]]]], np.array([1.0, 3.0, 3.0, 2.0]).reshape(1, 2, 2, 1)).ravel()
    array([0., 8., 0., 0.])
    """
    op = "max_pool2d_backward"
    dy, x = floating(op, dy=dy, x=x)
    window = pool_window(op, x, pool_size, strides, padding)
    check_output(op, (len(x), *window.output_shape, x.shape[3]), dy=dy)
    return maximum_backward(dy, x, window)


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
    return average(x, window, _divisors(window, count_include_pad, accumulator(x.dtype)))


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
    return average_backward(dy, x.shape, window, _divisors(window, count_include_pad, accumulator(dy.dtype)))


def _divisors(window: Window, count_include_pad, dtype) -> np.ndarray:
    """What each window's sum is divided by: (out_height, out_width, 1)"""
    counts = []
    for axis in window:
        start = np.arange(axis.output) * axis.stride - axis.before
        real = np.minimum(start + axis.kernel, axis.size) - np.maximum(start, 0)
        counts.append(np.full_like(real, axis.kernel) if count_include_pad else real)
    return np.multiply.outer(*counts).astype(dtype)[:, :, None]


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


def check_output(op, shape, **outputs) -> None:
    for name, array in outputs.items():
        if array is not None:
            check_shape(op, shape, "the shape of the output", **{name: array})
