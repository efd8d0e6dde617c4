"""Softmax and its logarithm: functions of a whole axis, made relative to its largest value so that none overflows."""

import numpy as np

from numpycnn.ops.arguments import axis_index, ieee
from numpycnn.ops.elementwise import gradient_arguments, present, widened
from numpycnn.ops.threads import each, slices

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


@ieee
def softmax(x, axis=-1):
    """Positive shares that add up to 1 along an axis.

    y[..., i] = exp(x[..., i]) / sum over j of exp(x[..., j]),   i and j along `axis`

    Args: x: at least one axis; axis: an integer, negative from the end.

    Returns: the shape and dtype of x. Where the axis holds NaN or +inf, or only -inf, all its shares are NaN, as in
        TensorFlow.

    Raises: ValueError or TypeError for an axis that x does not have.   Source: tf.nn.softmax.

    >>> softmax(np.array([[0.0, 0.0, -np.inf], [1000.0, 0.0, 0.0]]))
    array([[0.5, 0.5, 0. ],
           [1. , 0. , 0. ]])
    """
    (x,) = present("softmax", x=x)
    axis = axis_index("softmax", "axis", axis, x.ndim)
    return _by_rows(shares, x.dtype, axis, widened(x))


@ieee
def softmax_backward(dy, x, axis=-1, *, y=None):
    """dx[..., i] = y[..., i] * (dy[..., i] - sum over j of dy[..., j] * y[..., j])

    Args: x may be None where y, the output, is given.
    """
    dtype, dy, x, y = gradient_arguments("softmax_backward", dy, x, y)
    axis = axis_index("softmax_backward", "axis", axis, dy.ndim)
    from_x = y is None

    def back(dy, given, axis):
        y = shares(given, axis) if from_x else given
        return y * (dy - np.sum(dy * y, axis=axis, keepdims=True))

    return _by_rows(back, dtype, axis, dy, x if from_x else y)


@ieee
def log_softmax(x, axis=-1):
    """The logarithm of `softmax`, which does not run out of numbers where a share is near 0.

    y[..., i] = x[..., i] - log(sum over j of exp(x[..., j])),   i and j along `axis`

    Args, Raises: as `softmax`.   Returns: the shape and dtype of x; NaN where softmax is.   Source: tf.nn.log_softmax.

    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    (x,) = present("log_softmax", x=x)
    axis = axis_index("log_softmax", "axis", axis, x.ndim)
    return _by_rows(log_shares, x.dtype, axis, widened(x))


@ieee
def log_softmax_backward(dy, x, axis=-1, *, y=None):
    """dx[..., i] = dy[..., i] - exp(y[..., i]) * sum over j of dy[..., j]

    Args: x may be None where y, the output, is given.
    """
    dtype, dy, x, y = gradient_arguments("log_softmax_backward", dy, x, y)
    axis = axis_index("log_softmax_backward", "axis", axis, dy.ndim)
    share = shares(x, axis) if y is None else np.exp(y)
    return np.asarray(dy - share * np.sum(dy, axis=axis, keepdims=True), dtype)


def _by_rows(function, dtype, axis: int, *arrays) -> np.ndarray:
    """The function of arrays along an axis; where that is the last, of pieces of them that stay in cache."""
    if axis < arrays[0].ndim - 1 or not arrays[0].size:
        return np.asarray(function(*arrays, axis), dtype)
    y = np.empty(arrays[0].shape, dtype)
    *flat, into = (array.reshape(-1, y.shape[-1]) for array in (*arrays, y))

    def work(piece):
        into[piece] = function(*(array[piece] for array in flat), 1)

    each(work, slices(len(into), 2 * arrays[0].itemsize * y.shape[-1]), sum(a.nbytes for a in arrays))
    return y


def shares(x, axis):
    """softmax of an array that is wide enough to sum in."""
    powers = np.exp(_below_largest(x, axis))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def log_shares(x, axis):
    """log_softmax of an array that is wide enough to sum in."""
    below = _below_largest(x, axis)
    total = np.sum(np.exp(below), axis=axis, keepdims=True)
    return below - np.log(np.maximum(total, 1))  # at least exp(0), but 0 along an empty axis


def _below_largest(x, axis):
    return x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)
