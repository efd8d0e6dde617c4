"""Ops that have several ways to one result: each against the definition, at the sizes where the choice changes."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn import ops
from numpycnn.ops import (
    channelwise,
    depthwise_passes,
    elementwise,
    local_response,
    pooling_passes,
    pooling_places,
    threads,
    windows,
)
from numpycnn.ops.pooling import pool_window
from numpycnn.testing.catalogue.conv import depthwise_cases
from numpycnn.testing.catalogue.pooling import pool_cases
from numpycnn.testing.strategies import DTYPES, with_specials
from numpycnn.verification.tolerances import ELEMENTWISE, scaled_error
from reference_tests.catalogue.pooling import tf_max_pool

seeds = st.integers(0, 2**32 - 1)
NARROW = pooling_passes.NARROW
around_narrow = pytest.mark.parametrize("channels", [NARROW - 1, NARROW, NARROW + 1])


def widened(x, channels, rng):
    """The images with so many channels, each drawn from those that were there."""
    return x[..., rng.integers(0, x.shape[3], channels)] if x.size else np.zeros((*x.shape[:3], channels), x.dtype)


# Pooling.


@around_narrow
@settings(max_examples=60)
@given(case=pool_cases(), seed=seeds, budget=st.integers(1, 2**16))
def test_rows_then_columns_are_every_window_at_once(channels, case, seed, budget):
    rng = np.random.default_rng(seed)
    x = widened(case.arrays["x"], channels, rng)
    special = with_specials(rng, x, 40).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK_BYTES", budget)
        largest = ops.max_pool2d(special, **case.options)
        average = ops.avg_pool2d(x, **case.options)
    np.testing.assert_array_equal(largest, tf_max_pool(tf.constant(special), **case.options))
    window = pool_window("test", x, case.options["pool_size"], case.options["strides"], case.options["padding"])
    if x.size and average.size:
        block = windows.Block(slice(0, len(x)), *(slice(0, axis.output) for axis in window))
        seen = windows.window_view(np.ones_like(x), window, block).sum(axis=(3, 4))
        sums, sizes = (windows.window_view(a, window, block).sum(axis=(3, 4)) for a in (x, abs(x)))
        length = window.rows.kernel * window.columns.kernel
        assert scaled_error(average, sums / seen, sizes / seen, length=length) <= 1


@around_narrow
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
@settings(max_examples=60)
@given(case=pool_cases(), seed=seeds, budget=st.integers(1, 2**16))
def test_places_and_taps_route_a_gradient_alike(dtype, channels, case, seed, budget):
    """Of whole numbers, whose sums do not depend on their order."""
    rng = np.random.default_rng(seed)
    x = with_specials(rng, widened(case.arrays["x"], channels, rng), 40).astype(dtype)
    y = ops.max_pool2d(x, **case.options)
    dy = rng.integers(-4, 5, y.shape).astype(dtype)
    window = pool_window("test", x, case.options["pool_size"], case.options["strides"], case.options["padding"])
    plain = pooling_places.by_taps(dy, x, window)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK_BYTES", budget)
        np.testing.assert_array_equal(ops.max_pool2d_backward(dy, x, **case.options), plain)
        if dy.size:
            dy.ravel()[rng.integers(dy.size)] = np.inf
            assert np.isinf(ops.max_pool2d_backward(dy, x, **case.options)).sum() == 1
            assert not np.isnan(ops.max_pool2d_backward(dy, x, **case.options)).any()


# Depthwise convolution.


@settings(max_examples=60)
@given(case=depthwise_cases(), seed=seeds, budget=st.integers(1, 2**14))
def test_rows_and_taps_make_the_same_depthwise_convolution(case, seed, budget):
    rng = np.random.default_rng(seed)
    options = dict(case.options)
    x, kernel = (rng.integers(-4, 5, case.arrays[name].shape).astype(np.float32) for name in ("x", "kernel"))
    y = ops.depthwise_conv2d(x, kernel, **options)
    dy = rng.integers(-4, 5, y.shape).astype(np.float32)
    gradients = ops.depthwise_conv2d_backward(dy, x, kernel, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK_BYTES", budget)
        for way in (depthwise_passes.BY_TAPS, depthwise_passes.BY_ROWS):
            patch.setattr(depthwise_passes, "way", lambda window, way=way: way)
            if way is depthwise_passes.BY_TAPS or windows.pair("", "", options["strides"])[1] == 1:
                np.testing.assert_array_equal(ops.depthwise_conv2d(x, kernel, **options), y)
                for ours, theirs in zip(
                    ops.depthwise_conv2d_backward(dy, x, kernel, **options), gradients, strict=True
                ):
                    np.testing.assert_array_equal(ours, theirs)


# Local response normalization.


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 4, 5, 6, 7, 8, 20])
@pytest.mark.parametrize("channels", [1, 2, 7, 12])
def test_doubling_sums_are_the_sums_of_neighbours(channels, radius):
    values = np.random.default_rng(0).integers(-9, 10, (5, channels)).astype(np.float64)
    far = abs(np.subtract.outer(np.arange(channels), np.arange(channels))) > radius
    np.testing.assert_array_equal(local_response._neighbour_sum(values, radius), values @ ~far)
    for c in range(channels):
        values[2, c] = np.nan
        summed = local_response._neighbour_sum(values, radius)
        np.testing.assert_array_equal(np.isnan(summed[2]), ~far[c])
        assert not np.isnan(summed[[0, 1, 3, 4]]).any()
        values[2, c] = 0


@pytest.mark.parametrize("beta", [0.5, 0.75, 1.0, 0.7499, 2, -0.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_square_roots_are_powers(beta, dtype):
    s = (10.0 ** np.random.default_rng(0).uniform(-8, 8, 1000)).astype(dtype)
    exact = s.astype(np.longdouble) ** beta
    np.testing.assert_allclose(local_response._power(s, beta), exact, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(
        local_response._power(np.array([0, np.inf, np.nan], dtype), 0.75), [0, np.inf, np.nan]
    )


# One number a channel.


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (7, 3), (2, 61, 1), (4, 5, 6, 3), (3, channelwise.ROW + 1), (2, 3, channelwise.ROW // 2), (0, 5), (6, 0)],
)
@pytest.mark.parametrize("piece_bytes", [1, 1000, 2**21])
def test_sums_and_passes_of_any_shape(shape, piece_bytes, monkeypatch):
    monkeypatch.setattr(threads, "PIECE_BYTES", piece_bytes)
    rng = np.random.default_rng(0)
    x, numbers = rng.integers(-9, 10, shape).astype(np.float32), rng.integers(-9, 10, shape[-1:]).astype(np.float32)
    by = channelwise.Channelwise(shape, x.dtype)
    rows, along = by.rows(x), by.along(numbers)
    (total,) = by.sums(lambda piece: [rows(piece)])
    np.testing.assert_array_equal(total, x.reshape(-1, shape[-1]).sum(axis=0) if x.size else np.zeros(shape[-1]))
    for dtype in (np.float32, np.float16):
        made = by.made(lambda piece, out: np.add(rows(piece), along, out=out), shape, dtype)
        np.testing.assert_array_equal(made, (x + numbers).astype(dtype), strict=True)


@pytest.mark.parametrize("name", ["batch_normalization_train", "batch_normalization_train_backward"])
def test_batch_statistics_of_large_arrays_are_no_less_exact_than_tensorflows(name):
    rng = np.random.default_rng(0)
    x, dy = (
        (100 + rng.standard_normal((8, 56, 55, 12))).astype(np.float32),
        rng.standard_normal((8, 56, 55, 12), np.float32),
    )
    gamma, beta = rng.standard_normal((2, 12)).astype(np.float32)
    with tf.GradientTape() as tape:
        inputs = [tf.constant(a) for a in (x, gamma, beta)]
        tape.watch(inputs)
        y = tf.compat.v1.nn.fused_batch_norm(*inputs, epsilon=1e-3)[0]
    theirs = [y] if name == "batch_normalization_train" else tape.gradient(y, inputs, dy)
    arrays = (x,) if name == "batch_normalization_train" else (dy, x)
    ours = getattr(ops, name)(*arrays, gamma=gamma, beta=beta)[: len(theirs)]
    exact = getattr(ops, name)(*(a.astype(np.float64) for a in arrays), gamma=gamma, beta=beta)[: len(theirs)]
    for mine, their, reference in zip(ours, theirs, exact, strict=True):
        off, their_off = (abs(np.asarray(found, np.float64) - reference).max() for found in (mine, their))
        assert off <= their_off + 1e-7 * abs(reference).max()


# Element by element.


@pytest.mark.parametrize("name", ["sigmoid", "silu", "gelu", "hard_sigmoid", "softplus", "mish", "tanh"])
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_pieces_are_the_whole(name, dtype):
    rng = np.random.default_rng(0)
    count = 2 * threads.PIECE_BYTES // np.dtype(dtype).itemsize
    for size in (count - 1, count, count + 1):
        x, dy = (3 * rng.standard_normal((2, size), np.float32)).astype(dtype)
        for op, arrays in ((getattr(ops, name), (x,)), (getattr(ops, f"{name}_backward"), (dy, x))):
            np.testing.assert_array_equal(op(*arrays), op.__wrapped__(*arrays), strict=True)


def test_pieces_keep_shapes_options_and_messages(monkeypatch):
    monkeypatch.setattr(elementwise, "PIECE_BYTES", 8)
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 4, 5, 3))
    y = ops.sigmoid(x)
    assert y.shape == x.shape
    np.testing.assert_array_equal(ops.sigmoid_backward(dy, None, y=y), dy * (y * (1 - y)))
    np.testing.assert_array_equal(ops.sigmoid_backward(dy, x=None, y=y), dy * (y * (1 - y)))
    np.testing.assert_array_equal(ops.gelu(x, approximate=True), [ops.gelu(part, True) for part in x])
    np.testing.assert_array_equal(ops.gelu(x, True).swapaxes(0, 2), ops.gelu(x.swapaxes(0, 2), True))
    with pytest.raises(
        ValueError, match=r"silu_backward: dy must have the shape of x, \(4, 5, 3\); got dy \(4, 5, 2\)"
    ):
        ops.silu_backward(dy[..., :2], x)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 70000), (70000, 1), (300, 2000), (0, 4), (4, 0)])
@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax_in_pieces_is_softmax(shape, axis, monkeypatch):
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    whole, back = ops.softmax(x, axis), ops.softmax_backward(x, x, axis)
    monkeypatch.setattr(threads, "PIECE_BYTES", 1000)
    np.testing.assert_array_equal(ops.softmax(x, axis), whole, strict=True)
    np.testing.assert_array_equal(ops.softmax_backward(x, x, axis), back, strict=True)
    if axis == -1 and x.size:
        exact = np.exp(x.astype(np.float64))
        exact /= exact.sum(axis=-1, keepdims=True)
        assert scaled_error(whole, exact, exact, length=shape[-1], constant=ELEMENTWISE) <= 1
