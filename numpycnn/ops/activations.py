"""Activations that are straight lines joined at a kink, and their exponential relatives.

At a kink every gradient is the one TensorFlow gives, which is not always the same side (traps.md, row 12). The
sigmoids and what they gate are in sigmoids.py, the functions of a whole axis in softmax.py.
"""

import numpy as np

from numpycnn.ops.arguments import check_shape, fail, ieee
from numpycnn.ops.elementwise import gradient_arguments, present, unbroadcast, widened
from numpycnn.ops.scalars import real

__all__ = [
    "elu",
    "elu_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "prelu",
    "prelu_backward",
    "relu",
    "relu6",
    "relu6_backward",
    "relu_backward",
    "selu",
    "selu_backward",
]

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@ieee
def relu(x, *, max_value=None, negative_slope=0.0, threshold=0.0):
    """Keep what lies above a threshold.

    y = min(x, max_value) where x > threshold (never below 0 if max_value is given),
        negative_slope * (x - threshold) elsewhere

    Args: x: any shape, float16, float32 or float64; max_value: a number, at least 0, or None for no limit;
        negative_slope, threshold: numbers.

    Returns: the shape and dtype of x. NaN stays NaN.   Raises: ValueError or TypeError for an option that is no such
        number.

    Source: keras.layers.ReLU.

    >>> relu(np.array([-4.0, 1.0, 3.0, 9.0]), max_value=6, negative_slope=0.5, threshold=2)
    array([-3. , -0.5,  3. ,  6. ])
    """
    return _relu("relu", x, max_value, negative_slope, threshold)


@ieee
def relu_backward(dy, x, *, max_value=None, negative_slope=0.0, threshold=0.0, y=None):
    """The gradient of a loss through `relu`: dy between the limits, negative_slope * dy below the threshold, else 0.

    At the kinks, as TensorFlow: at the threshold 0, but negative_slope without max_value and threshold; at
    max_value dy, but 0 where max_value is 6 without threshold (`tf.nn.relu6`).

    Args: x may be None where y, the output, is given, threshold is 0, negative_slope at least 0, and max_value None
        or 6: then y tells what x would.   Returns: dx.
    """
    return _relu_backward("relu_backward", dy, x, max_value, negative_slope, threshold, y)


@ieee
def leaky_relu(x, negative_slope=0.3):
    """y = x where x > 0, negative_slope * x elsewhere.

    Args: x: any shape; negative_slope: a number; the default is Keras's (tf.nn has 0.2, PyTorch and ONNX 0.01).

    Returns: the shape and dtype of x.   Source: keras.layers.LeakyReLU; Maas et al. 2013.

    >>> leaky_relu(np.array([-2.0, 0.0, 2.0]))
    array([-0.6,  0. ,  2. ])
    """
    return _relu("leaky_relu", x, None, negative_slope, 0.0)


@ieee
def leaky_relu_backward(dy, x, negative_slope=0.3, *, y=None):
    """dx = dy where x > 0, negative_slope * dy elsewhere, at 0 too.

    Args: x may be None where y, the output, is given and negative_slope is at least 0.
    """
    return _relu_backward("leaky_relu_backward", dy, x, None, negative_slope, 0.0, y)


@ieee
def relu6(x):
    """y = min(max(x, 0), 6).

    Args: x: any shape.   Returns: the shape and dtype of x.   Source: tf.nn.relu6.

    >>> relu6(np.array([-2.0, 2.0, 8.0]))
    array([0., 2., 6.])
    """
    return _relu("relu6", x, 6.0, 0.0, 0.0)


@ieee
def relu6_backward(dy, x, *, y=None):
    """dx = dy where 0 < x < 6, else 0.   Args: x may be None where y, the output, is given."""
    return _relu_backward("relu6_backward", dy, x, 6.0, 0.0, 0.0, y)


@ieee
def prelu(x, alpha):
    """A leaky ReLU whose slopes are learned.

    y[n, ...] = max(x[n, ...], 0) + alpha[...] * min(x[n, ...], 0)

    Args: x: (batch, ...); alpha: broadcasts to x.shape[1:], so (height, width, C) is a slope for each element,
        (1, 1, C) or (C,) one for each channel, () one for all.

    Returns: the shape and dtype of x.   Raises: ValueError for an alpha that does not broadcast.
    Source: keras.layers.PReLU; He et al., arXiv:1502.01852.

    >>> prelu(np.array([[-2.0, -2.0, 2.0]]), np.array([0.5, 0.25, 0.0]))
    array([[-1. , -0.5,  2. ]])
    """
    x, alpha = present("prelu", x=x, alpha=alpha)
    _check_alpha("prelu", x, alpha)
    wide = widened(x)
    return np.asarray(np.maximum(wide, 0) + alpha * np.minimum(wide, 0), x.dtype)


@ieee
def prelu_backward(dy, x, alpha):
    """The gradients of a loss through `prelu`.

    dx = dy where x > 0, alpha * dy where x < 0, 0 at 0;   dalpha = dy * min(x, 0), summed over what alpha is shared by

    Returns: dx, dalpha.
    """
    dy, x, alpha = present("prelu_backward", dy=dy, x=x, alpha=alpha)
    _check_alpha("prelu_backward", x, alpha)
    check_shape("prelu_backward", x.shape, "the shape of x", dy=dy)
    wide = widened(dy)
    dx = wide * ((x > 0) + alpha * (x < 0))
    dalpha = unbroadcast(wide * np.minimum(x, 0), alpha.shape)
    return np.asarray(dx, x.dtype), np.asarray(dalpha, x.dtype)


@ieee
def elu(x, alpha=1.0):
    """y = x where x > 0, alpha * (exp(x) - 1) elsewhere.

    Args: x: any shape; alpha: a number.   Returns: the shape and dtype of x.
    Source: keras.layers.ELU; Clevert et al., arXiv:1511.07289.

    >>> elu(np.array([-np.inf, 0.0, 2.0]), alpha=0.5)
    array([-0.5,  0. ,  2. ])
    """
    (x,) = present("elu", x=x)
    alpha = real("elu", "alpha", alpha)
    wide = widened(x)
    return np.asarray(np.maximum(wide, 0) + alpha * np.expm1(np.minimum(wide, 0)), x.dtype)


@ieee
def elu_backward(dy, x, alpha=1.0, *, y=None):
    """dx = dy where x > 0, dy * alpha * exp(x) = dy * (y + alpha) elsewhere, at 0 too.

    Args: x may be None where y, the output, is given and alpha is at least 0.
    """
    dtype, dy, x, y = gradient_arguments("elu_backward", dy, x, y)
    alpha = real("elu_backward", "alpha", alpha)
    if y is not None and alpha >= 0:
        return np.asarray(dy * _pieces(y > 0, 1, np.minimum(y, 0) + alpha), dtype)
    if x is None:
        fail("elu_backward", "y alone gives the gradient only where alpha is at least 0; give x", alpha=alpha)
    return np.asarray(dy * _pieces(x > 0, 1, alpha * np.exp(np.minimum(x, 0))), dtype)


@ieee
def selu(x):
    """y = scale * x where x > 0, scale * alpha * (exp(x) - 1) elsewhere; scale = 1.0507..., alpha = 1.6732...

    Args: x: any shape.   Returns: the shape and dtype of x.
    Source: keras.activations.selu; Klambauer et al., arXiv:1706.02515.

    >>> selu(np.array([-np.inf, 0.0, 2.0])).round(4)
    array([-1.7581,  0.    ,  2.1014])
    """
    (x,) = present("selu", x=x)
    wide = widened(x)
    y = SELU_SCALE * np.maximum(wide, 0) + SELU_SCALE * SELU_ALPHA * np.expm1(np.minimum(wide, 0))
    return np.asarray(y, x.dtype)


@ieee
def selu_backward(dy, x, *, y=None):
    """dx = scale * dy where x >= 0, dy * scale * alpha * exp(x) = dy * (y + scale * alpha) elsewhere.

    Args: x may be None where y, the output, is given.
    """
    dtype, dy, x, y = gradient_arguments("selu_backward", dy, x, y)
    lowest = SELU_SCALE * SELU_ALPHA
    if y is not None:
        return np.asarray(dy * _pieces(y >= 0, SELU_SCALE, np.minimum(y, 0) + lowest), dtype)
    return np.asarray(dy * _pieces(x >= 0, SELU_SCALE, lowest * np.exp(np.minimum(x, 0))), dtype)


def _relu(op, x, max_value, negative_slope, threshold):
    (x,) = present(op, x=x)
    limit, slope, threshold = _line(op, x.dtype, max_value, negative_slope, threshold)
    wide = widened(x)
    y = np.clip(wide, 0, np.inf) if threshold == 0 else np.where(wide <= threshold, 0, wide)
    if limit is not None:
        y = np.clip(y, 0, limit)
    if slope:
        y = y + slope * np.minimum(wide - threshold, 0)
    return np.asarray(y, x.dtype)


def _relu_backward(op, dy, x, max_value, negative_slope, threshold, y):
    dtype, dy, x, y = gradient_arguments(op, dy, x, y)
    limit, slope, threshold = _line(op, dtype, max_value, negative_slope, threshold)
    if x is None:
        if threshold != 0 or slope < 0 or limit not in (None, 6):
            rule = (
                "y alone gives the gradient only where threshold is 0, negative_slope at least 0, max_value None or 6"
            )
            fail(op, rule + "; give x", threshold=threshold, negative_slope=slope, max_value=limit)
        x = y  # of the same sign, and below 6 where x is
    above = x > threshold
    if limit is not None:
        above &= (x < limit) if limit == 6 and threshold == 0 else (x >= 0) & (x <= limit)
    if not slope:
        return np.asarray(dy * above, dtype)
    below = ~above if limit is None and threshold == 0 else x < threshold
    return np.asarray(dy * (above + np.multiply(below, slope, dtype=dy.dtype)), dtype)


def _pieces(upper, slope, below):
    """A number where `upper`, and the finite `below` elsewhere: two products, many times faster than np.where."""
    return below * ~upper + np.multiply(upper, slope, dtype=below.dtype)


def _line(op, dtype, max_value, negative_slope, threshold):
    """The options of a ReLU as floats, the two that x is compared with as numbers of its dtype."""
    if max_value is not None:
        max_value = float(dtype.type(real(op, "max_value", max_value, rule="None or at least 0", low=0)))
    slope = real(op, "negative_slope", negative_slope)
    return max_value, slope, float(dtype.type(real(op, "threshold", threshold)))


def _check_alpha(op, x, alpha) -> None:
    sizes = zip(alpha.shape[::-1], x.shape[::-1], strict=False)
    if alpha.ndim >= x.ndim or any(own not in (1, size) for own, size in sizes):
        fail(op, "alpha must broadcast to x.shape[1:]", x=x, alpha=alpha)
