"""Pooling: NaN and infinities, ties, blocks, stand-ins for x, and Keras's layers."""

import inspect
import tracemalloc
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.ops import (
    avg_pool2d,
    avg_pool2d_backward,
    depth_max_pool,
    depth_max_pool_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    global_max_pool2d,
    global_max_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    windows,
)
from numpycnn.testing.cases import Case
from numpycnn.testing.catalogue.pooling import depth_cases, global_cases, pool_cases
from numpycnn.testing.strategies import DTYPES, STORAGES, stored_otherwise, with_specials
from reference_tests.catalogue.pooling import tf_max_pool

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
seeds = st.integers(0, 2**32 - 1)
NAN, INF = np.nan, np.inf
CASES = {
    "max_pool2d": pool_cases(),
    "avg_pool2d": pool_cases(count_include_pad=st.booleans()),
    "depth_max_pool": depth_cases(),
    "global_avg_pool2d": global_cases(),
    "global_max_pool2d": global_cases(),
}
every_pool = pytest.mark.parametrize("name", CASES)


def row(*numbers, dtype=np.float64):
    return np.array(numbers, dtype).reshape(1, 1, -1, 1)


def of(name, case: Case):
    """The op and its backward, over x and dy alone."""
    op, back = getattr(numpycnn.ops, name), getattr(numpycnn.ops, f"{name}_backward")
    return lambda x: op(x, **case.options), lambda dy, x, **y: back(dy, x, **case.options, **y)


# NaN and infinities.


@dtypes
@pytest.mark.parametrize("channels", [1, 3, 17])
@pytest.mark.parametrize(
    "window",
    [
        (NAN, 1), (1, NAN), (NAN, NAN), (NAN, -INF), (-INF, NAN),
        (INF, NAN), (-INF, -INF), (-INF, -5), (-5, -INF), (INF, INF),
    ],
)  # fmt: skip
def test_the_maximum_of_nan_and_infinities_is_tensorflows(window, channels, dtype):
    x = np.repeat(row(*window, dtype=dtype), channels, axis=3)
    y = max_pool2d(x, (1, 2))
    np.testing.assert_array_equal(y, tf.nn.max_pool2d(tf.constant(x), (1, 2), (1, 2), "VALID"))
    assert not np.isnan(y).any()
    np.testing.assert_array_equal(depth_max_pool(x.swapaxes(2, 3), 2), y.swapaxes(2, 3))


@dtypes
@given(case=pool_cases(), seed=seeds)
def test_the_maximum_of_any_window_is_tensorflows(dtype, case, seed):
    x = with_specials(np.random.default_rng(seed), case.arrays["x"].astype(dtype), 40)
    np.testing.assert_array_equal(max_pool2d(x, **case.options), tf_max_pool(tf.constant(x), **case.options))


@pytest.mark.parametrize("name", ["max_pool2d", "depth_max_pool"])
@given(data=st.data(), seed=seeds)
def test_the_gradient_counts_nan_and_minus_infinity_as_the_lowest_number(name, data, seed):
    case, rng = data.draw(CASES[name]), np.random.default_rng(seed)
    x = with_specials(rng, case.arrays["x"], 40)
    forward, backward = of(name, case)
    dy = rng.normal(size=forward(x).shape)
    lowest = np.finfo(x.dtype).min
    finite = np.nan_to_num(x, nan=lowest, neginf=lowest, posinf=INF)
    np.testing.assert_array_equal(backward(dy, x), backward(dy, finite))
    np.testing.assert_array_equal(forward(x), forward(finite))


@pytest.mark.parametrize(
    ("window", "dx"),
    [
        ((NAN, 1), (0, 7)),  # TensorFlow: (7, 0)
        ((1, NAN), (7, 0)),
        ((NAN, NAN), (7, 0)),
        ((-INF, -INF), (7, 0)),
        ((INF, INF), (7, 0)),
        ((-INF, -5), (0, 7)),
    ],
)
def test_the_gradient_of_nan_and_infinities(window, dx):
    x = row(*window)
    assert max_pool2d_backward(row(7), x, (1, 2)).ravel().tolist() == list(dx)
    assert depth_max_pool_backward(row(7), x.swapaxes(2, 3), 2).ravel().tolist() == list(dx)


def test_a_window_of_nan_at_the_border_gives_its_gradient_to_a_pixel():
    x = np.full((1, 3, 2, 1), NAN)
    dx = max_pool2d_backward(np.full((1, 4, 2, 1), 7.0), x, (3, 2), strides=1, padding=((2, 1), (1, 0)))
    np.testing.assert_array_equal(dx.ravel(), [6 * 7, 0, 2 * 7, 0, 0, 0])


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "depth_max_pool"])
@given(data=st.data(), seed=seeds)
def test_a_special_pixel_touches_only_the_windows_that_hold_it(name, data, seed):
    case, rng = data.draw(CASES[name]), np.random.default_rng(seed)
    x = case.arrays["x"]
    special = with_specials(rng, x, 2)
    forward, backward = of(name, case)
    held = forward(np.where(special != x, INF, 0.0)) > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = forward(special)
        np.testing.assert_array_equal(y[~held], forward(x)[~held])
        dy = rng.normal(size=y.shape)
        special_dy = with_specials(rng, dy, 2)
        dx, special_dx = backward(dy, x), backward(special_dy, x)
    changed = special_dy != dy
    reached = backward(np.where(changed, 1.0, 0.0), x) > 0  # pixels that such an output gives something to
    np.testing.assert_array_equal(special_dx[~reached], dx[~reached])
    assert not np.isfinite(special_dx[reached]).any()


@dtypes
def test_an_average_of_both_infinities_is_nan_without_a_warning(dtype):
    x = row(INF, -INF, 1, 3, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(avg_pool2d(x, (1, 2)).ravel(), [NAN, 2])
        assert np.isnan(global_avg_pool2d(x)).all()


@pytest.mark.parametrize("window", [(NAN, 1), (1, NAN), (NAN, NAN), (-INF, -INF), (INF, INF), (INF, 1), (2, 2)])
def test_the_global_maximum_of_nan_and_infinities_is_tensorflows(window):
    x = tf.constant(np.concatenate([row(*window), row(1.0, 2.0)], axis=3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_max(x, (1, 2))
    np.testing.assert_array_equal(global_max_pool2d(x.numpy()), y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dx = global_max_pool2d_backward(np.ones((1, 2)), x.numpy())
    np.testing.assert_array_equal(dx, tape.gradient(y, x))


def test_an_infinite_gradient_of_the_global_maximum_goes_to_the_maximum_alone():
    assert global_max_pool2d_backward([[INF]], row(1, 3, 2)).ravel().tolist() == [0, INF, 0]


# What the generic tests do not reach.


@given(case=global_cases(), dtype=st.sampled_from(DTYPES), seed=seeds)
def test_the_output_at_hand_changes_nothing(case, dtype, seed):
    rng, (forward, backward) = np.random.default_rng(seed), of("global_max_pool2d", case)
    x = case.arrays["x"].astype(dtype)
    y = forward(x)
    dy = rng.normal(size=y.shape).astype(dtype)
    np.testing.assert_array_equal(backward(dy, x, y=y), backward(dy, x))


def test_the_output_at_hand_is_used_by_the_global_maximum():
    forward, backward = of("global_max_pool2d", Case({}, {}))
    x = np.ones((1, 4, 6, 2))
    y = forward(x)
    assert np.all(backward(y, x, y=y + 1) != backward(y, x))


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "depth_max_pool"])
@given(data=st.data(), budget=st.integers(1, 300), seed=seeds)
def test_blocks_change_nothing(name, data, budget, seed):
    case, rng = data.draw(CASES[name]), np.random.default_rng(seed)
    forward, backward = of(name, case)
    x = case.arrays["x"]
    y = forward(x)
    dy = rng.integers(-4, 5, y.shape).astype(float)
    dx = backward(dy, x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK_BYTES", budget)
        np.testing.assert_array_equal(forward(x), y)
        np.testing.assert_allclose(backward(dy, x), dx, rtol=1e-14, atol=1e-14)


@every_pool
@given(data=st.data())
def test_gradients_are_fresh_and_inputs_whole(name, data):
    case = data.draw(CASES[name])
    forward, backward = of(name, case)
    x = case.arrays["x"]
    y = forward(x)
    dy, x_before = np.ones_like(y), x.copy()
    dx = backward(dy, x)
    assert not np.shares_memory(dx, dy)
    assert not np.shares_memory(dx, x)
    np.testing.assert_array_equal(dy, 1)
    np.testing.assert_array_equal(x, x_before)


@pytest.mark.parametrize(("name", "output"), [("avg_pool2d", (20, 60, 50, 16)), ("global_avg_pool2d", (20, 16))])
def test_x_may_be_a_stand_in(name, output):
    stand_in = np.broadcast_to(np.float32(0), (20, 120, 100, 16))
    back = getattr(numpycnn.ops, f"{name}_backward")
    dy = np.ones(output)
    expected = back(dy, np.ones(stand_in.shape))
    tracemalloc.start()
    dx = back(dy, stand_in)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(dx, expected, strict=True)
    assert peak < 1.2 * dx.nbytes + 2 * windows.BLOCK_BYTES


def test_no_windows_are_kept():
    x = np.random.default_rng(0).normal(size=(2, 90, 80, 32))
    dy = np.ones_like(x)
    for name in ("max_pool2d", "avg_pool2d"):
        forward, backward = of(name, Case({}, {"pool_size": 5, "strides": 1, "padding": "same"}))
        for call, arrays in ((forward, 1), (lambda x, back=backward: back(dy, x), 2)):
            tracemalloc.start()
            call(x)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < arrays * x.nbytes + 4e6, (name, peak / x.nbytes)


@given(case=global_cases(), size=st.integers(1, 3), dtype=st.sampled_from([np.float32, np.float64]))
def test_depth_is_tensorflows_own(case, size, dtype):
    """tf.nn.max_pool over depth wants windows side by side that divide the channels."""
    x = np.tile(case.arrays["x"].astype(dtype), size)
    window = (1, 1, 1, size)
    np.testing.assert_array_equal(depth_max_pool(x, size), tf.nn.max_pool(tf.constant(x), window, window, "VALID"))


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("max_pool2d", keras.layers.MaxPooling2D()),
        ("avg_pool2d", keras.layers.AveragePooling2D(2)),
        ("global_avg_pool2d", keras.layers.GlobalAveragePooling2D()),
        ("global_max_pool2d", keras.layers.GlobalMaxPooling2D()),
    ],
)
def test_the_defaults_are_keras_own(name, layer):
    x = np.random.default_rng(0).normal(size=(2, 7, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(getattr(numpycnn.ops, name)(x), layer(x), rtol=1e-6, atol=1e-7)


@every_pool
def test_forward_and_backward_have_the_same_defaults(name):
    forward, back = (inspect.signature(getattr(numpycnn.ops, n)).parameters for n in (name, f"{name}_backward"))
    assert {k: back[k] for k in forward} == dict(forward)
    assert list(back)[: len(forward) + 1] == ["dy", *forward]


def test_one_integer_stands_for_two():
    x = np.random.default_rng(0).normal(size=(2, 7, 8, 3))
    whole = max_pool2d(x, np.int64(3), strides=np.int32(2), padding=np.int8(1))
    np.testing.assert_array_equal(whole, max_pool2d(x, [3, 3], strides=np.array([2, 2]), padding=[[1, 1], (1, 1)]))
    np.testing.assert_array_equal(max_pool2d(x, (3, 2)), max_pool2d(x, (3, 2), strides=(3, 2)))
    np.testing.assert_array_equal(depth_max_pool(x, 2, padding=1), depth_max_pool(x, 2, padding=(1, 1)))


@every_pool
def test_integers_come_out_as_float64(name):
    forward, backward = of(name, Case({}, {"pool_size": 3} if "global" not in name else {}))
    x = np.arange(2 * 6 * 9 * 3).reshape(2, 6, 9, 3) % 7
    y = forward(x)
    np.testing.assert_array_equal(y, forward(x.astype(float)), strict=True)
    assert backward(y.astype(int), x).dtype == np.float64


def test_no_channels_and_no_images():
    for shape in ((0, 5, 4, 3), (2, 5, 4, 0)):
        x = np.ones(shape)
        for y, back in (
            (max_pool2d(x), max_pool2d_backward),
            (avg_pool2d(x), avg_pool2d_backward),
            (global_avg_pool2d(x), global_avg_pool2d_backward),
            (global_max_pool2d(x), global_max_pool2d_backward),
        ):
            assert y.size == 0
            assert back(y, x).shape == shape
    assert depth_max_pool(np.ones((2, 0, 4, 6)), 3).shape == (2, 0, 4, 2)


def test_a_global_sum_is_wider_than_float16():
    x = np.full((1, 64, 64, 1), 6e4, np.float16)
    assert global_avg_pool2d(x).item() == avg_pool2d(x, 64).item() == np.float16(6e4)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "depth_max_pool"])
def test_a_gradient_is_summed_wider_than_float16(name):
    """Nine windows see the pixel in the middle; after the first, each alone adds less than float16 resolves at 1."""
    x, dy = np.zeros(17, np.float16), np.full(9, 2.0**-11, np.float16)
    x[8], dy[0] = 1, 1
    image, size = ((1, 1, 17, 1), (1, 9)) if name != "depth_max_pool" else ((1, 1, 1, 17), 9)
    _, backward = of(name, Case({}, {"pool_size": size, "strides": 1}))
    dy = dy * (9 if name == "avg_pool2d" else 1)
    dx = backward(dy.reshape([9 if n == 17 else 1 for n in image]), x.reshape(image))
    assert dx.ravel()[8] == 1 + 2.0**-8


def test_a_long_global_sum_in_float32_stays_exact_to_a_rounding():
    x = np.full((1, 500, 400, 1), 0.1, np.float32)
    np.testing.assert_allclose(global_avg_pool2d(x), 0.1, rtol=2e-6)


@every_pool
@pytest.mark.parametrize("how", STORAGES)
def test_large_images_do_not_depend_on_the_storage(name, how):
    x = np.random.default_rng(0).normal(size=(2, 90, 70, 6)).astype(np.float32)
    forward, _ = of(name, Case({}, {"pool_size": 5} if "global" not in name else {}))
    np.testing.assert_array_equal(forward(stored_otherwise(x, how)), forward(x))
    channels_first = np.ascontiguousarray(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(forward(channels_first), forward(x))
