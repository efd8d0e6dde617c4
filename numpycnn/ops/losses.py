"""Losses of each sample, as the functions of keras.losses, without a reduction over the batch.

Targets are constants: every backward gives the gradient by y_pred alone. Probabilities are cut to EPSILON .. 1 -
EPSILON before their logarithm is taken, and what was cut gets no gradient. Keras, where y_pred comes straight out of
its softmax or sigmoid, goes back to the logits behind it instead; here from_logits alone decides.
"""

import numpy as np

from numpycnn.ops.arguments import axis_index, check_shape, fail, floating, ieee
from numpycnn.ops.elementwise import present, widened
from numpycnn.ops.scalars import real
from numpycnn.ops.sigmoids import gate
from numpycnn.ops.softmax import log_shares, shares

__all__ = [
    "binary_crossentropy",
    "binary_crossentropy_backward",
    "categorical_crossentropy",
    "categorical_crossentropy_backward",
    "huber",
    "huber_backward",
    "mean_absolute_error",
    "mean_absolute_error_backward",
    "mean_squared_error",
    "mean_squared_error_backward",
    "sparse_categorical_crossentropy",
    "sparse_categorical_crossentropy_backward",
]

EPSILON = 1e-7


@ieee
def sparse_categorical_crossentropy(y_true, y_pred, *, from_logits=False):
    """Minus the logarithm of the share that each sample gives to its class.

    from logits:         loss[...] = log(sum over k of exp(y_pred[..., k])) - y_pred[..., t],   t = y_true[...]
    from probabilities:  loss[...] = log(sum over k of q[..., k]) - log(q[..., t]),   q = y_pred cut to 1e-7 .. 1 - 1e-7

    Probabilities are cut first and brought to sum 1 then; `categorical_crossentropy` does it the other way round.

    Args: y_true: class numbers, (...) or (..., 1), integers or floats that are whole; y_pred: (..., classes).

    Returns: (...) in the dtype of y_pred.
    Raises: ValueError for a label that is no whole number in [0, classes), or shapes that do not match.
    Source: keras.losses.sparse_categorical_crossentropy.

    >>> sparse_categorical_crossentropy(np.array([1, 0]), np.array([[0.5, 0.5], [0.25, 0.75]])).round(6)
    array([0.693147, 1.386294])
    """
    op = "sparse_categorical_crossentropy"
    dtype, label, y_pred, _ = _labelled(op, y_true, y_pred)
    logits = y_pred if from_logits else np.log(_cut(y_pred))
    return np.asarray(-np.take_along_axis(log_shares(logits, -1), label, -1)[..., 0], dtype)


@ieee
def sparse_categorical_crossentropy_backward(dy, y_true, y_pred, *, from_logits=False):
    """dy_pred[..., k] = dy[...] * (softmax(y_pred)[..., k] - [k = t])   from logits
    dy_pred[..., k] = dy[...] * (1 / sum of q - [k = t] / q[..., k]) where y_pred was not cut, else 0
    """
    op = "sparse_categorical_crossentropy_backward"
    dtype, label, y_pred, dy = _labelled(op, y_true, y_pred, dy)
    chosen = label == np.arange(y_pred.shape[-1])
    if from_logits:
        return np.asarray(dy * (shares(y_pred, -1) - chosen), dtype)
    q = _cut(y_pred)
    slope = 1 / q.sum(axis=-1, keepdims=True) - chosen / q
    return np.asarray(dy * slope * _uncut(y_pred), dtype)


@ieee
def categorical_crossentropy(y_true, y_pred, *, from_logits=False, label_smoothing=0.0, axis=-1):
    """The cross-entropy between two distributions along an axis.

    loss = -sum over k of t[k] * log(q[k]),   t = y_true * (1 - label_smoothing) + label_smoothing / y_true.shape[-1]

    from logits:         q = softmax(y_pred)
    from probabilities:  q = y_pred / (sum over k of y_pred[k]), cut to 1e-7 .. 1 - 1e-7

    Args: y_true: targets of the shape of y_pred, adding up to 1 along `axis`; y_pred: (..., classes);
        label_smoothing: a number in [0, 1], spread over the size of the last axis whatever `axis` is, as in Keras.

    Returns: the shape of y_pred without `axis`, in the dtype of y_pred.   Raises: ValueError for shapes or options.
    Source: keras.losses.categorical_crossentropy.

    >>> categorical_crossentropy(np.array([[0.0, 1.0]]), np.array([[1.0, 3.0]])).round(6)
    array([0.287682])
    """
    op = "categorical_crossentropy"
    dtype, t, y_pred, _, axis = _paired(op, y_true, y_pred, axis=axis)
    t = _smoothed(op, t, label_smoothing, t.shape[-1])
    logs = log_shares(y_pred, axis) if from_logits else np.log(_cut(_normalized(y_pred, axis)))
    return np.asarray(-(t * logs).sum(axis=axis), dtype)


@ieee
def categorical_crossentropy_backward(dy, y_true, y_pred, *, from_logits=False, label_smoothing=0.0, axis=-1):
    """dy_pred[k] = dy * (softmax(y_pred)[k] * sum over j of t[j] - t[k])   from logits
    dy_pred[k] = dy * (g[k] - sum over j of g[j] * r[j]) / (sum over j of y_pred[j])   from probabilities,
        r = y_pred / (sum over j of y_pred[j]),   g = -t / r where r was not cut, else 0

    TensorFlow takes the sum of t to be 1; where it is not, its gradient from logits is not that of its own loss.
    """
    op = "categorical_crossentropy_backward"
    dtype, t, y_pred, dy, axis = _paired(op, y_true, y_pred, dy, axis)
    t = _smoothed(op, t, label_smoothing, t.shape[-1])
    if from_logits:
        return np.asarray(dy * (shares(y_pred, axis) * t.sum(axis=axis, keepdims=True) - t), dtype)
    r = _normalized(y_pred, axis)
    slope = -t / _cut(r) * _uncut(r)
    inner = (slope * r).sum(axis=axis, keepdims=True)
    return np.asarray(dy * (slope - inner) / y_pred.sum(axis=axis, keepdims=True), dtype)


@ieee
def binary_crossentropy(y_true, y_pred, *, from_logits=False, label_smoothing=0.0):
    """The cross-entropy of independent yes-or-no answers, averaged over the last axis of n values.

    loss[...] = -1/n * sum over i < n of t[..., i] * log(q[..., i]) + (1 - t[..., i]) * log(1 - q[..., i]),
    t = y_true * (1 - label_smoothing) + label_smoothing / 2

    from logits:         q = sigmoid(y_pred)
    from probabilities:  q = y_pred cut to 1e-7 .. 1 - 1e-7

    1 - q is made by cutting 1 - y_pred, so that -log(1e-7) = 16.118 is the most in every dtype, for a wrong 1 as for
    a wrong 0. Keras subtracts after the cut: in float32 it has 15.942 for a wrong 1 (traps.md, row 36).

    Args: y_true: targets of the shape of y_pred; y_pred: (..., n); label_smoothing: a number in [0, 1].

    Returns: (...) in the dtype of y_pred.   Raises: ValueError for shapes or options.
    Source: keras.losses.binary_crossentropy.

    >>> binary_crossentropy(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.5, 0.5], [0.0, 1.0]])).round(6)
    array([0.693147, 8.059048])
    """
    op = "binary_crossentropy"
    dtype, t, y_pred, _, _ = _paired(op, y_true, y_pred)
    t = _smoothed(op, t, label_smoothing, 2)
    if from_logits:
        terms = np.maximum(y_pred, 0) - y_pred * t + np.log1p(np.exp(-np.abs(y_pred)))
    else:
        terms = -(t * np.log(_cut(y_pred)) + (1 - t) * np.log(_cut(1 - y_pred)))
    return np.asarray(terms.mean(axis=-1), dtype)


@ieee
def binary_crossentropy_backward(dy, y_true, y_pred, *, from_logits=False, label_smoothing=0.0):
    """dy_pred[..., i] = dy[...] / n * (sigmoid(y_pred) - t)[..., i]   from logits
    dy_pred[..., i] = dy[...] / n * ((1 - t) / (1 - q) - t / q)[..., i] where y_pred was not cut, else 0
    """
    op = "binary_crossentropy_backward"
    dtype, t, y_pred, dy, _ = _paired(op, y_true, y_pred, dy)
    t = _smoothed(op, t, label_smoothing, 2)
    if from_logits:
        return np.asarray(dy * (gate(y_pred) - t) / y_pred.shape[-1], dtype)
    slope = (1 - t) / _cut(1 - y_pred) - t / _cut(y_pred)
    return np.asarray(dy * slope * _uncut(y_pred) / y_pred.shape[-1], dtype)


@ieee
def mean_squared_error(y_true, y_pred):
    """loss[...] = 1/n * sum over i < n of (y_pred[..., i] - y_true[..., i])^2

    Args: y_true: targets of the shape of y_pred; y_pred: (..., n).   Returns: (...) in the dtype of y_pred.
    Raises: ValueError for shapes that differ; nothing is broadcast.   Source: keras.losses.mean_squared_error.

    >>> mean_squared_error(np.array([[0.0, 1.0]]), np.array([[2.0, 0.0]]))
    array([2.5])
    """
    dtype, t, y_pred, _, _ = _paired("mean_squared_error", y_true, y_pred)
    return np.asarray(np.square(y_pred - t).mean(axis=-1), dtype)


@ieee
def mean_squared_error_backward(dy, y_true, y_pred):
    """dy_pred[..., i] = dy[...] * 2/n * (y_pred[..., i] - y_true[..., i])"""
    dtype, t, y_pred, dy, _ = _paired("mean_squared_error_backward", y_true, y_pred, dy)
    return np.asarray(dy * (2 * (y_pred - t)) / y_pred.shape[-1], dtype)


@ieee
def mean_absolute_error(y_true, y_pred):
    """loss[...] = 1/n * sum over i < n of abs(y_pred[..., i] - y_true[..., i])

    Args, Returns, Raises: as `mean_squared_error`.   Source: keras.losses.mean_absolute_error.

    >>> mean_absolute_error(np.array([[0.0, 1.0]]), np.array([[2.0, 0.0]]))
    array([1.5])
    """
    dtype, t, y_pred, _, _ = _paired("mean_absolute_error", y_true, y_pred)
    return np.asarray(np.abs(y_pred - t).mean(axis=-1), dtype)


@ieee
def mean_absolute_error_backward(dy, y_true, y_pred):
    """dy_pred[..., i] = dy[...] / n * sign(y_pred[..., i] - y_true[..., i]), 0 where they are equal"""
    dtype, t, y_pred, dy, _ = _paired("mean_absolute_error_backward", y_true, y_pred, dy)
    return np.asarray(dy * np.sign(y_pred - t) / y_pred.shape[-1], dtype)


@ieee
def huber(y_true, y_pred, *, delta=1.0):
    """Half the squared error near the target, a straight line beyond delta.

    loss[...] = 1/n * sum over i < n of c * (a - c/2),   a = abs(y_pred[..., i] - y_true[..., i]),   c = min(a, delta)

    Args, Returns, Raises: as `mean_squared_error`; delta: a number above 0.   Source: keras.losses.huber.

    >>> huber(np.array([[0.0, 0.0]]), np.array([[1.0, -3.0]]))
    array([1.5])
    """
    dtype, t, y_pred, _, _ = _paired("huber", y_true, y_pred)
    apart = np.abs(y_pred - t)
    near = np.minimum(apart, _delta("huber", delta))
    return np.asarray((near * (apart - near / 2)).mean(axis=-1), dtype)


@ieee
def huber_backward(dy, y_true, y_pred, *, delta=1.0):
    """dy_pred[..., i] = dy[...] / n * (y_pred[..., i] - y_true[..., i], cut to -delta .. delta)"""
    dtype, t, y_pred, dy, _ = _paired("huber_backward", y_true, y_pred, dy)
    delta = _delta("huber_backward", delta)
    return np.asarray(dy * np.clip(y_pred - t, -delta, delta) / y_pred.shape[-1], dtype)


def _cut(probabilities):
    return np.clip(probabilities, EPSILON, 1 - EPSILON)


def _uncut(probabilities):
    """True where `_cut` left a probability as it was."""
    return (probabilities >= EPSILON) & (probabilities <= 1 - EPSILON)


def _normalized(y_pred, axis):
    return y_pred / y_pred.sum(axis=axis, keepdims=True)


def _smoothed(op, t, label_smoothing, classes):
    smoothing = real(op, "label_smoothing", label_smoothing, rule="a number in [0, 1]", low=0, high=1)
    return t * (1 - smoothing) + smoothing / classes if smoothing else t


def _delta(op, delta) -> float:
    return real(op, "delta", delta, rule="a number above 0", low=np.nextafter(0.0, 1.0))


def _paired(op, y_true, y_pred, dy=None, axis=-1) -> tuple:
    """The dtype of the result; targets, predictions and dy, widened, dy with the axis that the loss sums; that axis."""
    (y_pred,), (y_true,) = present(op, y_pred=y_pred), present(op, y_true=y_true)
    y_pred, dy = floating(op, y_pred=y_pred, dy=dy)
    check_shape(op, y_pred.shape, "the shape of y_pred", y_true=y_true)
    return y_pred.dtype, widened(y_true.astype(y_pred.dtype, copy=False)), *_summed(op, y_pred, dy, axis)


def _labelled(op, y_true, y_pred, dy=None) -> tuple:
    """The dtype of the result; the checked labels as indices (..., 1); predictions and dy as in `_paired`."""
    present(op, y_true=y_true, y_pred=y_pred)
    y_pred, dy = floating(op, y_pred=y_pred, dy=dy)
    labels = np.asarray(y_true)
    if labels.dtype.kind not in "iuf":
        raise TypeError(f"{op}: y_true must hold class numbers; got y_true {labels.dtype}.")
    wide, dy, _ = _summed(op, y_pred, dy, -1)
    if labels.shape != (*y_pred.shape[:-1], 1):
        check_shape(op, y_pred.shape[:-1], "the shape of y_pred without its classes", y_true=labels)
        labels = labels[..., None]
    wrong = ~((labels >= 0) & (labels < y_pred.shape[-1]) & (labels == np.trunc(labels)))
    if wrong.any():
        rule = f"y_true must hold whole numbers in [0, {y_pred.shape[-1]}), one of the classes of y_pred"
        fail(op, rule, y_true=labels[wrong][0].item(), y_pred=y_pred)
    return y_pred.dtype, labels.astype(np.intp), wide, dy


def _summed(op, y_pred, dy, axis) -> tuple:
    """Predictions and dy widened, dy with the axis that the loss sums over, and that axis."""
    axis = axis_index(op, "axis", axis, y_pred.ndim)
    if y_pred.shape[axis] == 0:
        fail(op, f"y_pred must hold at least one value along axis {axis}", y_pred=y_pred)
    if dy is not None:
        check_shape(op, (*y_pred.shape[:axis], *y_pred.shape[axis + 1 :]), "the shape of the loss", dy=dy)
        dy = np.expand_dims(widened(dy), axis)
    return widened(y_pred), dy, axis
