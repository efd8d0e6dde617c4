"""Softplus and other smooth activations, in forms that neither overflow nor cancel."""

import numpy as np

from numpycnn.ops.arguments import fail
from numpycnn.ops.elementwise import gradient_arguments, piecewise, present, widened
from numpycnn.ops.scalars import real
from numpycnn.ops.sigmoids import gate

__all__ = [
    "celu",
    "celu_backward",
    "exponential",
    "exponential_backward",
    "log_sigmoid",
    "log_sigmoid_backward",
    "mish",
    "mish_backward",
    "softplus",
    "softplus_backward",
    "softsign",
    "softsign_backward",
    "squareplus",
    "squareplus_backward",
]


@piecewise
def exponential(x):
    """y = exp(x).

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: keras.activations.exponential.

    >>> exponential(np.array([-np.inf, 0.0]))
    array([0., 1.])
    """
    (x,) = present("exponential", x=x)
    return np.asarray(np.exp(widened(x)), x.dtype)


@piecewise
def exponential_backward(dy, x, *, y=None):
    """dx = dy * y.   Args: x may be None where y, the output, is given."""
    dtype, dy, x, y = gradient_arguments("exponential_backward", dy, x, y)
    return np.asarray(dy * (np.exp(x) if y is None else y), dtype)


@piecewise
def softplus(x):
    """y = log(1 + exp(x)), a relu without a kink.

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: tf.math.softplus.

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    (x,) = present("softplus", x=x)
    return np.asarray(_softplus(widened(x)), x.dtype)


@piecewise
def softplus_backward(dy, x):
    """dx = dy * sigmoid(x)"""
    dtype, dy, x, _ = gradient_arguments("softplus_backward", dy, x)
    return np.asarray(dy * gate(x), dtype)


@piecewise
def log_sigmoid(x):
    """y = log(sigmoid(x)) = -softplus(-x).

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: tf.math.log_sigmoid.

    >>> log_sigmoid(np.array([-1000.0, 1000.0]))
    array([-1000.,    -0.])
    """
    (x,) = present("log_sigmoid", x=x)
    return np.asarray(-_softplus(-widened(x)), x.dtype)


@piecewise
def log_sigmoid_backward(dy, x):
    """dx = dy * sigmoid(-x)"""
    dtype, dy, x, _ = gradient_arguments("log_sigmoid_backward", dy, x)
    return np.asarray(dy * gate(-x), dtype)


@piecewise
def mish(x):
    """y = x * tanh(softplus(x)); at -inf it is NaN, as in TensorFlow.

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: keras.activations.mish; Misra, arXiv:1908.08681.

    >>> mish(np.array([-1000.0, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])
    """
    (x,) = present("mish", x=x)
    wide = widened(x)
    return np.asarray(wide * _mish_gate(wide)[0], x.dtype)


@piecewise
def mish_backward(dy, x):
    """dx = dy * (t + x * (1 - t^2) * sigmoid(x)),   t = tanh(softplus(x))"""
    dtype, dy, x, _ = gradient_arguments("mish_backward", dy, x)
    t, rest = _mish_gate(x)
    return np.asarray(dy * (t + x * (rest * (1 + t) * gate(x))), dtype)


@piecewise
def softsign(x):
    """y = x / (1 + |x|); NaN at the infinities, as in TensorFlow.

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: tf.nn.softsign.

    >>> softsign(np.array([-3.0, 0.0, 1.0]))
    array([-0.75,  0.  ,  0.5 ])
    """
    (x,) = present("softsign", x=x)
    wide = widened(x)
    return np.asarray(wide / (1 + np.abs(wide)), x.dtype)


@piecewise
def softsign_backward(dy, x):
    """dx = dy / (1 + |x|)^2"""
    dtype, dy, x, _ = gradient_arguments("softsign_backward", dy, x)
    return np.asarray(dy / (1 + np.abs(x)) ** 2, dtype)


@piecewise
def squareplus(x, b=4.0):
    """y = (x + sqrt(x^2 + b)) / 2, a relu bent at 0 as far as b says.

    Args: x: any shape; b: a number, at least 0.   Returns: the shape and dtype of x.
    Source: keras.activations.squareplus; Barron, arXiv:2112.11687.

    >>> squareplus(np.array([-1.5, 0.0, 1.5]))
    array([0.5, 1. , 2. ])
    """
    (x,) = present("squareplus", x=x)
    wide = widened(x)
    return np.asarray(_squareplus(wide, _bend("squareplus", b))[0], x.dtype)


@piecewise
def squareplus_backward(dy, x, b=4.0):
    """dx = dy * (1 + x / sqrt(x^2 + b)) / 2"""
    dtype, dy, x, _ = gradient_arguments("squareplus_backward", dy, x)
    y, root = _squareplus(x, _bend("squareplus_backward", b))
    return np.asarray(dy * (y / root), dtype)


@piecewise
def celu(x, alpha=1.0):
    """y = x where x > 0, alpha * (exp(x / alpha) - 1) elsewhere: an elu whose slope at 0 is 1.

    Args: x: any shape; alpha: a number other than 0.   Returns: the shape and dtype of x.
    Source: keras.activations.celu; Barron, arXiv:1704.07483.

    >>> celu(np.array([-np.inf, 0.0, 2.0]), alpha=0.5)
    array([-0.5,  0. ,  2. ])
    """
    (x,) = present("celu", x=x)
    alpha = _not_zero("celu", alpha)
    wide = widened(x)
    return np.asarray(np.maximum(wide, 0) + alpha * np.expm1(np.minimum(wide, 0) / alpha), x.dtype)


@piecewise
def celu_backward(dy, x, alpha=1.0):
    """dx = dy where x > 0, dy * exp(x / alpha) where x < 0, and at 0 twice dy: TensorFlow adds the two pieces up."""
    dtype, dy, x, _ = gradient_arguments("celu_backward", dy, x)
    slope = np.exp(np.minimum(x, 0) / _not_zero("celu_backward", alpha))
    return np.asarray(dy * (slope + (x == 0)), dtype)


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _mish_gate(x):
    """t = tanh(softplus(x)) and 1 - t, from exp(-|x|) alone."""
    n = np.exp(-np.abs(x))
    positive = x >= 0
    part = np.where(positive, 1 + 2 * n, n * (n + 2))
    rest = np.where(positive, 2 * n * n, 2)
    return part / (part + rest), rest / (part + rest)


def _squareplus(x, b):
    """y and the root; where x is negative, y as b over what does not cancel."""
    root = np.sqrt(x * x + b)
    return np.where(x < 0, b / (2 * (root - np.minimum(x, 0))), (x + root) / 2), root


def _bend(op, b):
    return real(op, "b", b, rule="a number, at least 0", low=0)


def _not_zero(op, alpha):
    if real(op, "alpha", alpha) == 0:
        fail(op, "alpha must be a number other than 0", alpha=alpha)
    return alpha
