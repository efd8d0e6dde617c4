"""Normalization: batch and layer normalization, whose statistics are made in two passes, and moving averages.

Both bring numbers to mean 0 and variance 1 over some axes, then give them a learnt scale and offset. They differ in
the axes alone: batch normalization averages over all but the channels, layer normalization within each example.
Whatever the dtype of the arrays, statistics and everything between are never narrower than float32.
"""

import numpy as np

from numpycnn.ops.arguments import accumulator, axis_index, check_shape, entries, fail, floating, ieee
from numpycnn.ops.scalars import real

__all__ = [
    "batch_normalization",
    "batch_normalization_backward",
    "batch_normalization_train",
    "batch_normalization_train_backward",
    "layer_normalization",
    "layer_normalization_backward",
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
    _check_given(op, x=x, mean=mean, variance=variance)
    x, mean, variance, gamma, beta = floating(op, x=x, mean=mean, variance=variance, gamma=gamma, beta=beta)
    _check_channels(op, x, epsilon, mean=mean, variance=variance, gamma=gamma, beta=beta)
    y = np.subtract(x, mean, dtype=accumulator(x.dtype))
    y *= _inverse_deviation(variance, epsilon)
    return _scaled(y, gamma, beta).astype(x.dtype, copy=False)


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
    _check_given(op, dy=dy, x=x, mean=mean, variance=variance)
    arrays = floating(op, dy=dy, x=x, mean=mean, variance=variance, gamma=gamma, beta=beta)
    dy, x, mean, variance, gamma, beta = arrays
    _check_channels(op, x, epsilon, mean=mean, variance=variance, gamma=gamma, beta=beta)
    check_shape(op, x.shape, "the shape of the output", dy=dy)
    inverse = _inverse_deviation(variance, epsilon)
    slope = inverse if gamma is None else inverse * gamma
    axes, channels = _all_but_last(x), mean.shape
    dgamma = _sum(dy * (np.subtract(x, mean, dtype=inverse.dtype) * inverse), axes).reshape(channels)
    dbeta = _sum(dy.astype(inverse.dtype, copy=False), axes).reshape(channels)
    gradients = dy * slope, -slope * dbeta, -0.5 * slope * inverse * dgamma, dgamma, dbeta
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
    _check_given(op, x=x)
    x, gamma, beta = floating(op, x=x, gamma=gamma, beta=beta)
    _check_channels(op, x, epsilon, gamma=gamma, beta=beta)
    y, _, mean, variance = _standardized(x, _all_but_last(x), epsilon)
    channels = x.shape[-1:]
    results = _scaled(y, gamma, beta), mean.reshape(channels), variance.reshape(channels)
    return tuple(result.astype(x.dtype, copy=False) for result in results)


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
    _check_given(op, dy=dy, x=x)
    arrays = floating(op, dy=dy, x=x, gamma=gamma, beta=beta, mean=mean, variance=variance)
    dy, x, gamma, beta, mean, variance = arrays
    _check_channels(op, x, epsilon, gamma=gamma, beta=beta, mean=mean, variance=variance)
    check_shape(op, x.shape, "the shape of the output", dy=dy)
    axes = _all_but_last(x)
    normal, inverse, *_ = _standardized(x, axes, epsilon, mean, variance)
    return _standardized_backward(dy, normal, inverse, gamma, axes, axes, x.shape[-1:])


@ieee
def layer_normalization(x, *, gamma=None, beta=None, axis=-1, epsilon=1e-3):
    """Normalize each example by its own statistics, over the given axes.

    y[e,a] = gamma[a] * (x[e,a] - mean[e]) / sqrt(variance[e] + epsilon) + beta[a]

    where a runs over the given axes and e over the others; mean[e] and the biased variance[e] are over all a.

    Args:
        x: any shape, float16, float32 or float64.
        gamma, beta: of the shape of the given axes in ascending order, or None for 1 and 0.
        axis: one axis, or several.
        epsilon: a number, at least 0. Keras's own is 1e-3, PyTorch's 1e-5.

    Returns: the shape and the common dtype of the arguments.

    Raises: ValueError for an axis x has not or that is given twice, gamma or beta of another shape, a negative epsilon.

    Source: keras.layers.LayerNormalization; Ba, Kiros & Hinton, arXiv:1607.06450.

    >>> layer_normalization([[1.0, 3.0], [5.0, 5.0]], beta=[0.0, 2.0], epsilon=0.5625)
    array([[-0.8,  2.8],
           [ 0. ,  2. ]])
    """
    op = "layer_normalization"
    _check_given(op, x=x)
    x, gamma, beta = floating(op, x=x, gamma=gamma, beta=beta)
    axes = _check_axes(op, x, axis, epsilon, gamma=gamma, beta=beta)
    y, *_ = _standardized(x, axes, epsilon)
    y = _scaled(y, _along(gamma, x, axes), _along(beta, x, axes))
    return y.astype(x.dtype, copy=False)


@ieee
def layer_normalization_backward(dy, x, *, gamma=None, beta=None, axis=-1, epsilon=1e-3):
    """The gradients of a loss through `layer_normalization`.   Returns: dx, dgamma, dbeta.

    dx as in `batch_normalization_train_backward`, its means over the given axes; the sums of dgamma and dbeta are over
    the other axes.
    """
    op = "layer_normalization_backward"
    _check_given(op, dy=dy, x=x)
    dy, x, gamma, beta = floating(op, dy=dy, x=x, gamma=gamma, beta=beta)
    axes = _check_axes(op, x, axis, epsilon, gamma=gamma, beta=beta)
    check_shape(op, x.shape, "the shape of the output", dy=dy)
    normal, inverse, *_ = _standardized(x, axes, epsilon)
    others = tuple(a for a in range(x.ndim) if a not in axes)
    shape = tuple(x.shape[a] for a in axes)
    return _standardized_backward(dy, normal, inverse, _along(gamma, x, axes), axes, others, shape)


@ieee
def moving_average(moving, batch, *, momentum=0.99):
    """One step of the moving statistics of batch normalization: moving * momentum + batch * (1 - momentum).

    Args: moving, batch: of one shape; momentum: how much of the old stays, from 0 to 1. (PyTorch's momentum is how
        much of the new enters: 1 minus this.)

    Returns: the moving statistics after the step, a new array.   Source: keras.layers.BatchNormalization.

    >>> moving_average([1.0, 0.0], [3.0, 1.0], momentum=0.5)
    array([2. , 0.5])
    """
    _check_given("moving_average", moving=moving, batch=batch)
    moving, batch = floating("moving_average", moving=moving, batch=batch)
    check_shape("moving_average", moving.shape, "the shape of moving", batch=batch)
    momentum = real("moving_average", "momentum", momentum, rule="a number from 0 to 1", low=0, high=1)
    wide = accumulator(moving.dtype)
    step = moving.astype(wide, copy=False) * momentum + batch.astype(wide, copy=False) * (1 - momentum)
    return step.astype(moving.dtype, copy=False)


# What all of them are made of, over already checked arguments.


def _standardized(x, axes, epsilon, mean=None, variance=None):
    """(x - mean) / sqrt(variance + epsilon), then 1 / that root, mean and variance, the last three with axes kept."""
    x = np.asarray(x, accumulator(x.dtype), order="C")  # in another order another sum would round otherwise
    count = max(1, int(np.prod([x.shape[a] for a in axes])))
    if mean is None:
        mean = _sum(x, axes) / count
    normal = x - mean
    if variance is None:
        variance = _sum(np.square(normal), axes) / count
    inverse = _inverse_deviation(variance, epsilon)
    normal *= inverse
    return normal, inverse, mean, variance


def _standardized_backward(dy, normal, inverse, gamma, axes, others, shape):
    """dx, dgamma, dbeta, where `axes` were averaged over and gamma of `shape` lay along all but the `others`."""
    dtype, dy = dy.dtype, dy.astype(normal.dtype, copy=False)
    count = max(1, int(np.prod([dy.shape[a] for a in axes])))
    g = dy if gamma is None else dy * gamma
    dx = g - _sum(g, axes) / count
    dx -= normal * (_sum(g * normal, axes) / count)
    dx *= inverse
    dgamma, dbeta = _sum(dy * normal, others).reshape(shape), _sum(dy, others).reshape(shape)
    return tuple(d.astype(dtype, copy=False) for d in (dx, dgamma, dbeta))


def _scaled(y, gamma, beta) -> np.ndarray:
    """y * gamma + beta, in place."""
    if gamma is not None:
        y *= gamma
    if beta is not None:
        y += beta
    return y


def _inverse_deviation(variance, epsilon) -> np.ndarray:
    with np.errstate(divide="ignore"):  # variance and epsilon both 0: the infinity is the answer
        return 1 / np.sqrt(variance.astype(accumulator(variance.dtype), copy=False) + float(epsilon))


def _sum(x, axes) -> np.ndarray:
    """The sum over some axes, which are kept, axis by axis: short sums round less than one long one."""
    if not axes:
        return x.copy()
    for axis in reversed(axes):
        x = x.sum(axis=axis, keepdims=True)
    return x


def _all_but_last(x) -> tuple[int, ...]:
    return tuple(range(x.ndim - 1))


def _along(parameter, x, axes):
    """gamma or beta of the shape of the given axes, made to broadcast with x."""
    return None if parameter is None else parameter.reshape([n if a in axes else 1 for a, n in enumerate(x.shape)])


# The rules.


def _check_given(op, **arrays) -> None:
    for name, array in arrays.items():
        if array is None:
            raise TypeError(f"{op}: {name} must be an array; got {name} None.")


def _check_channels(op, x, epsilon, **arrays) -> None:
    if x.ndim < 2:
        fail(op, "x must have at least two axes, (batch, ..., channels)", x=x)
    real(op, "epsilon", epsilon, rule="a number, at least 0", low=0)
    for name, array in arrays.items():
        if array is not None:
            check_shape(op, x.shape[-1:], "one value for each channel", **{name: array})


def _check_axes(op, x, axis, epsilon, **arrays) -> tuple[int, ...]:
    axes = tuple(sorted(axis_index(op, "axis", a, x.ndim) for a in (axis if entries(axis) else (axis,))))
    if len(set(axes)) < len(axes):
        fail(op, "axis must be one axis or several different ones", axis=axis, x=x)
    real(op, "epsilon", epsilon, rule="a number, at least 0", low=0)
    for name, array in arrays.items():
        if array is not None:
            check_shape(op, [x.shape[a] for a in axes], "the shape of the normalized axes", **{name: array})
    return axes
