"""Resizing and upsampling: each output pixel is one input pixel, or a mixture of its neighbours.

Pixels have their centres at half numbers, so output i of n, over an input of m pixels, looks at the place
(i + 1/2) * m/n of the input. Rows and columns are mixed one after the other.
"""

from typing import NamedTuple

import numpy as np

from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, check_shape, fail, floating, ieee, pair

__all__ = ["resize", "resize_backward", "up_sampling2d", "up_sampling2d_backward"]


@ieee
def resize(x, size, *, interpolation="bilinear"):
    """Resize images.

    "nearest"    y[n,i,j,c] = x[n, near(i), near(j), c], where
                 near(i) = min(floor((i + 1/2) * height/out_height), height - 1)
    "bilinear"   y[n,i,j,c] = sum over the rows p in {low(i), high(i)} and the columns q in {low(j), high(j)}
                 of weight(i,p) * weight(j,q) * x[n,p,q,c], where, with u = (i + 1/2) * height/out_height - 1/2,
                 low(i) = max(floor(u), 0), high(i) = min(ceil(u), height - 1),
                 weight(i,high) = u - floor(u) and weight(i,low) = 1 - weight(i,high)
    "bicubic"    the same sum over the rows p and columns q from floor(u) - 1 to floor(u) + 2 that lie in the image,
                 weight(i,p) = w(|u - p|) / (the sum of these over p), with Keys's kernel for a = -1/2,
                 w(d) = 3/2 d^3 - 5/2 d^2 + 1 up to 1, w(d) = -1/2 d^3 + 5/2 d^2 - 4 d + 2 from there to 2;
                 u - floor(u) is rounded to 1/1024, as TensorFlow looks w up in a table

    A reduction looks at these pixels only and skips the others: there is no smoothing against aliasing.
    Places and weights are made in float32, as TensorFlow makes them, whatever the dtype of x.

    Args:
        x: images (batch, height, width, C), float16, float32 or float64.
        size: (out_height, out_width) or one integer for both, in pixels.
        interpolation: "nearest", "bilinear" or "bicubic".

    Returns: (batch, out_height, out_width, C), the dtype of x; sums are never narrower than float32.

    Raises: ValueError for a rank, a size below 1, an image without pixels or another interpolation.

    Source: tf.image.resize without antialias; Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981.

    >>> resize(np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1), (1, 3), interpolation="nearest").ravel()
    array([1., 3., 4.])
    >>> resize(np.array([0.0, 8.0, 8.0]).reshape(1, 1, 3, 1), (1, 6), interpolation="bicubic").ravel().round(2)
    array([-0.71,  1.52,  6.23,  8.55,  8.18,  8.  ])
    """
    (x,) = floating("resize", x=x)
    return _resize("resize", x, pair("resize", "size", size), interpolation)


@ieee
def resize_backward(dy, x, size, *, interpolation="bilinear"):
    """The gradient of a loss through `resize`: each output gives its gradient, weighted, to the pixels it looked at.

    dx[n,p,q,c] = sum over the outputs (i,j) that look at (p,q) of weight(i,p) * weight(j,q) * dy[n,i,j,c]

    Args: dy of the output's shape; of x only the shape counts.   Returns: dx.

    >>> resize_backward(np.ones((1, 1, 6, 1)), np.ones((1, 1, 4, 1)), (1, 6), interpolation="nearest").ravel()
    array([1., 2., 1., 2.])
    """
    dy, x = floating("resize_backward", dy=dy, x=x)
    return _resize_backward("resize_backward", dy, x, pair("resize_backward", "size", size), interpolation)


@ieee
def up_sampling2d(x, size=2, *, interpolation="nearest"):
    """Enlarge images a whole number of times: `resize` to (height * size[0], width * size[1]).

    "nearest"    y[n,i,j,c] = x[n, i // size[0], j // size[1], c]

    Args: x: images (batch, height, width, C); size: how many times, one integer or (height, width), at least 1;
        interpolation: "nearest", "bilinear" or "bicubic".

    Returns: (batch, height * size[0], width * size[1], C), the dtype of x.   Raises: as `resize`.
    Source: keras.layers.UpSampling2D.

    >>> up_sampling2d(np.array([1.0, 2.0]).reshape(1, 1, 2, 1), (1, 3)).ravel()
    array([1., 1., 1., 2., 2., 2.])
    """
    (x,) = floating("up_sampling2d", x=x)
    return _resize("up_sampling2d", x, _times("up_sampling2d", x, size), interpolation)


@ieee
def up_sampling2d_backward(dy, x, size=2, *, interpolation="nearest"):
    """The gradient of a loss through `up_sampling2d`.   Args: of x only the shape counts.   Returns: dx."""
    op = "up_sampling2d_backward"
    dy, x = floating(op, dy=dy, x=x)
    return _resize_backward(op, dy, x, _times(op, x, size), interpolation)


INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
STEPS = 1024
"""Into so many a pixel is divided where TensorFlow looks up bicubic weights."""


class Look(NamedTuple):
    """For every output of an axis one input pixel it looks at, in ascending order, and how much it takes of it."""

    pixels: np.ndarray
    weights: np.ndarray | None


def _looks(inputs: int, outputs: int, interpolation: str) -> list[Look]:
    """All looks of an axis: one an output for "nearest", two for "bilinear", four for "bicubic"."""
    places = (np.arange(outputs, dtype=np.float32) + np.float32(0.5)) * (np.float32(inputs) / np.float32(outputs))
    if interpolation == "nearest":
        return [Look(np.minimum(places.astype(np.intp), inputs - 1), None)]
    places -= np.float32(0.5)
    floor = np.floor(places)
    if interpolation == "bicubic":
        return _cubic_looks(inputs, floor.astype(np.intp), np.rint((places - floor) * STEPS) / STEPS)
    low = np.maximum(floor, 0).astype(np.intp)
    high = np.minimum(np.ceil(places), inputs - 1).astype(np.intp)
    # Halves of one and the same pixel, since with the weights 0 and 1 an infinite pixel would come out as NaN.
    weight = np.where(low == high, np.float32(0.5), places - floor)
    return [Look(low, 1 - weight), Look(high, weight)]


def _cubic_looks(inputs: int, floor, part) -> list[Look]:
    """Four pixels around the place floor + part; those outside weigh nothing, and the others add up to 1."""
    pixels = [floor + k for k in (-1, 0, 1, 2)]
    weights = [keys_kernel(distance).astype(np.float32) for distance in (1 + part, part, 1 - part, 2 - part)]
    weights = [np.where((p >= 0) & (p < inputs), w, np.float32(0)) for p, w in zip(pixels, weights, strict=True)]
    total = sum(weights[1:], weights[0])
    return [Look(p.clip(0, inputs - 1), w / total) for p, w in zip(pixels, weights, strict=True)]


def keys_kernel(distance, a: float = -0.5) -> np.ndarray:
    """The weight of a pixel at a distance in [0, 2], by Keys's cubic convolution."""
    d = np.asarray(distance, np.float64)
    return np.where(d <= 1, ((a + 2) * d - (a + 3)) * d * d + 1, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a)


def spread_back(dy, shape, interpolation: str) -> np.ndarray:
    """`resize_backward` of |dy| with the sizes of the weights: what its sums are before they cancel.

    Args: dy (batch, out_height, out_width, C); shape: of the images, (height, width).
    """
    rows, columns = (_sizes(m, n, interpolation) for m, n in zip(shape, dy.shape[1:3], strict=True))
    return np.einsum("ip,nijc,jq->npqc", rows, np.abs(dy), columns, optimize=True)


def _sizes(inputs: int, outputs: int, interpolation: str) -> np.ndarray:
    """How much each output takes of each pixel, whatever the sign: (outputs, inputs)."""
    sizes = np.zeros((outputs, inputs))
    for look in _looks(inputs, outputs, interpolation):
        sizes[np.arange(outputs), look.pixels] += 1 if look.weights is None else np.abs(look.weights)
    return sizes


def _resize(op, x, size, interpolation) -> np.ndarray:
    _check(op, x, interpolation)
    y = x.astype(accumulator(x.dtype), copy=False)
    for axis in (1, 2):
        looks = _looks(x.shape[axis], size[axis - 1], interpolation)
        first, *others = (_weighted(y.take(look.pixels, axis), look, axis) for look in looks)
        y = sum(others, first)
    return y.astype(x.dtype, copy=False)


def _resize_backward(op, dy, x, size, interpolation) -> np.ndarray:
    _check(op, x, interpolation)
    check_shape(op, (len(x), *size, x.shape[3]), "the shape of the output", dy=dy)
    dx = dy.astype(accumulator(dy.dtype), copy=False)
    for axis in (2, 1):
        looks = _looks(x.shape[axis], size[axis - 1], interpolation)
        first, *others = (_give_back(_weighted(dx, look, axis), look, axis, x.shape[axis]) for look in looks)
        dx = sum(others, first)
    return dx.astype(dy.dtype, copy=False)


def _weighted(values, look, axis):
    if look.weights is None:
        return values
    return values * look.weights.astype(values.dtype).reshape(-1, *(1,) * (3 - axis))


def _give_back(values, look, axis, inputs) -> np.ndarray:
    """Add each output's value onto the pixel it looked at; the outputs of one pixel lie side by side."""
    values = values.swapaxes(0, axis)
    gathered = np.zeros((inputs, *values.shape[1:]), values.dtype)
    starts = np.searchsorted(look.pixels, np.arange(inputs))
    counts = np.diff(starts, append=len(look.pixels))
    for k in range(counts.max()):
        pixels = np.flatnonzero(counts > k)
        gathered[pixels] += values[starts[pixels] + k]
    return gathered.swapaxes(0, axis)


def _check(op, x, interpolation) -> None:
    check_rank(op, IMAGES, x=x)
    check_interpolation(op, interpolation)
    if not x.shape[1] * x.shape[2]:
        fail(op, "x must have at least one pixel", x=x)


def check_interpolation(op: str, interpolation) -> None:
    if interpolation not in INTERPOLATIONS:
        fail(op, 'interpolation must be "nearest", "bilinear" or "bicubic"', interpolation=interpolation)


def _times(op, x, size) -> tuple[int, int]:
    check_rank(op, IMAGES, x=x)
    times = pair(op, "size", size)
    return x.shape[1] * times[0], x.shape[2] * times[1]
