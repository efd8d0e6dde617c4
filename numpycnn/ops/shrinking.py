"""Activations that shrink towards 0 or cut off: pieces, with TensorFlow's gradient where they meet."""

import numpy as np

from numpycnn.ops.arguments import ieee
from numpycnn.ops.elementwise import gradient_arguments, present, widened
from numpycnn.ops.scalars import real

__all__ = [
    "hard_shrink",
    "hard_shrink_backward",
    "hard_tanh",
    "hard_tanh_backward",
    "soft_shrink",
    "soft_shrink_backward",
    "sparse_plus",
    "sparse_plus_backward",
    "sparse_sigmoid",
    "sparse_sigmoid_backward",
    "tanh_shrink",
    "tanh_shrink_backward",
]


@ieee
def hard_tanh(x):
    """y = min(max(x, -1), 1).

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: keras.activations.hard_tanh.

    >>> hard_tanh(np.array([-2.0, 0.5, 2.0]))
    array([-1. ,  0.5,  1. ])
    """
    (x,) = present("hard_tanh", x=x)
    return np.asarray(np.clip(x, -1, 1), x.dtype)


@ieee
def hard_tanh_backward(dy, x):
    """dx = dy where -1 <= x <= 1, else 0"""
    dtype, dy, x, _ = gradient_arguments("hard_tanh_backward", dy, x)
    return np.asarray(dy * _where((x < -1) | (x > 1), 0, 1, x), dtype)


@ieee
def hard_shrink(x, threshold=0.5):
    """y = x where |x| > threshold, else 0.

    Args: x: any shape; threshold: a number, at least 0.   Returns: the shape and dtype of x.
    Source: keras.activations.hard_shrink.

    >>> hard_shrink(np.array([-2.0, 0.5, 0.6]))
    array([-2. ,  0. ,  0.6])
    """
    (x,) = present("hard_shrink", x=x)
    return np.asarray(np.where(np.abs(x) <= _threshold("hard_shrink", threshold), 0, x), x.dtype)


@ieee
def hard_shrink_backward(dy, x, threshold=0.5):
    """dx = dy where |x| > threshold, else 0"""
    dtype, dy, x, _ = gradient_arguments("hard_shrink_backward", dy, x)
    return np.asarray(dy * _where(np.abs(x) <= _threshold("hard_shrink_backward", threshold), 0, 1, x), dtype)


@ieee
def soft_shrink(x, threshold=0.5):
    """y = x - threshold where x > threshold, x + threshold where x < -threshold, else 0.

    Args: x: any shape; threshold: a number, at least 0.   Returns: the shape and dtype of x.
    Source: keras.activations.soft_shrink.

    >>> soft_shrink(np.array([-2.0, 0.5, 1.0]))
    array([-1.5,  0. ,  0.5])
    """
    (x,) = present("soft_shrink", x=x)
    threshold = _threshold("soft_shrink", threshold)
    wide = widened(x)
    return np.asarray(wide - np.clip(wide, -threshold, threshold), x.dtype)


@ieee
def soft_shrink_backward(dy, x, threshold=0.5):
    """dx = dy where |x| > threshold, else 0"""
    dtype, dy, x, _ = gradient_arguments("soft_shrink_backward", dy, x)
    return np.asarray(dy * _where(np.abs(x) <= _threshold("soft_shrink_backward", threshold), 0, 1, x), dtype)


@ieee
def tanh_shrink(x):
    """y = x - tanh(x).

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: keras.activations.tanh_shrink.

    >>> tanh_shrink(np.array([-1000.0, 0.0]))
    array([-999.,    0.])
    """
    (x,) = present("tanh_shrink", x=x)
    wide = widened(x)
    return np.asarray(wide - np.tanh(wide), x.dtype)


@ieee
def tanh_shrink_backward(dy, x):
    """dx = dy * tanh(x)^2"""
    dtype, dy, x, _ = gradient_arguments("tanh_shrink_backward", dy, x)
    return np.asarray(dy * np.tanh(x) ** 2, dtype)


@ieee
def sparse_plus(x):
    """y = 0 where x <= -1, (x + 1)^2 / 4 between, x where x >= 1.

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: keras.activations.sparse_plus.

    >>> sparse_plus(np.array([-2.0, 0.0, 2.0]))
    array([0.  , 0.25, 2.  ])
    """
    (x,) = present("sparse_plus", x=x)
    wide = widened(x)
    return np.asarray(_where(wide >= 1, wide, np.clip(wide + 1, 0, 2) ** 2 / 4, wide), x.dtype)


@ieee
def sparse_plus_backward(dy, x):
    """dx = dy * min(max((x + 1) / 2, 0), 1)"""
    dtype, dy, x, _ = gradient_arguments("sparse_plus_backward", dy, x)
    return np.asarray(dy * (np.clip(x + 1, 0, 2) / 2), dtype)


@ieee
def sparse_sigmoid(x):
    """y = min(max((x + 1) / 2, 0), 1).

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: keras.activations.sparse_sigmoid.

    >>> sparse_sigmoid(np.array([-2.0, 0.0, 2.0]))
    array([0. , 0.5, 1. ])
    """
    (x,) = present("sparse_sigmoid", x=x)
    return np.asarray(np.clip(widened(x) + 1, 0, 2) / 2, x.dtype)


@ieee
def sparse_sigmoid_backward(dy, x):
    """dx = dy / 2 where -1 < x < 1, else 0"""
    dtype, dy, x, _ = gradient_arguments("sparse_sigmoid_backward", dy, x)
    return np.asarray(dy * _where((x <= -1) | (x >= 1), 0, 0.5, x), dtype)


def _where(condition, first, second, x):
    """The one or the other in the dtype of x, and NaN where x is."""
    return np.where(condition, first, second).astype(x.dtype) + np.where(np.isnan(x), x, 0)


def _threshold(op, threshold):
    return real(op, "threshold", threshold, rule="a number, at least 0", low=0)
