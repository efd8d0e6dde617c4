"""Global pooling: one number for each whole map, which turns a feature map into a vector of its channels."""

import numpy as np

from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, fail, floating, ieee
from numpycnn.ops.pooling import check_output, like
from numpycnn.ops.threads import each, slices

__all__ = ["global_avg_pool2d", "global_avg_pool2d_backward", "global_max_pool2d", "global_max_pool2d_backward"]

SHORT = 16


@ieee
def global_avg_pool2d(x, *, keepdims=False):
    """The average of each whole map: one number a channel.

    y[n,c] = 1/(height * width) * sum over i < height, j < width of x[n,i,j,c]

    Args: x: images (batch, height, width, C) that hold a pixel; keepdims: keep height and width as axes of size 1.

    Returns: (batch, C), or (batch, 1, 1, C), the dtype of x; sums are never narrower than float32.

    Raises: ValueError for a rank or an image without a pixel.
    Source: keras.layers.GlobalAveragePooling2D; Lin et al., arXiv:1312.4400.

    >>> global_avg_pool2d(np.arange(12.0).reshape(1, 3, 2, 2))
    array([[5., 6.]])
    """
    (x,) = floating("global_avg_pool2d", x=x)
    _check_pixels("global_avg_pool2d", x)
    x = np.asarray(x, order="C")  # in another order another sum would round otherwise
    y = np.empty((len(x), 1, 1, x.shape[3]), x.dtype)

    def average(images):
        rows = _sum(x[images].astype(accumulator(x.dtype), copy=False))
        y[images, 0, 0] = _sum(rows) / (x.shape[1] * x.shape[2])

    each(average, _images(x), x.nbytes)
    return y if keepdims else y[:, 0, 0]


@ieee
def global_avg_pool2d_backward(dy, x, *, keepdims=False):
    """The gradient of a loss through `global_avg_pool2d`: every pixel gets an equal share.

    dx[n,i,j,c] = dy[n,c] / (height * width)

    Args: dy of the output's shape; of x only shape and dtype count.   Returns: dx.

    >>> global_avg_pool2d_backward([[12.0]], np.ones((1, 3, 2, 1))).ravel()
    array([2., 2., 2., 2., 2., 2.])
    """
    op = "global_avg_pool2d_backward"
    dy, x = like(op, dy, x)
    dy = _global_output(op, x, keepdims, dy=dy)
    share = dy.astype(accumulator(dy.dtype), copy=False) / (x.shape[1] * x.shape[2])
    return np.broadcast_to(share.astype(dy.dtype, copy=False), x.shape).copy()


def global_max_pool2d(x, *, keepdims=False):
    """The largest pixel of each whole map: one number a channel. A NaN anywhere in the map is the result.

    y[n,c] = max over i < height, j < width of x[n,i,j,c]

    Args, Returns, Raises: as `global_avg_pool2d`.   Source: keras.layers.GlobalMaxPooling2D; tf.reduce_max.

    >>> global_max_pool2d(np.arange(12.0).reshape(1, 3, 2, 2))
    array([[10., 11.]])
    """
    (x,) = floating("global_max_pool2d", x=x)
    _check_pixels("global_max_pool2d", x)
    y = _maximum(x)
    return y if keepdims else y[:, 0, 0]


@ieee
def global_max_pool2d_backward(dy, x, *, keepdims=False, y=None):
    """The gradient of a loss through `global_max_pool2d`: the equal maxima of a map share it equally.

    dx[n,i,j,c] = dy[n,c] / how many pixels of the map equal y[n,c], where x[n,i,j,c] = y[n,c], else 0

    The whole of a map that holds a NaN gets NaN.

    Args: dy of the output's shape; y: the output, where it is at hand.   Returns: dx.

    >>> global_max_pool2d_backward([[6.0]], np.array([1.0, 3.0, 3.0, 2.0]).reshape(1, 2, 2, 1)).ravel()
    array([0., 3., 3., 0.])
    """
    op = "global_max_pool2d_backward"
    dy, x, y = floating(op, dy=dy, x=x, y=y)
    dy = _global_output(op, x, keepdims, dy=dy).astype(accumulator(x.dtype), copy=False)
    y = _maximum(x) if y is None else _global_output(op, x, keepdims, y=y)
    largest = x == y
    count = largest.sum(axis=(1, 2), keepdims=True, dtype=dy.dtype)  # exact in float32 up to 2^24 pixels
    share = np.divide(dy, count, out=np.full_like(dy, np.nan), where=count > 0)
    return np.where(largest | (count == 0), share, 0).astype(x.dtype, copy=False)


def _sum(x) -> np.ndarray:
    """The sum over axis 1, in sums of SHORT terms: those round less than one long sum, and run through whole rows."""
    while x.shape[1] > SHORT:
        x = np.stack([x[:, i : i + SHORT].sum(axis=1) for i in range(0, x.shape[1], SHORT)], axis=1)
    return x.sum(axis=1)


def _maximum(x) -> np.ndarray:
    """(batch, 1, 1, C), rows first."""
    y = np.empty((len(x), 1, 1, x.shape[3]), x.dtype)

    def largest(images):
        y[images, 0, 0] = x[images].max(axis=1).max(axis=1)

    each(largest, _images(x), x.nbytes)
    return y


def _images(x) -> list[slice]:
    return slices(len(x), x[:1].nbytes)


def _check_pixels(op, x) -> None:
    check_rank(op, IMAGES, x=x)
    if 0 in x.shape[1:3]:
        fail(op, f"x must hold a pixel: height * width = {x.shape[1]} * {x.shape[2]} must be at least 1", x=x)


def _global_output(op, x, keepdims, **output) -> np.ndarray:
    """dy or y of a global pool, checked, as (batch, 1, 1, C)."""
    _check_pixels(op, x)
    batch, _, _, channels = x.shape
    check_output(op, (batch, 1, 1, channels) if keepdims else (batch, channels), **output)
    ((_, array),) = output.items()
    return array.reshape(batch, 1, 1, channels)
