"""Depth pooling: the maximum over neighbouring channels, which is max pooling with the channels as columns."""

from typing import Any

import numpy as np

from numpycnn.ops.arguments import IMAGES, check_rank, entries, fail, floating, ieee, integer
from numpycnn.ops.pooling import check_output
from numpycnn.ops.pooling_passes import maximum
from numpycnn.ops.pooling_places import maximum_backward
from numpycnn.ops.windows import Window, sliding_window

__all__ = ["depth_max_pool", "depth_max_pool_backward"]


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
    return maximum(_channels_as_columns(x), window).reshape(*x.shape[:3], window.columns.output)


@ieee
def depth_max_pool_backward(dy, x, pool_size, *, strides=None, padding="valid"):
    """The gradient of a loss through `depth_max_pool`, to the first maximum: as `max_pool2d_backward`.

    >>> depth_max_pool_backward([[[[7.0]]]], np.array([[[[1.0, 4.0, 4.0]]]]), 3)
    array([[[[0., 7., 0.]]]])
    """
    op = "depth_max_pool_backward"
    dy, x = floating(op, dy=dy, x=x)
    window = depth_window(op, x, pool_size, strides, padding)
    check_output(op, (*x.shape[:3], window.columns.output), dy=dy)
    columns = _channels_as_columns(x)
    return maximum_backward(_channels_as_columns(dy), columns, window).reshape(x.shape)


def _channels_as_columns(x) -> np.ndarray:
    """(batch, height, width, C) -> (batch * height * width, 1, C, 1): images in which depth pooling is max pooling."""
    return x.reshape(int(np.prod(x.shape[:3])), 1, x.shape[3], 1)


# The rules.


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
