"""Batch normalization, whose statistics are made in two passes, and moving averages.

It brings each channel to mean 0 and variance 1 over all images and pixels, then gives it a learnt scale and offset.
Whatever the dtype of the arrays, statistics and everything between are never narrower than float32.
"""

from typing import Any

import numpy as np

from numpycnn.ops.arguments import accumulator, check_shape, fail, floating, ieee
from numpycnn.ops.channelwise import Channelwise
from numpycnn.ops.scalars import real

__all__ = [
    "batch_normalization",
    "batch_normalization_backward",
    "batch_normalization_train",
    "batch_normalization_train_backward",
    "moving_average",
]


@ieee
def batch_normalization(x, mean, variance, *, gamma=None, beta=None, epsilon=1e-3):
    """Normalize each channel by given statistics: what batch normalization does once a network is trained.

    y[...,c] = gamma[c] * (x[...,c] - mean[c]) / sqrt(variance[c] + epsilon) + beta[c]

    Args:
        x: (batch, ..., C), float16, float32 or float64.
        mean, variance: (C,), the moving statistics of the training.
        gamma, beta: (C,) or None for 1 and 0.
        epsilon: a number, at least 0. Keras's own is 1e-3, PyTorch's 1e-5.

    Returns: the shape and the common dtype of the arguments.

    Raises: ValueError for a rank below 2, statistics that are not (C,), or a negative epsilon.

    Source: tf.nn.batch_normalization; keras.layers.BatchNormalization; Ioffe & Szegedy, arXiv:1502.03167.

    >>> batch_normalization([[5.0, 1.0]], [1.0, 1.0], [4.0, 9.0], beta=[0.0, 7.0], epsilon=0)
    array([[2., 7.]])
    """
    op = "batch_normalization"
    check_given(op, x=x, mean=mean, variance=variance)
    x, mean, variance, gamma, beta = floating(op, x=x, mean=mean, variance=variance, gamma=gamma, beta=beta)
    check_channels(op, x, epsilon, mean=mean, variance=variance, gamma=gamma, beta=beta)
    return _normalized(x, mean, inverse_deviation(variance, epsilon), gamma, beta)


@ieee
def batch_normalization_backward(dy, x, mean, variance, *, gamma=None, beta=None, epsilon=1e-3):
    """The gradients of a loss through `batch_normalization`. With n(x) = (x - mean) / sqrt(variance + epsilon):

    dx = dy * gamma / sqrt(variance + epsilon)        dmean = -sum of dx
    dvariance = -1/2 * sum of dx * n(x) / sqrt(variance + epsilon)
    dgamma = sum of dy * n(x)                         dbeta = sum of dy,      sums over all axes but the last

    Args: dy of the output's shape.   Returns: dx, dmean, dvariance, dgamma, dbeta, all five always.

    >>> [d.shape for d in batch_normalization_backward(np.ones((2, 3)), np.ones((2, 3)), np.ones(3), np.ones(3))]
    [(2, 3), (3,), (3,), (3,), (3,)]
    """
    op = "batch_normalization_backward"
    check_given(op, dy=dy, x=x, mean=mean, variance=variance)
    arrays = floating(op, dy=dy, x=x, mean=mean, variance=variance, gamma=gamma, beta=beta)
    dy, x, mean, variance, gamma, beta = arrays
    check_channels(op, x, epsilon, mean=mean, variance=variance, gamma=gamma, beta=beta)
    check_shape(op, x.shape, "the shape of the output", dy=dy)
    inverse = inverse_deviation(variance, epsilon)
    slope = inverse if gamma is None else inverse * gamma
    dgamma, dbeta = sums_backward(dy, x, mean, inverse)
    gradients = scaled_back(dy, slope), -slope * dbeta, -0.5 * slope * inverse * dgamma, dgamma, dbeta
    return tuple(d.astype(x.dtype, copy=False) for d in gradients)


@ieee
def batch_normalization_train(x, *, gamma=None, beta=None, epsilon=1e-3):
    """Normalize each channel by the statistics of the batch at hand: what batch normalization does in training.

    mean[c] = 1/K * sum of x[...,c]        variance[c] = 1/K * sum of (x[...,c] - mean[c])^2
    y[...,c] = gamma[c] * (x[...,c] - mean[c]) / sqrt(variance[c] + epsilon) + beta[c]

    with both sums over all K elements of the channel. The variance is the biased one, as Keras uses and keeps it.

    Args: x: (batch, ..., C); gamma, beta, epsilon: as `batch_normalization`.

    Returns: y of x's shape, mean (C,), variance (C,), to be kept by `moving_average`. The statistics of an empty
        batch are 0 (Keras: NaN, which then stays in the moving statistics).

    Raises, Source: as `batch_normalization`.

    >>> batch_normalization_train([[1.0, 7.0], [3.0, 7.0]], epsilon=0.5625)
    (array([[-0.8,  0. ],
           [ 0.8,  0. ]]), array([2., 7.]), array([1., 0.]))
    """
    op = "batch_normalization_train"
    check_given(op, x=x)
    x, gamma, beta = floating(op, x=x, gamma=gamma, beta=beta)
    check_channels(op, x, epsilon, gamma=gamma, beta=beta)
    mean, variance = _statistics(x)
    y = _normalized(x, mean, inverse_deviation(variance, epsilon), gamma, beta)
    return y, mean.astype(x.dtype, copy=False), variance.astype(x.dtype, copy=False)


@ieee
def batch_normalization_train_backward(dy, x, *, gamma=None, beta=None, epsilon=1e-3, mean=None, variance=None):
    """The gradients of a loss through the y of `batch_normalization_train`; the statistics depend on x as well.

    dx = (g - mean of g - n(x) * mean of g * n(x)) / sqrt(variance + epsilon),   g = dy * gamma
    dgamma = sum of dy * n(x)      dbeta = sum of dy,                 n(x) = (x - mean) / sqrt(variance + epsilon)

    Args: dy of y's shape; mean, variance: what the forward returned, where they are at hand.

    Returns: dx, dgamma, dbeta.

    >>> batch_normalization_train_backward([[1.0], [0.0]], [[1.0], [3.0]], epsilon=3.0)
    (array([[ 0.1875],
           [-0.1875]]), array([-0.5]), array([1.]))
    """
    op = "batch_normalization_train_backward"
    check_given(op, dy=dy, x=x)
    arrays = floating(op, dy=dy, x=x, gamma=gamma, beta=beta, mean=mean, variance=variance)
    dy, x, gamma, beta, mean, variance = arrays
    check_channels(op, x, epsilon, gamma=gamma, beta=beta, mean=mean, variance=variance)
    check_shape(op, x.shape, "the shape of the output", dy=dy)
    if mean is None or variance is None:
        own = _statistics(x, mean)
        mean, variance = own[0] if mean is None else mean, own[1] if variance is None else variance
    inverse = inverse_deviation(variance, epsilon)
    dgamma, dbeta = sums_backward(dy, x, mean, inverse)
    dx = _through_statistics(dy, x, mean, inverse, gamma, dgamma, dbeta)
    return dx, dgamma.astype(x.dtype, copy=False), dbeta.astype(x.dtype, copy=False)


@ieee
def moving_average(moving, batch, *, momentum=0.99):
    """One step of the moving statistics of batch normalization: moving * momentum + batch * (1 - momentum).

    Args: moving, batch: of one shape; momentum: how much of the old stays, from 0 to 1. (PyTorch's momentum is how
        much of the new enters: 1 minus this.)

    Returns: the moving statistics after the step, a new array.   Source: keras.layers.BatchNormalization.

    >>> moving_average([1.0, 0.0], [3.0, 1.0], momentum=0.5)
    array([2. , 0.5])
    """
    check_given("moving_average", moving=moving, batch=batch)
    moving, batch = floating("moving_average", moving=moving, batch=batch)
    check_shape("moving_average", moving.shape, "the shape of moving", batch=batch)
    momentum = real("moving_average", "momentum", momentum, rule="a number from 0 to 1", low=0, high=1)
    wide = accumulator(moving.dtype)
    step = moving.astype(wide, copy=False) * momentum + batch.astype(wide, copy=False) * (1 - momentum)
    return step.astype(moving.dtype, copy=False)


# What batch normalization is made of, over already checked arguments: passes with one number a channel.


def _normalized(x, mean, inverse, gamma, beta) -> np.ndarray:
    """(x - mean) * inverse * gamma + beta"""
    by = Channelwise(x.shape, x.dtype)
    scale = inverse if gamma is None else inverse * gamma
    rows, mean, scale = by.rows(x), by.along(mean), by.along(scale)
    offset = None if beta is None else by.along(beta)

    def piece(which, out):
        np.subtract(rows(which), mean, out=out)
        out *= scale
        if offset is not None:
            out += offset

    return by.made(piece, x.shape, x.dtype)


def _statistics(x, mean=None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and biased variance of each channel, the second around the first, or around a given mean."""
    by = Channelwise(x.shape, x.dtype)
    rows, count = by.rows(x), max(1, x.size // max(1, x.shape[-1]))
    if mean is None:
        (total,) = by.sums(lambda piece: [rows(piece)])
        mean = total / count
    along = by.along(mean)
    (total,) = by.sums(lambda piece: [np.square(rows(piece) - along)])
    return mean, total / count


def scaled_back(dy, slope) -> np.ndarray:
    """dx of batch normalization in inference: dy * slope"""
    by = Channelwise(dy.shape, dy.dtype)
    rows, along = by.rows(dy), by.along(slope)
    return by.made(lambda piece, out: np.multiply(rows(piece), along, out=out), dy.shape, dy.dtype)


def sums_backward(dy, x, mean, inverse) -> tuple[np.ndarray, np.ndarray]:
    """dgamma and dbeta: the sums of dy * (x - mean) * inverse and of dy."""
    by = Channelwise(x.shape, x.dtype)
    rows, dy_rows, mean = by.rows(x), by.rows(dy), by.along(mean)

    def terms(piece):
        given, product = dy_rows(piece), rows(piece) - mean
        product *= given
        return product, given

    products, dbeta = by.sums(terms)
    return products * inverse, dbeta


def _through_statistics(dy, x, mean, inverse, gamma, dgamma, dbeta) -> np.ndarray:
    """dx of batch normalization in training: (dy - mean of dy - n(x) * mean of dy * n(x)) * gamma * inverse"""
    by, count = Channelwise(x.shape, x.dtype), max(1, x.size // max(1, x.shape[-1]))
    slope = inverse if gamma is None else inverse * gamma
    rows, dy_rows = by.rows(x), by.rows(dy)
    mean, share, offset, slope = (by.along(p) for p in (mean, inverse * (dgamma / count), dbeta / count, slope))

    def piece(which, out):
        product = rows(which) - mean
        product *= share
        np.subtract(dy_rows(which), offset, out=out)
        out -= product
        out *= slope

    return by.made(piece, x.shape, x.dtype)


def inverse_deviation(variance, epsilon, dtype: Any = np.float64) -> np.ndarray:
    """1 / sqrt(variance + epsilon); of a few numbers in float64, so that what they scale is rounded once."""
    with np.errstate(divide="ignore"):  # variance and epsilon both 0: the infinity is the answer
        return 1 / np.sqrt(variance.astype(dtype, copy=False) + float(epsilon))


# The rules.


def check_given(op, **arrays) -> None:
    for name, array in arrays.items():
        if array is None:
            raise TypeError(f"{op}: {name} must be an array; got {name} None.")


def check_channels(op, x, epsilon, **arrays) -> None:
    if x.ndim < 2:
        fail(op, "x must have at least two axes, (batch, ..., channels)", x=x)
    real(op, "epsilon", epsilon, rule="a number, at least 0", low=0)
    for name, array in arrays.items():
        if array is not None:
            check_shape(op, x.shape[-1:], "one value for each channel", **{name: array})
