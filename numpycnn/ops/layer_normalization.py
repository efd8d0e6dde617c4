"""Layer normalization: each example by its own statistics, over the axes that are given.

It differs from batch normalization in the axes alone, which do not leave one number for each channel; group
normalization and weight standardization are made of the same.
"""

import numpy as np

from numpycnn.ops.arguments import accumulator, axis_index, check_shape, entries, fail, floating, ieee
from numpycnn.ops.normalization import check_given, inverse_deviation
from numpycnn.ops.scalars import real

__all__ = ["layer_normalization", "layer_normalization_backward"]


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
    check_given(op, x=x)
    x, gamma, beta = floating(op, x=x, gamma=gamma, beta=beta)
    axes = _check_axes(op, x, axis, epsilon, gamma=gamma, beta=beta)
    y, *_ = standardized(x, axes, epsilon)
    y = scaled(y, _along(gamma, x, axes), _along(beta, x, axes))
    return y.astype(x.dtype, copy=False)


@ieee
def layer_normalization_backward(dy, x, *, gamma=None, beta=None, axis=-1, epsilon=1e-3):
    """The gradients of a loss through `layer_normalization`.   Returns: dx, dgamma, dbeta.

    dx as in `batch_normalization_train_backward`, its means over the given axes; the sums of dgamma and dbeta are over
    the other axes.
    """
    op = "layer_normalization_backward"
    check_given(op, dy=dy, x=x)
    dy, x, gamma, beta = floating(op, dy=dy, x=x, gamma=gamma, beta=beta)
    axes = _check_axes(op, x, axis, epsilon, gamma=gamma, beta=beta)
    check_shape(op, x.shape, "the shape of the output", dy=dy)
    normal, inverse, *_ = standardized(x, axes, epsilon)
    others = tuple(a for a in range(x.ndim) if a not in axes)
    shape = tuple(x.shape[a] for a in axes)
    return standardized_backward(dy, normal, inverse, _along(gamma, x, axes), axes, others, shape)


# What they are made of, over already checked arguments.


def standardized(x, axes, epsilon, mean=None, variance=None):
    """(x - mean) / sqrt(variance + epsilon), then 1 / that root, mean and variance, the last three with axes kept."""
    x = np.asarray(x, accumulator(x.dtype), order="C")  # in another order another sum would round otherwise
    count = max(1, int(np.prod([x.shape[a] for a in axes])))
    if mean is None:
        mean = _sum(x, axes) / count
    normal = x - mean
    if variance is None:
        variance = _sum(np.square(normal), axes) / count
    inverse = inverse_deviation(variance, epsilon, x.dtype)
    normal *= inverse
    return normal, inverse, mean, variance


def standardized_backward(dy, normal, inverse, gamma, axes, others, shape):
    """dx, dgamma, dbeta, where `axes` were averaged over and gamma of `shape` lay along all but the `others`."""
    dtype, dy = dy.dtype, dy.astype(normal.dtype, copy=False)
    count = max(1, int(np.prod([dy.shape[a] for a in axes])))
    g = dy if gamma is None else dy * gamma
    dx = g - _sum(g, axes) / count
    dx -= normal * (_sum(g * normal, axes) / count)
    dx *= inverse
    dgamma, dbeta = _sum(dy * normal, others).reshape(shape), _sum(dy, others).reshape(shape)
    return tuple(d.astype(dtype, copy=False) for d in (dx, dgamma, dbeta))


def scaled(y, gamma, beta) -> np.ndarray:
    """y * gamma + beta, in place."""
    if gamma is not None:
        y *= gamma
    if beta is not None:
        y += beta
    return y


def _sum(x, axes) -> np.ndarray:
    """The sum over some axes, which are kept, axis by axis: short sums round less than one long one."""
    if not axes:
        return x.copy()
    for axis in reversed(axes):
        x = x.sum(axis=axis, keepdims=True)
    return x


def _along(parameter, x, axes):
    """gamma or beta of the shape of the given axes, made to broadcast with x."""
    return None if parameter is None else parameter.reshape([n if a in axes else 1 for a, n in enumerate(x.shape)])


# The rules.


def _check_axes(op, x, axis, epsilon, **arrays) -> tuple[int, ...]:
    axes = tuple(sorted(axis_index(op, "axis", a, x.ndim) for a in (axis if entries(axis) else (axis,))))
    if len(set(axes)) < len(axes):
        fail(op, "axis must be one axis or several different ones", axis=axis, x=x)
    real(op, "epsilon", epsilon, rule="a number, at least 0", low=0)
    for name, array in arrays.items():
        if array is not None:
            check_shape(op, [x.shape[a] for a in axes], "the shape of the normalized axes", **{name: array})
    return axes
