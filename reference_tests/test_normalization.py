"""Normalization: Keras's layers, statistics of hard data, NaN and infinities, and empty batches."""

import inspect
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.ops import (
    batch_normalization,
    batch_normalization_backward,
    batch_normalization_train,
    batch_normalization_train_backward,
    layer_normalization,
    layer_normalization_backward,
    local_response_normalization,
    local_response_normalization_backward,
    moving_average,
)
from numpycnn.testing.catalogue.normalization import train_cases
from numpycnn.testing.strategies import DTYPES, STORAGES, stored_otherwise

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
NAN, INF = np.nan, np.inf


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# Batch normalization.


def test_three_steps_of_training_are_the_keras_layer():
    layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=0.01, dtype="float64")
    layer.build((None, 5, 4, 3))
    gamma, beta = normal(3), normal(3, seed=1)
    moving_mean, moving_variance = np.zeros(3), np.ones(3)
    layer.set_weights([gamma, beta, moving_mean, moving_variance])
    for step in range(3):
        x = 3 * normal(2, 5, 4, 3, seed=step) + 7
        y, mean, variance = batch_normalization_train(x, gamma=gamma, beta=beta, epsilon=0.01)
        np.testing.assert_allclose(y, layer(x, training=True), rtol=1e-12, atol=1e-12)
        moving_mean = moving_average(moving_mean, mean, momentum=0.9)
        moving_variance = moving_average(moving_variance, variance, momentum=0.9)
        np.testing.assert_allclose(moving_mean, layer.moving_mean.numpy(), rtol=1e-13)
        np.testing.assert_allclose(moving_variance, layer.moving_variance.numpy(), rtol=1e-13)
    y = batch_normalization(x, moving_mean, moving_variance, gamma=gamma, beta=beta, epsilon=0.01)
    np.testing.assert_allclose(y, layer(x, training=False), rtol=1e-12, atol=1e-12)


def test_the_defaults_are_keras_own():
    x = 1e-2 * normal(6, 5, 4, 3).astype(np.float32)  # variances below epsilon, so that it counts
    batch, layer = keras.layers.BatchNormalization(), keras.layers.LayerNormalization()
    np.testing.assert_allclose(batch_normalization_train(x)[0], batch(x, training=True), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batch_normalization(x, np.zeros(3, np.float32), np.ones(3, np.float32)),
                               keras.layers.BatchNormalization()(x), rtol=1e-6)  # fmt: skip
    np.testing.assert_allclose(layer_normalization(x), layer(x), rtol=1e-5, atol=1e-6)
    moved = moving_average(np.zeros(3, np.float32), batch_normalization_train(x)[1])
    np.testing.assert_allclose(moved, batch.moving_mean.numpy(), rtol=1e-5, atol=1e-8)


def test_two_passes_keep_the_variance_of_far_away_data():
    """One pass, mean of squares less squared mean, would lose 1e4^2 / 2^24 = 6 of a variance of 1."""
    x = (1e4 + normal(64, 9, 7, 3)).astype(np.float32)
    _, mean, variance = batch_normalization_train(x)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 1, 2), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(variance, x.var(axis=(0, 1, 2), dtype=np.float64), rtol=1e-3)


def test_the_mean_of_many_equal_numbers_is_exact_to_a_rounding():
    x = np.full((60, 70, 80, 2), 0.1, np.float32)
    y, mean, variance = batch_normalization_train(x)
    np.testing.assert_allclose(mean, 0.1, rtol=1e-6)
    np.testing.assert_allclose(variance, 0, atol=1e-12)
    np.testing.assert_allclose(y, 0, atol=1e-5)


def test_float16_statistics_are_made_in_float32():
    x = (300 * normal(2, 9, 7, 3)).astype(np.float16)  # its squares leave float16
    y, mean, variance = batch_normalization_train(x)
    wide = batch_normalization_train(x.astype(np.float64))
    for ours, exact in zip((y, mean), wide, strict=False):
        np.testing.assert_allclose(ours, exact, rtol=1e-3, atol=1e-3)
    assert np.all(np.isposinf(variance) | np.isclose(variance, wide[2], rtol=1e-3))
    assert np.isposinf(variance).any()  # itself beyond float16, though y is right
    np.testing.assert_allclose(layer_normalization(x), layer_normalization(x.astype(np.float64)), rtol=1e-3, atol=1e-3)


@given(case=train_cases(), dtype=st.sampled_from([np.float32, np.float64]))
def test_statistics_at_hand_change_nothing(case, dtype):
    x, gamma, beta = (None if v is None else v.astype(dtype) for v in case.arrays.values())
    options = {"gamma": gamma, "beta": beta, **case.options}
    y, mean, variance = batch_normalization_train(x, **options)
    dy = np.random.default_rng(0).normal(size=y.shape).astype(dtype)
    plain = batch_normalization_train_backward(dy, x, **options)
    for at_hand in ({"mean": mean, "variance": variance}, {"mean": mean}, {"variance": variance}):
        for ours, again in zip(plain, batch_normalization_train_backward(dy, x, **options, **at_hand), strict=True):
            np.testing.assert_array_equal(again, ours)


def test_statistics_at_hand_are_used():
    x = normal(5, 4, 3)
    plain = batch_normalization_train_backward(x, x)
    for wrong in ({"mean": np.ones(3)}, {"variance": np.full(3, 9.0)}):
        assert not np.allclose(batch_normalization_train_backward(x, x, **wrong)[1], plain[1])


@pytest.mark.usefixtures("no_warning")
@dtypes
@pytest.mark.parametrize("shape", [(0, 3), (0, 5, 4, 3), (2, 0, 4, 3)])
def test_an_empty_batch(shape, dtype):
    """Keras's statistics are NaN here."""
    x, gamma = np.zeros(shape, dtype), np.full(3, 2, dtype)
    y, mean, variance = batch_normalization_train(x, gamma=gamma)
    assert y.shape == shape
    for statistic in (mean, variance):
        np.testing.assert_array_equal(statistic, np.zeros(3, dtype), strict=True)
    dx, *others = batch_normalization_train_backward(y, x, gamma=gamma)
    assert dx.shape == shape
    y = batch_normalization(x, mean, variance, gamma=gamma)
    assert y.shape == shape
    dx, *more = batch_normalization_backward(y, x, mean, variance, gamma=gamma)
    for gradient in (*others, *more):
        np.testing.assert_array_equal(gradient, np.zeros(3, dtype), strict=True)


@pytest.mark.usefixtures("no_warning")
def test_a_variance_and_an_epsilon_of_zero_divide_by_zero():
    y = batch_normalization([[3.0, 1.0], [1.0, 5.0]], [1.0, 1.0], [0.0, 4.0], epsilon=0)
    np.testing.assert_array_equal(y, [[INF, 0], [NAN, 2]])


def test_the_five_gradients_at_one_point():
    """x - mean = 2, deviation 4: every factor of the formulas has a value of its own."""
    dy, x = np.array([[3.0]]), np.array([[7.0]])
    given = {"mean": np.array([5.0]), "variance": np.array([15.0]), "epsilon": 1.0}
    for gamma, scale in ((None, 1), (np.array([8.0]), 8)):
        gradients = batch_normalization_backward(dy, x, **given, gamma=gamma)
        expected = [scale * 3 / 4, -scale * 3 / 4, -0.5 * scale * 3 * 2 / 64, 3 * 2 / 4, 3]
        assert [d.item() for d in gradients] == expected


def test_a_large_gradient_with_a_small_variance():
    dy, x, variance = normal(7, 6, 3), normal(7, 6, 3, seed=1), np.array([1e-8, 1e-4, 0.0])
    ours = batch_normalization_backward(dy, x, np.ones(3), variance)
    tensors = [tf.constant(v) for v in (x, np.ones(3), variance)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = tf.nn.batch_normalization(*tensors, None, None, 1e-3)
    for mine, theirs in zip(ours[:3], tape.gradient(y, tensors, tf.constant(dy)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9)


# Layer normalization.


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), (3, 1), [2, 3, 1], (-3, -1), 0])
def test_layer_normalization_is_the_keras_layer(axis):
    x = normal(2, 5, 4, 3)
    layer = keras.layers.LayerNormalization(axis=axis, epsilon=0.01, dtype="float64")
    layer.build(x.shape)
    gamma, beta = (normal(*w.shape, seed=i) for i, w in enumerate(layer.weights))
    layer.set_weights([gamma, beta])
    ours = layer_normalization(x, gamma=gamma, beta=beta, axis=axis, epsilon=0.01)
    np.testing.assert_allclose(ours, layer(x), rtol=1e-12, atol=1e-12)


def test_over_all_axes_the_gradients_are_fresh():
    x, dy = normal(5, 3), normal(5, 3, seed=1)
    for gradient in layer_normalization_backward(dy, x, axis=(0, 1)):
        assert not np.shares_memory(gradient, dy)
        assert gradient.shape == (5, 3)
    assert not np.shares_memory(layer_normalization_backward(dy, x, axis=(0, 1))[2], dy)


@pytest.mark.parametrize("how", STORAGES)
@pytest.mark.parametrize("name", ["batch_normalization_train", "layer_normalization"])
def test_large_batches_do_not_depend_on_the_storage(name, how):
    x, op = normal(40, 30, 20, 6).astype(np.float32), getattr(numpycnn.ops, name)
    np.testing.assert_array_equal(first(op(stored_otherwise(x, how))), first(op(x)))


# NaN and infinities stay where they are.


@pytest.mark.usefixtures("no_warning")
@pytest.mark.parametrize("special", [NAN, INF, -INF])
def test_a_special_value_stays_in_its_own_sum(special):
    x = normal(2, 5, 4, 11)
    wrong = x.copy()
    wrong[1, 2, 3, 5] = special
    reach = {  # of x forward, of x backward, of dy backward
        "batch_normalization": (np.s_[1, 2, 3, 5],) * 3,
        "batch_normalization_train": (np.s_[..., 5],) * 3,
        "layer_normalization": (np.s_[1, 2, 3],) * 3,
        "local_response_normalization": (np.s_[1, 2, 3, 3:8], np.s_[1, 2, 3, 1:10], np.s_[1, 2, 3, 3:8]),
    }
    arguments = {"batch_normalization": (np.zeros(11), np.ones(11))}
    options = {"local_response_normalization": {"depth_radius": 2}}
    for name, places in reach.items():
        op, back = getattr(numpycnn.ops, name), getattr(numpycnn.ops, f"{name}_backward")
        more, named = arguments.get(name, ()), options.get(name, {})
        plain = first(op(x, *more, **named)), *[first(back(x, x, *more, **named))] * 2
        touched = (
            first(op(wrong, *more, **named)),
            first(back(x, wrong, *more, **named)),
            first(back(wrong, x, *more, **named)),
        )
        for before, after, place in zip(plain, touched, places, strict=True):
            different = before != after
            assert different[place].any() or name == "batch_normalization"  # whose dx does not depend on x
            different[place] = False
            assert not different.any(), name


def first(results):
    return results[0] if isinstance(results, tuple) else results


def test_local_response_of_an_infinity():
    """inf / inf is NaN where it stands, and its neighbours are held down to 0. TensorFlow on the CPU spreads NaN."""
    x = np.array([1.0, 2.0, INF, 4.0, 5.0]).reshape(1, 1, 1, 5)
    y = local_response_normalization(x, depth_radius=1)
    np.testing.assert_array_equal(y.ravel()[1:4], [0, NAN, 0])


# Local response normalization.


def test_local_response_normalization_of_alexnet():
    x, dy = 10 * normal(2, 5, 4, 17).astype(np.float32), normal(2, 5, 4, 17, seed=1).astype(np.float32)
    alexnet = {"depth_radius": 5, "bias": 2.0, "alpha": 1e-4, "beta": 0.75}
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = tf.nn.local_response_normalization(tensor, **alexnet)
    np.testing.assert_allclose(local_response_normalization(x, **alexnet), y, rtol=2e-6)
    dx = tape.gradient(y, tensor, tf.constant(dy))
    np.testing.assert_allclose(local_response_normalization_backward(dy, x, **alexnet), dx, rtol=1e-5, atol=1e-6)


def test_local_response_defaults_are_tensorflows():
    x = normal(2, 5, 4, 17).astype(np.float32)
    np.testing.assert_allclose(local_response_normalization(x), tf.nn.local_response_normalization(x), rtol=2e-6)


def test_a_radius_beyond_the_channels_sees_them_all():
    x = normal(1, 2, 3, 4)
    whole = x / np.sqrt(1 + np.square(x).sum(axis=3, keepdims=True))
    np.testing.assert_allclose(local_response_normalization(x, depth_radius=10**9), whole, rtol=1e-14)
    np.testing.assert_allclose(local_response_normalization(x, depth_radius=3), whole, rtol=1e-14)


@pytest.mark.usefixtures("no_warning")
def test_a_bias_of_zero_over_zeros_is_nan():
    x = np.zeros((1, 1, 1, 2), np.float32)
    assert np.isnan(local_response_normalization(x, bias=0)).all()
    assert np.isnan(tf.nn.local_response_normalization(x, bias=0)).all()
    assert not np.isfinite(local_response_normalization_backward(x, x, bias=0)).any()


# Dtypes.


def test_numbers_do_not_widen_the_result():
    x, one = np.ones((2, 3, 4, 5), np.float16), np.ones(5, np.float16)
    assert batch_normalization(x, one, one, epsilon=np.float64(1e-3)).dtype == np.float16
    assert layer_normalization(x, epsilon=np.float64(1e-3)).dtype == np.float16
    assert moving_average(one, one, momentum=np.float64(0.5)).dtype == np.float16
    numbers = {"bias": np.float64(1), "alpha": np.float64(1), "beta": np.float64(1)}
    assert local_response_normalization(x, **numbers).dtype == np.float16


@dtypes
def test_moving_average(dtype):
    moving, batch = np.array([4, -2], dtype), np.array([8, 6], dtype)
    step = moving_average(moving, batch, momentum=0.75)
    np.testing.assert_array_equal(step, np.array([5, 0], dtype), strict=True)
    for momentum, same in ((1, moving), (0, batch)):
        step = moving_average(moving, batch, momentum=momentum)
        np.testing.assert_array_equal(step, same, strict=True)
        assert not np.shares_memory(step, same)
    assert moving.tolist() == [4, -2]


@pytest.mark.parametrize(
    "name",
    ["batch_normalization", "batch_normalization_train", "layer_normalization", "local_response_normalization"],
)
def test_forward_and_backward_have_the_same_defaults(name):
    forward, back = (inspect.signature(getattr(numpycnn.ops, n)).parameters for n in (name, f"{name}_backward"))
    assert {k: back[k] for k in forward} == dict(forward)
    assert list(back)[: len(forward) + 1] == ["dy", *forward]
