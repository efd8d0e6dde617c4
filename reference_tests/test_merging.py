"""Merging ops: ties, shapes alone, zeros and infinities, what the batch may do, errors."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import numpycnn.ops
from numpycnn.ops import (
    add,
    add_backward,
    average_backward,
    concatenate,
    concatenate_backward,
    maximum,
    maximum_backward,
    multiply,
    multiply_backward,
    subtract,
    subtract_backward,
)

MERGING = ("add", "multiply", "maximum", "average", "subtract")


def test_ties_and_nan_of_maximum_are_tensorflows():
    """Every triple of 0, 1, 2 and NaN: the first of equal inputs takes dy, what is behind a NaN takes it all."""
    inputs = np.array(np.meshgrid(*[[0.0, 1.0, 2.0, np.nan]] * 3)).reshape(3, 1, -1)
    tensors = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = keras.layers.Maximum(dtype="float64")(tensors)
    dy = np.arange(1.0, 1 + inputs.shape[-1])[None]
    np.testing.assert_array_equal(maximum(*inputs), y)
    theirs = tape.gradient(y, tensors, output_gradients=tf.constant(dy))
    np.testing.assert_array_equal(maximum_backward(dy, *inputs), [g.numpy() for g in theirs])


@pytest.mark.parametrize("name", MERGING)
def test_batches_broadcast_too_and_may_be_empty(name):
    op, backward = getattr(numpycnn.ops, name), getattr(numpycnn.ops, f"{name}_backward")
    rng = np.random.default_rng(0)
    x1, x2 = rng.normal(size=(1, 3)), rng.normal(size=(4, 1))
    full = np.broadcast_to(x1, (4, 3)), np.broadcast_to(x2, (4, 3))
    np.testing.assert_array_equal(op(x1, x2), op(*full))
    dy = rng.normal(size=(4, 3))
    dx1, dx2 = backward(dy, x1, x2)
    full_dx1, full_dx2 = backward(dy, *full)
    np.testing.assert_allclose(dx1, full_dx1.sum(axis=0, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(dx2, full_dx2.sum(axis=1, keepdims=True), rtol=1e-12)
    empty = np.zeros((0, 3), np.float32)
    assert op(empty, np.zeros((1, 3), np.float32)).shape == (0, 3)
    assert [d.tolist() for d in backward(empty, empty, np.ones((1, 3), np.float32))] == [[], [[0, 0, 0]]]


@pytest.mark.parametrize("name", MERGING)
def test_no_axes(name):
    y = getattr(numpycnn.ops, name)(np.float32(2), np.float32(3))
    gradients = getattr(numpycnn.ops, f"{name}_backward")(np.float32(1), np.float32(2), np.float32(3))
    for array in (y, *gradients):
        assert isinstance(array, np.ndarray)
        assert (array.shape, array.dtype) == ((), np.float32)


@pytest.mark.parametrize("name", MERGING[:-1])
def test_one_input_comes_back_as_a_copy(name):
    x = np.array([1.0, -2.0])
    y = getattr(numpycnn.ops, name)(x)
    (dx,) = getattr(numpycnn.ops, f"{name}_backward")(x, x)
    for array in (y, dx):
        np.testing.assert_array_equal(array, x)
        assert not np.shares_memory(array, x)


def test_gradients_from_shapes_alone():
    """What add, subtract, average and concatenate were given need not be kept; dy alone decides the dtype."""
    shapes = [np.broadcast_to(np.float64(np.nan), shape) for shape in ((4, 3), (4, 1))]
    dy = np.arange(12, dtype=np.float32).reshape(4, 3)
    sums = dy.sum(axis=1, keepdims=True)
    for backward, sign, divisor in ((add_backward, 1, 1), (subtract_backward, -1, 1), (average_backward, 1, 2)):
        dx1, dx2 = backward(dy, *shapes)
        np.testing.assert_array_equal(dx1, dy / divisor)
        np.testing.assert_array_equal(dx2, sign * sums / divisor)
        assert dx1.dtype == dx2.dtype == np.float32
        assert not np.shares_memory(dx1, dy)
        assert not np.shares_memory(*backward(dy, dy, dy))
    dx1, dx2 = concatenate_backward(np.hstack([dy, dy[:, :1]]), shapes)
    np.testing.assert_array_equal(dx1, dy)
    np.testing.assert_array_equal(dx2, dy[:, :1])


def test_multiply_divides_nothing():
    x = [np.array([0.0, 0.0, np.inf, 3.0]), np.array([0.0, 5.0, 2.0, 4.0]), np.array([7.0, 0.0, 3.0, 5.0])]
    with warnings.catch_warnings(action="error"):
        dx1, dx2, dx3 = multiply_backward(np.full(4, 2.0), *x)
    assert dx1.tolist() == [0, 0, 12, 40]
    assert dx2.tolist() == [0, 0, np.inf, 30]
    assert dx3.tolist() == [0, 0, np.inf, 24]


def test_float16_sums_are_made_in_float32():
    """2048 + 1 + 1: in float16 both ones would be lost, one after the other."""
    numbers = [np.array([n], np.float16) for n in (2048, 1, 1)]
    assert add(*numbers).item() == 2050
    dx, _ = add_backward(np.ones((4096, 1), np.float16), np.ones((1, 1)), np.ones((4096, 1)))
    assert dx.item() == 4096


def test_infinities_and_overflow_are_quiet():
    with warnings.catch_warnings(action="error"):
        assert np.isnan(subtract([np.inf], [np.inf])).all()
        assert np.isnan(add([np.inf], [-np.inf])).all()
        assert multiply(np.array([300], np.float16), np.array([300], np.float16)).item() == np.inf


def test_concatenate_promotes_and_copies():
    a, b = np.ones((2, 1), np.float16), np.zeros((2, 3), np.float32)
    y = concatenate((a, b))
    assert (y.shape, y.dtype) == ((2, 4), np.float32)
    assert concatenate([a, a], axis=0).shape == (4, 1)
    single = concatenate([b])
    assert not np.shares_memory(single, b)
    for part in concatenate_backward(y, [a, b]):
        assert not np.shares_memory(part, y)


A, B = np.zeros((2, 5, 3)), np.zeros((2, 4, 3))
SIZES = "along each axis the inputs must have the same size, or size 1"
ERRORS = [
    ("add", (), ValueError, "add: at least one input must be given."),
    ("add", (A, B), ValueError, f"add: {SIZES}; got x1 (2, 5, 3), x2 (2, 4, 3)."),
    ("multiply", (A[:, :1], A, B), ValueError, f"multiply: {SIZES}; got x1 (2, 1, 3), x2 (2, 5, 3), x3 (2, 4, 3)."),
    ("average", (A, A[0]), ValueError,
     "average: the inputs must have the same number of axes; got x1 (2, 5, 3), x2 (5, 3)."),
    ("maximum", (A, None), TypeError, "maximum: x2 must be an array; got x2 None."),
    ("subtract", (A, "b"), TypeError, "subtract: x2 must be float16, float32, float64 or integer; got x2 <U1."),
    ("add_backward", (A,), ValueError, "add_backward: at least one input must be given."),
    ("add_backward", (A, B, B), ValueError,
     "add_backward: dy must have the shape of the output, (2, 4, 3); got dy (2, 5, 3)."),
    ("subtract_backward", (A, A, B), ValueError, f"subtract_backward: {SIZES}; got x1 (2, 5, 3), x2 (2, 4, 3)."),
    ("multiply_backward", (A, B), ValueError,
     "multiply_backward: dy must have the shape of the output, (2, 4, 3); got dy (2, 5, 3)."),
    ("maximum_backward", (A[:1], A), ValueError,
     "maximum_backward: dy must have the shape of the output, (2, 5, 3); got dy (1, 5, 3)."),
    ("concatenate", ([],), ValueError, "concatenate: at least one input must be given."),
    ("concatenate", ([A, B],), ValueError,
     "concatenate: the inputs may differ in size along axis 2 only; got x1 (2, 5, 3), x2 (2, 4, 3)."),
    ("concatenate", ([A, A[0]], 0), ValueError,
     "concatenate: the inputs may differ in size along axis 0 only; got x1 (2, 5, 3), x2 (5, 3)."),
    ("concatenate", ([A], 3), ValueError,
     "concatenate: axis must lie in [-3, 3) for an array with 3 axes; got axis 3."),
    ("concatenate_backward", (A, [A, A]), ValueError,
     "concatenate_backward: dy must have the shape of the output, (2, 5, 6); got dy (2, 5, 3)."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "error", "message"), ERRORS, ids=[e[-1][:60] for e in ERRORS])
def test_errors(name, arguments, error, message):
    with pytest.raises(error) as raised:
        getattr(numpycnn.ops, name)(*arguments)
    assert str(raised.value) == message
