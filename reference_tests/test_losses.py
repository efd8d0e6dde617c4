"""Losses: probabilities that are cut, kinks, labels of every form, infinite logits, targets off sum 1, errors."""
# ruff: noqa: E501 - a message is one line, here as for the user

import math
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import numpycnn.ops
from numpycnn.ops import (
    binary_crossentropy,
    binary_crossentropy_backward,
    categorical_crossentropy,
    huber,
    mean_squared_error,
    sparse_categorical_crossentropy,
    sparse_categorical_crossentropy_backward,
)
from numpycnn.testing.strategies import DTYPES

EPSILON = 1e-7
LARGEST = -math.log(EPSILON)  # 16.118
LOSSES = (
    "binary_crossentropy", "categorical_crossentropy", "huber", "mean_absolute_error", "mean_squared_error",
    "sparse_categorical_crossentropy",
)  # fmt: skip


def both(name, y_true, y_pred, **options):
    """Our loss and its gradient with dy = 1, 2, ..., then Keras's, in float64."""
    y_pred = np.asarray(y_pred, np.float64)
    loss = getattr(numpycnn.ops, name)(y_true, y_pred, **options)
    dy = np.arange(1.0, loss.size + 1).reshape(loss.shape)
    tensor = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        theirs = getattr(keras.losses, name)(y_true, tensor, **options)
    backward = getattr(numpycnn.ops, f"{name}_backward")(dy, y_true, y_pred, **options)
    return loss, backward, theirs.numpy(), tape.gradient(theirs, tensor, tf.constant(dy)).numpy()


def assert_kerass(*arguments, rtol=1e-9, **options):
    loss, gradient, theirs, their_gradient = both(*arguments, **options)
    np.testing.assert_allclose(loss, theirs, rtol=rtol, atol=1e-15)
    np.testing.assert_allclose(gradient, their_gradient, rtol=rtol, atol=1e-15)
    return loss, gradient


def test_what_binary_crossentropy_cuts_is_kerass():
    p = [0, EPSILON / 2, EPSILON, 2 * EPSILON, 0.25, 1 - 2 * EPSILON, 1 - EPSILON, 1 - EPSILON / 2, 1, 1.5, -0.5]
    y_pred = np.repeat(p, 3).reshape(-1, 1)
    y_true = np.tile([0.0, 1.0, 0.25], len(p)).reshape(-1, 1)
    assert_kerass("binary_crossentropy", y_true, y_pred, rtol=1e-8)
    _, gradient = assert_kerass("binary_crossentropy", y_true, y_pred, label_smoothing=0.5, rtol=1e-8)
    assert np.unique(np.abs(gradient[[0, 1, 2, -1]])).tolist() == [0]


def test_what_categorical_crossentropy_cuts_is_kerass():
    """The row is brought to sum 1 first, and cut then."""
    y_pred = np.array(
        [[0, 1, 0], [0, 2, 6], [1e-8, 0.5, 0.5], [3, 3, 3], [1, 0, 1e-6], [1e-7, 1e-7, 1], [0.2, 0.3, 0.4]]
    )
    for hot in range(3):
        y_true = np.broadcast_to(np.eye(3)[hot], y_pred.shape)
        assert_kerass("categorical_crossentropy", y_true, y_pred)
        assert_kerass("categorical_crossentropy", y_true, y_pred, label_smoothing=0.25)
        assert_kerass("categorical_crossentropy", y_true.T, y_pred.T, axis=0)


def test_what_sparse_categorical_crossentropy_cuts_is_kerass():
    """Each probability is cut first, and the row brought to sum 1 then."""
    y_pred = np.array(
        [[0, 1, 0], [0, 2, 6], [1e-8, 0.5, 0.5], [3, 3, 3], [1, 0, 1e-6], [1e-7, 1e-7, 1], [0.2, 0.3, 0.4]]
    )
    for label in range(3):
        assert_kerass("sparse_categorical_crossentropy", np.full(len(y_pred), label), y_pred)
    sparse = sparse_categorical_crossentropy([0], [[2.0, 6.0]])
    assert sparse.item() == pytest.approx(math.log(2))  # both cut to 1 - 1e-7
    assert categorical_crossentropy([[1, 0]], [[2.0, 6.0]]).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_most_a_probability_can_cost(dtype):
    """-log(1e-7) on both sides and in every dtype, since 1 - y_pred is cut, not 1 minus what was cut."""
    y_pred = np.array([[0], [1], [0], [1]], dtype)
    loss = binary_crossentropy(np.array([[0], [0], [1], [1]]), y_pred)
    np.testing.assert_allclose(loss, [0, LARGEST, LARGEST, 0], rtol=2 * np.finfo(dtype).eps, atol=3e-7)
    assert loss.dtype == dtype
    hot = np.array([[0, 1]], dtype)
    for loss in (categorical_crossentropy(hot, hot[:, ::-1]), sparse_categorical_crossentropy([1], hot[:, ::-1])):
        np.testing.assert_allclose(loss, [LARGEST], rtol=2 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(binary_crossentropy_backward(np.ones(4, dtype), y_pred, y_pred), np.zeros((4, 1)))


def test_kinks_are_kerass():
    y_pred = np.array([[0, 0.0, 1, -1, 2, -2, 1.5, 0.5], [2, 2, 3, 1, 4, 0, 3.5, 2.5]])
    y_true = np.array([[0.0] * 8, [2.0] * 8])
    assert_kerass("mean_absolute_error", y_true, y_pred)
    for delta in (0.5, 1.0, 1.5, 2.0):
        assert_kerass("huber", y_true, y_pred, delta=delta)


def test_every_form_of_labels():
    rng = np.random.default_rng(0)
    y_pred = rng.normal(size=(2, 3, 5))
    labels = rng.integers(0, 5, (2, 3))
    reference = categorical_crossentropy(np.eye(5)[labels], y_pred, from_logits=True)
    for y_true in (labels, labels[..., None], labels.astype(np.uint8), labels.astype(np.float32), labels.tolist()):
        loss = sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        np.testing.assert_allclose(loss, reference, rtol=1e-14)
        dy_pred = sparse_categorical_crossentropy_backward(np.ones((2, 3)), y_true, y_pred, from_logits=True)
        np.testing.assert_allclose(dy_pred.sum(axis=-1), np.zeros((2, 3)), atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dtype_is_that_of_the_predictions(name, dtype):
    y_pred = np.full((4, 3), 0.25, dtype)
    y_true = np.zeros(4, int) if "sparse" in name else np.eye(3, dtype=int)[[0, 1, 2, 0]]
    loss = getattr(numpycnn.ops, name)(y_true, y_pred)
    assert (loss.shape, loss.dtype) == ((4,), dtype)
    dy_pred = getattr(numpycnn.ops, f"{name}_backward")(loss, y_true, y_pred)
    assert (dy_pred.shape, dy_pred.dtype) == ((4, 3), dtype)
    if name.startswith("mean"):  # targets are rounded to the dtype of the predictions, as in Keras
        assert getattr(numpycnn.ops, name)([[0.1]], np.array([[0.1]], dtype)).item() == 0
    single = getattr(numpycnn.ops, name)(y_true[0], y_pred[0])
    assert isinstance(single, np.ndarray)
    assert single.shape == ()
    empty = getattr(numpycnn.ops, name)(y_true[:0], y_pred[:0])
    assert (empty.shape, empty.dtype) == ((0,), dtype)
    assert getattr(numpycnn.ops, f"{name}_backward")(empty, y_true[:0], y_pred[:0]).shape == (0, 3)


def test_large_and_infinite_logits():
    inf, nan = np.inf, np.nan
    logits = np.array([[1e4, -1e4, 0], [0, -inf, 1], [0, -inf, 1], [-inf, -inf, 0], [inf, 0, 1], [nan, 0, 0]])
    labels = np.array([1, 0, 1, 2, 0, 1])
    with warnings.catch_warnings(action="error"):
        assert_kerass("sparse_categorical_crossentropy", labels, logits, from_logits=True)
        assert_kerass("categorical_crossentropy", np.eye(3)[labels], logits, from_logits=True)
    x = np.array([[1e4], [1e4], [-1e4], [-1e4], [inf], [inf], [-inf], [-inf], [nan]])
    t = np.array([[0.0], [1], [0], [1], [0], [1], [0], [1], [1]])
    with warnings.catch_warnings(action="error"):
        loss, _ = assert_kerass("binary_crossentropy", t, x, from_logits=True)
    assert loss[:4].tolist() == [1e4, 0, 0, 1e4]


def test_huber_of_large_errors_does_not_overflow():
    with warnings.catch_warnings(action="error"):
        assert huber(np.zeros((1, 1), np.float32), np.full((1, 1), 1e30, np.float32)).item() == np.float32(1e30)
        assert mean_squared_error(np.zeros((1, 1), np.float16), np.full((1, 1), 300, np.float16)).item() == np.inf


def test_targets_off_sum_one_have_the_gradient_of_their_own_loss():
    """TensorFlow's kernel takes the sum to be 1: its gradient there belongs to another loss."""
    y_true, logits = np.array([[2.0, 1.0, 0.0]]), np.array([[0.0, 1.0, 2.0]])
    loss, gradient, theirs, their_gradient = both("categorical_crossentropy", y_true, logits, from_logits=True)
    np.testing.assert_allclose(loss, theirs)
    step = 1e-6
    for k in range(3):
        moved = logits + step * np.eye(3)[k]
        slope = (categorical_crossentropy(y_true, moved, from_logits=True) - loss) / step
        assert gradient[0, k] == pytest.approx(slope.item(), abs=1e-5)
    share = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(gradient, 3 * share - y_true)
    np.testing.assert_allclose(their_gradient, share - y_true)


def test_label_smoothing_counts_the_last_axis_whatever_the_axis():
    """As Keras: 3 classes along axis 1, yet 5 is what the smoothing is spread over."""
    y_true = np.moveaxis(np.eye(3)[[[0, 1, 2, 0, 1]] * 2], -1, 1)
    y_pred = np.random.default_rng(0).normal(size=(2, 3, 5))
    for from_logits, predictions in ((True, y_pred), (False, np.exp(y_pred))):
        options = {"from_logits": from_logits, "label_smoothing": 0.25, "axis": 1}
        loss = categorical_crossentropy(y_true, predictions, **options)
        np.testing.assert_allclose(loss, keras.losses.categorical_crossentropy(y_true, predictions, **options))
        own = categorical_crossentropy(y_true * 0.75 + 0.25 / 5, predictions, from_logits=from_logits, axis=1)
        np.testing.assert_allclose(loss, own)


def test_from_logits_alone_decides():
    """Keras looks behind a softmax of its own and finds the logits; nothing is cut there."""
    logits = tf.constant([[40.0, 0.0, 0.0]], tf.float64)
    through_softmax = keras.activations.softmax(logits)
    assert keras.losses.sparse_categorical_crossentropy(np.array([1]), through_softmax).numpy().item() == 40
    cut = sparse_categorical_crossentropy([1], through_softmax.numpy())
    np.testing.assert_allclose(cut, LARGEST, rtol=1e-7)
    plain = tf.constant(through_softmax.numpy())
    np.testing.assert_allclose(cut, keras.losses.sparse_categorical_crossentropy(np.array([1]), plain))


P, DY = np.full((2, 5, 3), 0.25), np.zeros((2, 5))
LABELS = np.zeros((2, 5), int)
RANGE = "y_true must hold whole numbers in [0, 3), one of the classes of y_pred"
ERRORS = [
    ("sparse_categorical_crossentropy", (LABELS + 3, P), {}, ValueError, f"sparse_categorical_crossentropy: {RANGE}; got y_true 3, y_pred (2, 5, 3)."),
    ("sparse_categorical_crossentropy", (LABELS - 1, P), {"from_logits": True}, ValueError, f"sparse_categorical_crossentropy: {RANGE}; got y_true -1, y_pred (2, 5, 3)."),
    ("sparse_categorical_crossentropy", (LABELS + 1.5, P), {}, ValueError, f"sparse_categorical_crossentropy: {RANGE}; got y_true 1.5, y_pred (2, 5, 3)."),
    ("sparse_categorical_crossentropy", (LABELS + np.nan, P), {}, ValueError, f"sparse_categorical_crossentropy: {RANGE}; got y_true nan, y_pred (2, 5, 3)."),
    ("sparse_categorical_crossentropy", (LABELS.astype(bool), P), {}, TypeError, "sparse_categorical_crossentropy: y_true must hold class numbers; got y_true bool."),
    ("sparse_categorical_crossentropy", (LABELS[0], P), {}, ValueError, "sparse_categorical_crossentropy: y_true must have the shape of y_pred without its classes, (2, 5); got y_true (5,)."),
    ("sparse_categorical_crossentropy", (None, P), {}, TypeError, "sparse_categorical_crossentropy: y_true must be an array; got y_true None."),
    ("sparse_categorical_crossentropy_backward", (DY, LABELS + 3, P), {}, ValueError, f"sparse_categorical_crossentropy_backward: {RANGE}; got y_true 3, y_pred (2, 5, 3)."),
    ("sparse_categorical_crossentropy_backward", (DY[0], LABELS, P), {}, ValueError, "sparse_categorical_crossentropy_backward: dy must have the shape of the loss, (2, 5); got dy (5,)."),
    ("categorical_crossentropy", (P[:, :, :2], P), {}, ValueError, "categorical_crossentropy: y_true must have the shape of y_pred, (2, 5, 3); got y_true (2, 5, 2)."),
    ("categorical_crossentropy", (P, P), {"axis": 3}, ValueError, "categorical_crossentropy: axis must lie in [-3, 3) for an array with 3 axes; got axis 3."),
    ("categorical_crossentropy", (P, P), {"label_smoothing": 1.5}, ValueError, "categorical_crossentropy: label_smoothing must be a number in [0, 1]; got label_smoothing 1.5."),
    ("categorical_crossentropy", (P, None), {}, TypeError, "categorical_crossentropy: y_pred must be an array; got y_pred None."),
    ("categorical_crossentropy_backward", (DY, P, P), {"axis": 1}, ValueError, "categorical_crossentropy_backward: dy must have the shape of the loss, (2, 3); got dy (2, 5)."),
    ("binary_crossentropy", (P[:, :1], P), {}, ValueError, "binary_crossentropy: y_true must have the shape of y_pred, (2, 5, 3); got y_true (2, 1, 3)."),
    ("binary_crossentropy", (P, P), {"label_smoothing": -0.1}, ValueError, "binary_crossentropy: label_smoothing must be a number in [0, 1]; got label_smoothing -0.1."),
    ("mean_squared_error", (P[:, :, 0], P), {}, ValueError, "mean_squared_error: y_true must have the shape of y_pred, (2, 5, 3); got y_true (2, 5)."),
    ("mean_squared_error", (P[:, :, :0], P[:, :, :0]), {}, ValueError, "mean_squared_error: y_pred must hold at least one value along axis 2; got y_pred (2, 5, 0)."),
    ("mean_absolute_error", (1.0, 1.0), {}, ValueError, "mean_absolute_error: axis must be at least 0; got axis -1."),
    ("mean_absolute_error_backward", (P, P, P), {}, ValueError, "mean_absolute_error_backward: dy must have the shape of the loss, (2, 5); got dy (2, 5, 3)."),
    ("huber", (P, P), {"delta": 0}, ValueError, "huber: delta must be a number above 0; got delta 0."),
    ("huber_backward", (DY, P, P), {"delta": "1"}, TypeError, "huber_backward: delta must be a number above 0; got delta '1'."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "options", "error", "message"), ERRORS, ids=[e[-1][:70] for e in ERRORS])
def test_errors(name, arguments, options, error, message):
    with pytest.raises(error) as raised:
        getattr(numpycnn.ops, name)(*arguments, **options)
    assert str(raised.value) == message
