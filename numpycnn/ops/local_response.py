"""Local response normalization, AlexNet's: a channel that answers strongly holds its neighbours down."""

import numpy as np

from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, check_shape, floating, ieee, integer
from numpycnn.ops.scalars import real
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
    wide = x.astype(accumulator(x.dtype), copy=False)
    s = bias + alpha * _neighbour_sum(np.square(wide), radius)
    with np.errstate(divide="ignore"):  # bias 0 over channels of zeros: 0 * inf is NaN, as in TensorFlow
        return (wide * s**-beta).astype(x.dtype, copy=False)


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
    wide = x.astype(accumulator(x.dtype), copy=False)
    s = bias + alpha * _neighbour_sum(np.square(wide), radius)
    with np.errstate(divide="ignore"):  # as in the forward
        power = s**-beta
        spread = _neighbour_sum(dy * wide * (power / s), radius)
    return (dy * power - (2 * alpha * beta) * wide * spread).astype(x.dtype, copy=False)


def _numbers(op, x, depth_radius, bias, alpha, beta) -> tuple[int, float, float, float]:
    check_rank(op, IMAGES, x=x)
    radius = integer(op, "depth_radius", depth_radius, least=0)
    return radius, real(op, "bias", bias), real(op, "alpha", alpha), real(op, "beta", beta)


def _neighbour_sum(values, radius) -> np.ndarray:
    """The sum over the channels c - radius .. c + radius that exist; its own adjoint."""
    axis = neighbours(values.shape[-1], radius)
    total = np.zeros_like(values)
    for k in range(axis.kernel):
        outputs, seen = axis.tap(k)
        total[..., outputs] += values[..., seen]
    return total


def neighbours(channels: int, radius: int) -> Axis:
    """The window over channels c - radius .. c + radius."""
    radius = min(radius, channels - 1)  # no channel has neighbours further away
    return Axis(channels, 2 * radius + 1, 1, 1, radius, radius, channels)
