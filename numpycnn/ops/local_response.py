"""Local response normalization, AlexNet's: a channel that answers strongly holds its neighbours down."""

import numpy as np

from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, check_shape, floating, ieee, integer
from numpycnn.ops.scalars import real
from numpycnn.ops.threads import each, slices
from numpycnn.ops.windows import Axis

__all__ = ["local_response_normalization", "local_response_normalization_backward"]


@ieee
def local_response_normalization(x, *, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5):
    """Divide each value by a power of the summed squares of its neighbours in depth.

    y[...,c] = x[...,c] / s[...,c]^beta,   s[...,c] = bias + alpha * sum over |c' - c| <= depth_radius of x[...,c']^2

    alpha multiplies the sum over the 2 * depth_radius + 1 channels; PyTorch, ONNX and Caffe divide theirs by that many.

    Args:
        x: images (batch, height, width, C), float16, float32 or float64.
        depth_radius: how many neighbours on each side, at least 0.
        bias, alpha, beta: numbers. In AlexNet 2, 1e-4 and 0.75, over 5 channels, which is a depth_radius of 2.

    Returns: the shape and dtype of x; sums are never narrower than float32.

    Raises: ValueError for a rank or a negative depth_radius; TypeError for what is no number.

    Source: tf.nn.local_response_normalization; Krizhevsky, Sutskever & Hinton, NIPS 2012, section 3.3.

    >>> local_response_normalization(np.array([[[[3.0, 4.0, 0.0]]]]), depth_radius=1, bias=0)
    array([[[[0.6, 0.8, 0. ]]]])
    """
    op = "local_response_normalization"
    (x,) = floating(op, x=x)
    radius, bias, alpha, beta = _numbers(op, x, depth_radius, bias, alpha, beta)

    def normalize(x):
        return x / _power(_scale(x, radius, bias, alpha), beta)

    return _in_pieces(normalize, radius, x)


@ieee
def local_response_normalization_backward(dy, x, *, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5):
    """The gradient of a loss through `local_response_normalization`.

    dx[...,c] = dy[...,c] / s[...,c]^beta
                - 2 * alpha * beta * x[...,c] * sum over |c' - c| <= depth_radius of (dy * x / s^(beta+1))[...,c']

    Args: dy of the output's shape.   Returns: dx.

    >>> local_response_normalization_backward([[[[2.0]]]], np.array([[[[1.0]]]]), bias=3, beta=1)
    array([[[[0.25]]]])
    """
    op = "local_response_normalization_backward"
    dy, x = floating(op, dy=dy, x=x)
    radius, bias, alpha, beta = _numbers(op, x, depth_radius, bias, alpha, beta)
    check_shape(op, x.shape, "the shape of the output", dy=dy)

    def back(dy, x):
        scale = _scale(x, radius, bias, alpha)
        power = _power(scale, beta)
        dx = dy / power
        spread = _neighbour_sum(dx * x / scale, radius)
        spread *= x
        spread *= 2 * alpha * beta
        dx -= spread
        return dx

    return _in_pieces(back, radius, dy, x)


def _in_pieces(function, radius, *arrays) -> np.ndarray:
    """The function of (pixels, C) arrays in the dtype of sums, over pieces of the pixels that stay in cache."""
    dtype, shape = arrays[-1].dtype, arrays[-1].shape
    y = np.empty(shape, dtype)
    flat, into = [array.reshape(-1, shape[-1]) for array in arrays], y.reshape(-1, shape[-1])

    def piece(pixels):
        with np.errstate(divide="ignore"):  # bias 0 over channels of zeros: 0 / 0 is NaN, as in TensorFlow
            into[pixels] = function(*(array[pixels].astype(accumulator(dtype), copy=False) for array in flat))

    wide = 8 * (shape[-1] + 2 * radius)  # a few arrays of these are alive at one time
    each(piece, slices(len(into), wide), len(arrays) * y.nbytes)
    return y


def _scale(x, radius, bias, alpha) -> np.ndarray:
    """bias + alpha * the sum of the neighbours' squares."""
    s = _neighbour_sum(np.square(x), radius)
    s *= alpha
    s += bias
    return s


def _power(s, beta: float) -> np.ndarray:
    """s^beta, by square roots for the exponents that networks use: several times as fast as a power."""
    if beta == 0.5:
        return np.sqrt(s)
    if beta == 0.75:
        root = np.sqrt(s)
        return root * np.sqrt(root)
    return s if beta == 1 else s**beta


def _numbers(op, x, depth_radius, bias, alpha, beta) -> tuple[int, float, float, float]:
    check_rank(op, IMAGES, x=x)
    radius = integer(op, "depth_radius", depth_radius, least=0)
    return radius, real(op, "bias", bias), real(op, "alpha", alpha), real(op, "beta", beta)


def _neighbour_sum(values, radius) -> np.ndarray:
    """The sum over the channels c - radius .. c + radius that exist, of (pixels, C) values; its own adjoint.

    Sums of 1, 2, 4, ... neighbours are each made of two of the one before, and those that add up to 2 * radius + 1
    added: about 2 log2(2 * radius + 1) steps over all pixels at once, which zeros keep apart. No running sums, so
    that a NaN stays with its neighbours.
    """
    pixels, channels = values.shape
    radius = neighbours(channels, radius).before
    padded = np.zeros((pixels, channels + 2 * radius), values.dtype)
    padded[:, radius : radius + channels] = values
    run, size, done = padded.ravel(), 1, 0
    total = run[:0]
    while True:
        if (2 * radius + 1) & size:  # run[i] is the sum of `size` values from i on, total[i] that of `done`
            total = total[: len(run) - done] + run[done:] if done else run
            done += size
        if 2 * size > 2 * radius + 1:
            break
        run = run[:-size] + run[size:]
        size *= 2
    padded = np.empty_like(padded)
    padded.ravel()[: len(total)] = total
    return padded[:, :channels]


def neighbours(channels: int, radius: int) -> Axis:
    """The window over channels c - radius .. c + radius."""
    radius = min(radius, channels - 1)  # no channel has neighbours further away
    return Axis(channels, 2 * radius + 1, 1, 1, radius, radius, channels)
