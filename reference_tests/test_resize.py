"""Resizing: the pixels looked at, at every size, are TensorFlow's; NaN and infinity; errors."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from numpycnn.ops import resize, resize_backward, up_sampling2d, up_sampling2d_backward
from numpycnn.ops.resize import INTERPOLATIONS
from numpycnn.testing.catalogue.resize import resize_cases, up_sampling_cases
from numpycnn.testing.strategies import DTYPES


@pytest.mark.parametrize("outputs", [*range(1, 80), 113, 224, 1000])
def test_nearest_looks_at_the_same_pixels_as_tensorflow(outputs):
    for inputs in range(1, 100):
        x = np.arange(float(inputs)).reshape(1, inputs, 1, 1)
        ours = resize(x, (outputs, 1), interpolation="nearest")
        np.testing.assert_array_equal(ours, tf.image.resize(x, (outputs, 1), method="nearest"), err_msg=f"{inputs}")


@pytest.mark.parametrize("outputs", [*range(1, 30), 63])
def test_bilinear_takes_as_much_of_each_pixel_as_tensorflow(outputs):
    """One channel a pixel, 1 there and 0 elsewhere: what comes out are the weights."""
    for inputs in range(1, 30):
        pixels = np.eye(inputs).reshape(1, inputs, 1, inputs)
        ours = resize(pixels, (outputs, 1))
        np.testing.assert_allclose(ours, tf.image.resize(pixels, (outputs, 1)), rtol=0, atol=2e-7, err_msg=f"{inputs}")
        np.testing.assert_allclose(ours.sum(axis=3), 1, rtol=0, atol=1e-15)
        columns = resize(pixels.swapaxes(1, 2), (1, outputs))
        np.testing.assert_array_equal(columns.swapaxes(1, 2), ours)


@pytest.mark.parametrize("outputs", [*range(1, 30, 3), 63])
def test_bicubic_takes_as_much_of_each_pixel_as_tensorflow(outputs):
    """Its weights stand in a table of 1024 steps; within a unit of float32, at the edges too."""
    for inputs in range(1, 30):
        pixels = np.eye(inputs).reshape(1, inputs, 1, inputs)
        ours = resize(pixels, (outputs, 1), interpolation="bicubic")
        theirs = tf.image.resize(pixels, (outputs, 1), method="bicubic")
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2.5e-7, err_msg=f"{inputs}")
        np.testing.assert_allclose(ours.sum(axis=3), 1, rtol=0, atol=3e-7)


@given(resize_cases().filter(lambda case: case.arrays["x"].size), st.data())
def test_nan_reaches_what_looks_at_it(case, data):
    x = case.arrays["x"].copy()
    at = tuple(data.draw(st.integers(0, size - 1)) for size in x.shape)
    y = resize(x, **case.options)
    x[at] = np.nan
    special = resize(x, **case.options)
    size, method = case.options["size"], case.options["interpolation"]
    touched = np.isnan(tf.image.resize(x, size, method=method).numpy())
    np.testing.assert_array_equal(np.isnan(special), touched)
    np.testing.assert_array_equal(special[~touched], y[~touched])
    for infinity in (np.inf, -np.inf) if method != "bicubic" else ():  # where weights have both signs
        x[at] = infinity
        np.testing.assert_array_equal(resize(x, **case.options), np.where(touched, infinity, y))


def test_between_two_infinities_is_nan_without_a_warning():
    y = resize(np.array([np.inf, -np.inf]).reshape(1, 1, 2, 1), (1, 4)).ravel()
    np.testing.assert_array_equal(y, [np.inf, np.nan, np.nan, -np.inf])


@given(up_sampling_cases(), st.sampled_from(DTYPES))
def test_up_sampling_by_nearest_repeats(case, dtype):
    x, (rows, columns) = case.arrays["x"].astype(dtype), case.options["size"]
    y = up_sampling2d(x, (rows, columns))
    np.testing.assert_array_equal(y, x.repeat(rows, axis=1).repeat(columns, axis=2))
    dy = np.random.default_rng(y.size).integers(-9, 10, y.shape).astype(dtype)
    dx = up_sampling2d_backward(dy, x, (rows, columns))
    batch, height, width, channels = x.shape
    sums = dy.reshape(batch, height, rows, width, columns, channels).sum(axis=(2, 4))
    np.testing.assert_array_equal(dx, sums)


def test_up_sampling_repeats_wide_images():
    x = np.arange(70_001.0, dtype=np.float32).reshape(1, 1, -1, 1)
    np.testing.assert_array_equal(up_sampling2d(x, (1, 7)), x.repeat(7, axis=2))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_same_size_is_a_copy(interpolation):
    x = np.random.default_rng(1).normal(size=(2, 5, 4, 3))
    y = resize(x, (5, 4), interpolation=interpolation)
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(x, y)
    np.testing.assert_array_equal(
        resize(x, 7, interpolation=interpolation), resize(x, (7, 7), interpolation=interpolation)
    )


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_a_constant_stays_and_gradients_add_up(interpolation):
    x = np.full((1, 3, 5, 2), 0.1, np.float32)
    np.testing.assert_allclose(resize(x, (7, 4), interpolation=interpolation), np.float32(0.1), rtol=4e-7)
    dx = resize_backward(np.ones((1, 7, 4, 2)), x, (7, 4), interpolation=interpolation)
    np.testing.assert_allclose(dx.sum(axis=(1, 2)), 28, rtol=1e-12 if interpolation != "bicubic" else 1e-6)


def test_sums_are_wider_than_float16():
    x = np.full((1, 1, 2, 1), 6e4, np.float16)
    assert np.all(resize(x, (1, 3)) == np.float16(6e4))
    dx = resize_backward(np.ones((1, 1, 4097, 1), np.float16), x[:, :, :1], (1, 4097))
    assert dx.item() == np.float16(4097)
    dx = resize_backward(np.full((1, 3, 1, 1), 6e4, np.float16), x[:, :, :1], (3, 1))
    assert np.isposinf(dx.item())


X = np.zeros((2, 5, 4, 3))
AXES = "x must have the axes (batch, height, width, channels); got x (5, 4, 3)."
PAIR = "size must be one integer or two (height, width)"
ERRORS = [
    (resize, (X[0], 3), ValueError, f"resize: {AXES}"),
    (resize, (X[:, :0], 3), ValueError, "resize: x must have at least one pixel; got x (2, 0, 4, 3)."),
    (resize, (X, 0), ValueError, "resize: size must be at least 1; got size 0."),
    (resize, (X, (3, 2.5)), TypeError, "resize: size must be an integer; got size 2.5."),
    (resize, (X, (3, 2, 1)), ValueError, f"resize: {PAIR}; got size (3, 2, 1)."),
    (resize, (X.astype(str), 3), TypeError, "resize: x must be float16, float32, float64 or integer; got x <U32."),
    (
        resize_backward, (np.zeros((2, 6, 7, 3)), X, (7, 6)), ValueError,
        "resize_backward: dy must have the shape of the output, (2, 7, 6, 3); got dy (2, 6, 7, 3).",
    ),
    (up_sampling2d, (X[0],), ValueError, f"up_sampling2d: {AXES}"),
    (up_sampling2d, (X[:, :, :0],), ValueError, "up_sampling2d: x must have at least one pixel; got x (2, 5, 0, 3)."),
    (up_sampling2d, (X, 0), ValueError, "up_sampling2d: size must be at least 1; got size 0."),
    (
        up_sampling2d_backward, (np.zeros((2, 8, 10, 3)), X), ValueError,
        "up_sampling2d_backward: dy must have the shape of the output, (2, 10, 8, 3); got dy (2, 8, 10, 3).",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("op", "arguments", "error", "text"), ERRORS)
def test_messages(op, arguments, error, text):
    with pytest.raises(error) as caught:
        op(*arguments)
    assert str(caught.value) == text


@pytest.mark.parametrize("op", [resize, up_sampling2d])
def test_only_three_interpolations(op):
    with pytest.raises(ValueError, match="interpolation") as caught:
        op(X, 2, interpolation="lanczos3")
    rule = 'interpolation must be "nearest", "bilinear" or "bicubic"'
    assert str(caught.value) == f"{op.__name__}: {rule}; got interpolation 'lanczos3'."
