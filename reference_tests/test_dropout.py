"""Dropout: TensorFlow's numbers under TensorFlow's mask, how our own mask is drawn, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import numpycnn.ops
from numpycnn.ops import dropout, dropout_backward
from numpycnn.testing.strategies import DTYPES


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("noise_shape", [None, (4, 1, 3), (1, 5, 1)])
def test_values_and_gradients_are_tensorflows_under_its_mask(dtype, rate, noise_shape):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 4, 5, 3)).astype(dtype)
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        theirs = keras.random.dropout(tensor, rate, noise_shape=noise_shape, seed=7)
    kept = keras.random.dropout(tf.ones_like(tensor), rate, noise_shape=noise_shape, seed=7).numpy() != 0
    mask = kept[tuple(slice(size) for size in noise_shape)] if noise_shape else kept
    y, returned = dropout(x, rate, mask=mask)
    np.testing.assert_allclose(y, theirs, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(returned, mask)
    dx = dropout_backward(dy, rate, mask=mask)
    np.testing.assert_allclose(dx, tape.gradient(theirs, tensor, dy), rtol=4 * np.finfo(dtype).eps)
    assert y.dtype == dx.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_mask_is_the_generators(dtype):
    x = np.ones((40, 50), dtype)
    y, mask = dropout(x, 0.3, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(mask, np.random.default_rng(5).random(x.shape) >= 0.3)
    np.testing.assert_array_equal(y, np.where(mask, dtype(1 / 0.7), dtype(0)))
    assert abs(mask.mean() - 0.7) < 0.05
    _, other = dropout(x, 0.3, rng=np.random.default_rng(6))
    assert (mask != other).any()


def test_dropped_values_leave_no_trace():
    x = np.array([np.nan, np.inf, 1.0, np.nan])
    y, _ = dropout(x, 0.5, mask=np.array([False, False, True, True]))
    np.testing.assert_array_equal(y, [0, 0, 2, np.nan])


def test_nothing_is_shared_and_nothing_changed():
    x, mask = np.ones((2, 3)), np.array([[True, False, True]])
    x.setflags(write=False)
    mask.setflags(write=False)
    y, returned = dropout(x, 0.0, mask=mask)
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(returned, mask)
    assert y.flags.writeable
    assert returned.shape == (1, 3)
    assert dropout(np.ones((0, 3)), 0.5, rng=np.random.default_rng(0))[0].shape == (0, 3)
    assert dropout(np.ones((2, 3), ">f4"), 0.5, mask=mask)[0].dtype == np.float32
    assert dropout(np.float32(3), 0.5, mask=np.array(True))[0].tolist() == 6


X, MASK, RNG = np.zeros((2, 5, 3)), np.ones((5, 3), bool), np.random.default_rng(0)
ERRORS = [
    (X, 1.0, {"mask": MASK}, ValueError, "dropout: rate must be a number in [0, 1); got rate 1.0."),
    (X, -0.1, {"mask": MASK}, ValueError, "dropout: rate must be a number in [0, 1); got rate -0.1."),
    (X, float("nan"), {"mask": MASK}, ValueError, "dropout: rate must be a number in [0, 1); got rate nan."),
    (X, "0.5", {"mask": MASK}, TypeError, "dropout: rate must be a number in [0, 1); got rate '0.5'."),
    (X, 0.5, {}, ValueError, "dropout: rng must be given, or the mask itself."),
    (X, 0.5, {"rng": 7}, TypeError, "dropout: rng must be a numpy.random.Generator; got rng 7."),
    (X, 0.5, {"mask": MASK.astype(int)}, TypeError, "dropout: mask must be boolean; got mask int64."),
    (X, 0.5, {"mask": MASK[:, :2]}, ValueError,
     "dropout: mask must broadcast to the values it drops; got values (2, 5, 3), mask (5, 2)."),
    (X[0], 0.5, {"mask": MASK[None]}, ValueError,
     "dropout: mask must broadcast to the values it drops; got values (5, 3), mask (1, 5, 3)."),
    (None, 0.5, {"mask": MASK}, TypeError, "dropout: x must be an array; got x None."),
]  # fmt: skip


@pytest.mark.parametrize(("x", "rate", "options", "error", "message"), ERRORS, ids=[e[-1] for e in ERRORS])
def test_errors(x, rate, options, error, message):
    with pytest.raises(error) as raised:
        dropout(x, rate, **options)
    assert str(raised.value) == message
    if "mask" in options:
        with pytest.raises(error) as raised:
            numpycnn.ops.dropout_backward(x, rate, **options)
        assert str(raised.value) == message.replace("dropout:", "dropout_backward:").replace("x ", "dy ")
