"""The sigmoid, its relatives, and the activations that gate their input by one: silu, hard_silu and gelu."""

import math

import numpy as np

from numpycnn.ops.elementwise import gradient_arguments, piecewise, present, widened
from numpycnn.ops.normal_distribution import gaussian, normal_cdf

__all__ = [
    "gelu",
    "gelu_backward",
    "hard_sigmoid",
    "hard_sigmoid_backward",
    "hard_silu",
    "hard_silu_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "tanh",
    "tanh_backward",
]

SATURATED = 30.0
"""Beyond this the gate of the approximate gelu is 0 or 1 in every dtype; x is cut to it, so that x^3 stays finite."""


@piecewise
def sigmoid(x):
    """y = 1 / (1 + exp(-x)), without overflow for any x.

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: tf.math.sigmoid.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    (x,) = present("sigmoid", x=x)
    return np.asarray(gate(widened(x)), x.dtype)


@piecewise
def sigmoid_backward(dy, x, *, y=None):
    """dx = dy * y * (1 - y).

    Args: x may be None where y, the output, is given; without y, 1 - y is computed from x and does not cancel.
    """
    dtype, dy, x, y = gradient_arguments("sigmoid_backward", dy, x, y)
    return np.asarray(dy * (_bell(x) if y is None else y * (1 - y)), dtype)


@piecewise
def hard_sigmoid(x):
    """y = min(max(x / 6 + 1/2, 0), 1).

    Args: x: any shape.   Returns: the shape and dtype of x.
    Source: keras.activations.hard_sigmoid; ONNX's default is 0.2 * x + 0.5 instead (traps.md, row 32).

    >>> hard_sigmoid(np.array([-3.0, 0.0, 1.5, 4.0]))
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    (x,) = present("hard_sigmoid", x=x)
    return np.asarray(_hard_gate(widened(x)), x.dtype)


@piecewise
def hard_sigmoid_backward(dy, x):
    """dx = dy / 6 where -3 < x < 3, else 0."""
    dtype, dy, x, _ = gradient_arguments("hard_sigmoid_backward", dy, x)
    return np.asarray(dy * _hard_slope(x), dtype)


@piecewise
def tanh(x):
    """y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: tf.math.tanh.

    >>> tanh(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.,  0.,  1.])
    """
    (x,) = present("tanh", x=x)
    return np.asarray(np.tanh(widened(x)), x.dtype)


@piecewise
def tanh_backward(dy, x, *, y=None):
    """dx = dy * (1 - y^2).

    Args: x may be None where y, the output, is given; without y, 1 - y^2 is computed from x and does not cancel.
    """
    dtype, dy, x, y = gradient_arguments("tanh_backward", dy, x, y)
    return np.asarray(dy * (4 * _bell(2 * x) if y is None else (1 - y) * (1 + y)), dtype)


@piecewise
def silu(x):
    """y = x * sigmoid(x), also called swish; at -inf it is NaN, as in TensorFlow.

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: keras.activations.silu; arXiv:1702.03118.

    >>> silu(np.array([-1000.0, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])
    """
    (x,) = present("silu", x=x)
    wide = widened(x)
    return np.asarray(wide * gate(wide), x.dtype)


@piecewise
def silu_backward(dy, x):
    """dx = dy * s * (1 + x * (1 - s)),   s = sigmoid(x)"""
    dtype, dy, x, _ = gradient_arguments("silu_backward", dy, x)
    return np.asarray(dy * (gate(x) * (1 + x * gate(-x))), dtype)


@piecewise
def hard_silu(x):
    """y = x * hard_sigmoid(x), also called hard swish; at -inf it is NaN, as in TensorFlow.

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: keras.activations.hard_silu; arXiv:1905.02244.

    >>> hard_silu(np.array([-3.0, -1.5, 0.0, 3.0]))
    array([-0.   , -0.375,  0.   ,  3.   ])
    """
    (x,) = present("hard_silu", x=x)
    wide = widened(x)
    return np.asarray(wide * _hard_gate(wide), x.dtype)


@piecewise
def hard_silu_backward(dy, x):
    """dx = dy * (h + x / 6) where -3 < x < 3, else dy * h,   h = hard_sigmoid(x)"""
    dtype, dy, x, _ = gradient_arguments("hard_silu_backward", dy, x)
    return np.asarray(dy * (_hard_gate(x) + x * _hard_slope(x)), dtype)


@piecewise
def gelu(x, approximate=False):
    """The input times the share of the standard normal distribution below it; at -inf NaN, as in TensorFlow.

    y = x * (1 + erf(x / sqrt(2))) / 2
    y = x * sigmoid(2 * sqrt(2/pi) * (x + 0.044715 * x^3))   where approximate, the same as the form with tanh

    Args: x: any shape; approximate: which of the two.   Returns: the shape and dtype of x.
    Source: keras.activations.gelu; Hendrycks & Gimpel, arXiv:1606.08415.

    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(6), gelu(np.array([-1.0, 0.0, 1.0]), approximate=True).round(6)
    (array([-0.158655,  0.      ,  0.841345]), array([-0.158808,  0.      ,  0.841192]))
    """
    (x,) = present("gelu", x=x)
    wide = widened(x)
    return np.asarray(wide * (gate(_bent(wide)[0]) if approximate else normal_cdf(wide)), x.dtype)


@piecewise
def gelu_backward(dy, x, approximate=False):
    """dx = dy * (cdf(x) + x * density(x)) of the standard normal; where approximate, the derivative of that form."""
    dtype, dy, x, _ = gradient_arguments("gelu_backward", dy, x)
    if not approximate:
        return np.asarray(dy * (normal_cdf(x) + x * (gaussian(x) / math.sqrt(2 * math.pi))), dtype)
    bent, slope = _bent(x)
    return np.asarray(dy * (gate(bent) + x * (_bell(bent) * slope)), dtype)


def gate(x):
    """sigmoid(x): only exp(-abs(x)) is taken, which cannot overflow, and nothing is subtracted."""
    decay = np.exp(-np.abs(x))
    return np.maximum(decay, (x >= 0).astype(x.dtype)) / (1 + decay)


def _bell(x):
    """The derivative of the sigmoid, sigmoid(x) * sigmoid(-x)."""
    decay = np.exp(-np.abs(x))
    return decay / (1 + decay) ** 2


def _hard_gate(x):
    return np.clip(x + 3, 0, 6) / 6


def _hard_slope(x):
    return np.multiply((x > -3) & (x < 3), 1 / 6, dtype=x.dtype)


def _bent(x):
    """What the approximate gelu gives its sigmoid, 2 * sqrt(2/pi) * (x + 0.044715 * x^3), and its derivative."""
    x = np.clip(x, -SATURATED, SATURATED)
    factor, square = 2 * math.sqrt(2 / math.pi), x * x
    return factor * x * (1 + 0.044715 * square), factor * (1 + 3 * 0.044715 * square)
