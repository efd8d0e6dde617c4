"""Convolutions: integers to the bit, the chapter's shapes, and the extremes."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.ops import conv2d, conv2d_backward, depthwise_conv2d, separable_conv2d, threads, windows
from numpycnn.ops.correlation import (
    by_taps,
    columns,
    gather,
    pixel_by_pixel,
    spread,
    spread_by_taps,
    tap_by_tap,
    way_back,
    way_forward,
)
from numpycnn.ops.small_groups import correlate_groups
from numpycnn.ops.windows import sliding_window
from numpycnn.testing.catalogue.conv import conv2d_cases, depthwise_cases
from numpycnn.testing.catalogue.conv_transpose import conv2d_transpose_cases
from numpycnn.verification.tolerances import scaled_error
from reference_tests.catalogue.conv import tf_conv2d
from reference_tests.library import brute_force

FAMILY = {
    "conv2d": conv2d_cases(),
    "depthwise_conv2d": depthwise_cases(),
    "conv2d_transpose": conv2d_transpose_cases(),
}


@pytest.mark.parametrize("name", FAMILY)
@given(data=st.data(), dtype=st.sampled_from([np.float32, np.float64]), seed=st.integers(0, 2**32 - 1))
def test_integers_to_the_bit(name, data, dtype, seed):
    case, rng = data.draw(FAMILY[name]), np.random.default_rng(seed)
    op, back = getattr(numpycnn.ops, name), getattr(numpycnn.ops, f"{name}_backward")
    brute = getattr(brute_force, name)
    x, kernel, bias = (None if v is None else rng.integers(-9, 10, v.shape) for v in case.arrays.values())
    y = brute(x, kernel, bias, **case.options)
    floats = [None if v is None else v.astype(dtype) for v in (x, kernel, bias)]
    np.testing.assert_array_equal(op(*floats, **case.options), y, strict=False)
    dy = rng.integers(-9, 10, y.shape)
    dx, dkernel, dbias = back(dy.astype(dtype), *floats[:2], **case.options)
    other_x, other_kernel = rng.integers(-9, 10, x.shape), rng.integers(-9, 10, kernel.shape)
    assert np.vdot(dx, other_x) == np.vdot(dy, brute(other_x, kernel, None, **case.options))
    assert np.vdot(dkernel, other_kernel) == np.vdot(dy, brute(x, other_kernel, None, **case.options))
    np.testing.assert_array_equal(dbias, dy.sum(axis=(0, 1, 2)))


@pytest.mark.parametrize(
    ("strides", "padding", "shape"),
    [(1, "valid", (2, 64, 114, 32)), (1, "same", (2, 70, 120, 32)), (2, "same", (2, 35, 60, 32))],
)
def test_shapes_of_the_chapter(strides, padding, shape):
    images, kernel = np.ones((2, 70, 120, 3), np.float32), np.ones((7, 7, 3, 32), np.float32)
    y = conv2d(images, kernel, np.zeros(32, np.float32), strides=strides, padding=padding)
    assert y.shape == shape
    assert np.all(y[:, 10:20, 10:20] == 7 * 7 * 3)


def test_a_sum_beyond_the_dtype_is_infinite_without_a_warning():
    x, kernel = np.full((1, 3, 4, 2), 6e4, np.float16), np.ones((2, 3, 2, 5), np.float16)
    assert np.all(np.isposinf(conv2d(x, kernel)))
    assert np.all(np.isposinf(depthwise_conv2d(x, kernel)))


def test_a_sum_is_wider_than_float16():
    x, kernel = np.full((1, 1, 4096, 1), 1, np.float16), np.ones((1, 4096, 1, 1), np.float16)
    assert conv2d(x, kernel).item() == 4096
    x, kernel = np.full((1, 1, 3, 1), 6e4, np.float16), np.float16([1, 1, -1]).reshape(1, 3, 1, 1)
    assert conv2d(x, kernel).item() == np.float16(6e4)


@pytest.mark.parametrize("image", [(0, 5), (4, 0), (0, 0)])
def test_an_image_without_pixels_gives_none_under_same(image):
    x, kernel = np.ones((2, *image, 3)), np.ones((3, 2, 3, 5))
    y = conv2d(x, kernel, padding="same")
    assert y.shape == (2, *image, 5)
    dx, dkernel, dbias = conv2d_backward(y, x, kernel, padding="same")
    assert dx.shape == x.shape
    assert np.all(dkernel == 0)
    assert np.all(dbias == 0)


def test_no_channels_give_the_bias():
    y = conv2d(np.ones((2, 5, 4, 0)), np.ones((3, 2, 0, 2)), np.array([3.0, 4.0]))
    np.testing.assert_array_equal(y, np.broadcast_to([3.0, 4.0], (2, 3, 3, 2)))


def test_separable_is_depthwise_then_pointwise():
    rng = np.random.default_rng(3)
    x, depthwise, pointwise = (
        rng.integers(-4, 5, s).astype(float) for s in ((2, 7, 6, 3), (3, 2, 3, 4), (1, 1, 12, 5))
    )
    between = depthwise_conv2d(x, depthwise, strides=2, padding="same")
    np.testing.assert_array_equal(
        separable_conv2d(x, depthwise, pointwise, strides=2, padding="same"), between @ pointwise[0, 0]
    )


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel_size", [(1, 1), (3, 2)])
@pytest.mark.parametrize(("strides", "dilation_rate"), [(1, 1), (1, (2, 3)), (2, 1), ((3, 1), 1)])
@pytest.mark.parametrize("pixels", [5, 70])
@pytest.mark.parametrize("padding", ["valid", "same", ((0, 3), (5, 1))])
def test_both_ways_forward_against_the_definition(groups, kernel_size, strides, dilation_rate, pixels, padding):
    """At sizes of one block and of several (2 and 8 MiB), in integers to the bit."""
    rng = np.random.default_rng(pixels)
    x = rng.integers(-4, 5, (3, pixels, pixels + 1, 24)).astype(np.float32)
    kernel = rng.integers(-4, 5, (*kernel_size, 24 // groups, 10)).astype(np.float32)
    bias = rng.integers(-4, 5, 10).astype(np.float32)
    sliding = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    window = sliding_window("test", x.shape[1:3], kernel_size, **sliding)
    expected = by_taps(x, kernel, bias, window, groups)
    np.testing.assert_array_equal(conv2d(x, kernel, bias, groups=groups, **sliding), expected)
    for way in (columns, pixel_by_pixel) if strides == 1 else (columns,):
        y = np.full(expected.shape, np.nan, np.float32)
        way(x, kernel, window, groups, y)
        np.testing.assert_array_equal(y + bias, expected)


@pytest.mark.parametrize(
    ("kernel", "strides", "groups", "pixels", "chosen"),
    [
        ((3, 2, 4, 6), 1, 1, 256, pixel_by_pixel),
        ((3, 2, 4, 7), 1, 1, 256, columns),  # more filters than channels
        ((3, 2, 4, 6), 1, 1, 240, columns),  # few pixels
        ((3, 2, 4, 6), (1, 2), 1, 256, columns),
        ((1, 1, 4, 6), 1, 1, 256, columns),  # a window is a pixel
        ((3, 2, 8, 16), 1, 2, 256, correlate_groups),  # groups side by side
        ((3, 2, 9, 18), 1, 2, 256, pixel_by_pixel),
    ],
)
def test_which_way_forward_is_chosen(kernel, strides, groups, pixels, chosen):
    x = np.ones((2, 8, pixels // 16, kernel[2] * groups))
    window = sliding_window("test", x.shape[1:3], kernel[:2], strides=strides, padding="same")
    assert way_forward(x, np.ones(kernel), window, groups) is chosen
    if chosen is pixel_by_pixel:
        assert way_forward(x, np.full(kernel, np.nan), window, groups) is columns


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("pixels", "dtype"), [(5, np.float16), (5, np.float64), (20, np.float32)])
@pytest.mark.parametrize("strides", [1, (3, 2)])
@pytest.mark.parametrize("filters", [2, 3, 12, 13])
def test_all_ways_back_against_the_definition(groups, pixels, dtype, strides, filters, monkeypatch):
    """Where the choice changes, at one block and several, image by image, in integers to the bit."""
    monkeypatch.setattr(threads, "PIECE_BYTES", 1)
    monkeypatch.setattr(windows, "BLOCK_BYTES", 2**10)
    rng = np.random.default_rng(pixels)
    kernel = rng.integers(-2, 3, (4, 3, 3, filters * groups)).astype(dtype)
    window = sliding_window("test", (pixels, pixels + 1), (4, 3), strides=strides, padding="same", dilation_rate=2)
    dy = rng.integers(-2, 3, (2, *window.output_shape, filters * groups)).astype(dtype)
    expected = spread_by_taps(dy, kernel, window, groups)
    for way in (gather, spread, tap_by_tap):
        np.testing.assert_array_equal(way(dy, kernel, window, groups), expected)


@pytest.mark.parametrize(
    ("kernel", "strides", "groups", "chosen"),
    [
        ((3, 2, 4, 2), 1, 1, gather),  # fewer filters than channels
        ((3, 2, 3, 2), 1, 1, tap_by_tap),
        ((3, 2, 3, 12), 2, 1, tap_by_tap),
        ((3, 2, 3, 13), 2, 1, spread),
        ((1, 1, 3, 13), 1, 1, gather),  # a window is a pixel
        ((1, 1, 3, 13), 2, 1, tap_by_tap),
        ((3, 2, 8, 16), 1, 2, gather),  # groups side by side
        ((3, 2, 9, 18), 1, 2, tap_by_tap),
    ],
)
def test_which_way_back_is_chosen(kernel, strides, groups, chosen):
    window = sliding_window("test", (7, 9), kernel[:2], strides=strides, padding="same")
    assert way_back(np.ones(kernel), window, groups) is chosen
    if chosen is gather:
        assert way_back(np.full(kernel, np.inf), window, groups) is spread_by_taps


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("channels", "filters", "groups", "width"),
    [
        (12, 18, 1, 30),
        (12, 18, 1, 32),
        (12, 19, 1, 32),
        (3, 12, 1, 32),
        (3, 13, 1, 32),
        (16, 34, 2, 32),
        (18, 38, 2, 32),
    ],
)
def test_tensorflow_where_the_way_changes(channels, filters, groups, width, padding):
    """At 240 and 256 pixels, and on both sides of every ratio of filters to channels and of a small group."""
    rng = np.random.default_rng(filters)
    x, kernel = (
        rng.normal(size=s).astype(np.float32) for s in ((2, 4, width, channels), (3, 5, channels // groups, filters))
    )
    options = {"strides": 1, "padding": padding, "dilation_rate": (1, 1), "groups": groups}
    with tf.GradientTape() as tape:
        inputs = tf.constant(x), tf.constant(kernel)
        tape.watch(inputs)
        y = tf_conv2d(*inputs, None, **options)
    dy = rng.normal(size=y.shape).astype(np.float32)
    theirs = [y, *tape.gradient(y, inputs, dy)]
    sizes = [abs(a.astype(np.float64)) for a in (x, kernel, dy)]
    scales = conv2d(*sizes[:2], **options), *conv2d_backward(sizes[2], *sizes[:2], **options)[:2]
    ours = conv2d(x, kernel, **options), *conv2d_backward(dy, x, kernel, **options)[:2]
    lengths = 15 * channels // groups, 15 * filters // groups, y[..., 0].numpy().size
    for name, found, other, scale, length in zip(("y", "dx", "dkernel"), ours, theirs, scales, lengths, strict=True):
        assert scaled_error(found, other.numpy(), scale, length=2 * length) <= 1, name


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.float64), (8, np.float16), (8, np.float32), (9, np.float32)])
@pytest.mark.parametrize("strides", [1, (3, 2)])
@pytest.mark.parametrize("dilation_rate", [1, 2, (1, 9)])
@pytest.mark.parametrize("padding", ["valid", "same", ((0, 5), (11, 1))])
@pytest.mark.parametrize("budget", [2**10, 2**21])
def test_small_groups_against_the_definition(channels, dtype, strides, dilation_rate, padding, budget, monkeypatch):
    """At the sizes where small groups have a way of their own, in integers to the bit."""
    monkeypatch.setattr(windows, "BLOCK_BYTES", budget)
    rng = np.random.default_rng(channels)
    x = rng.integers(-2, 3, (2, 9, 21, 5 * channels)).astype(dtype)
    kernel = rng.integers(-2, 3, (4, 3, channels, 30)).astype(dtype)
    sliding = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    window, options = sliding_window("test", x.shape[1:3], (4, 3), **sliding), {**sliding, "groups": 5}
    y = conv2d(x, kernel, **options)
    np.testing.assert_array_equal(y, by_taps(x, kernel, None, window, 5))
    dy = rng.integers(-2, 3, y.shape).astype(dtype)
    dx, dkernel, _ = conv2d_backward(dy, x, kernel, **options)
    np.testing.assert_array_equal(dx, spread_by_taps(dy, kernel, window, 5))
    other = rng.integers(-2, 3, kernel.shape).astype(np.float64)
    assert np.vdot(dkernel, other) == np.vdot(dy, by_taps(x.astype(np.float64), other, None, window, 5))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("where", ["kernel", "dy"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("strides", [1, (3, 2)])
@pytest.mark.parametrize("channels", [2, 20])
def test_what_is_not_finite_flows_back_only_to_pixels_that_it_met(value, where, groups, strides, channels):
    """Padding is no factor: at the borders the gradient is finite where the definition is."""
    rng = np.random.default_rng(5)
    x, kernel = rng.uniform(1, 2, (2, 7, 6, channels)), rng.uniform(1, 2, (4, 3, channels // groups, 10 * groups))
    dy = conv2d(x, kernel, strides=strides, padding="same", groups=groups)
    {"kernel": kernel, "dy": dy}[where][(0, 1, 0, 3)] = value
    window = sliding_window("test", x.shape[1:3], kernel.shape[:2], strides=strides, padding="same")
    expected = np.zeros(x.shape)
    for n, i, j, o in np.ndindex(dy.shape):
        own = slice(o * groups // dy.shape[3] * kernel.shape[2], (o * groups // dy.shape[3] + 1) * kernel.shape[2])
        for a, b in window.taps:
            p, q = window.rows.pixels(i)[a], window.columns.pixels(j)[b]
            if 0 <= p < x.shape[1] and 0 <= q < x.shape[2]:
                expected[n, p, q, own] += dy[n, i, j, o] * kernel[a, b, :, o]
    dx, _, _ = conv2d_backward(dy, x, kernel, strides=strides, padding="same", groups=groups)
    assert set(np.isfinite(expected).ravel()) == {True, False}
    np.testing.assert_allclose(dx, expected, rtol=1e-12)
    np.testing.assert_allclose(spread_by_taps(dy, kernel, window, groups), expected, rtol=1e-12)


def test_the_same_call_gives_the_same_bits():
    rng = np.random.default_rng(4)
    x, kernel = rng.standard_normal((2, 40, 41, 32), np.float32), rng.standard_normal((3, 3, 32, 24), np.float32)
    y = conv2d(x, kernel, padding="same")
    first, second = ([y, *conv2d_backward(y, x, kernel, padding="same")] for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.tobytes() == b.tobytes()
    assert y.tobytes() == conv2d(x, kernel, padding="same").tobytes()


def test_a_small_kernel_is_summed_in_parts():
    """1x1 with strides over few outputs: one long sum rounds more."""
    rng = np.random.default_rng(11)
    x, dy = rng.standard_normal((1, 56, 54, 64), np.float32), rng.standard_normal((1, 28, 27, 128), np.float32)
    _, dkernel, _ = conv2d_backward(dy, x, np.ones((1, 1, 64, 128), np.float32), strides=2, padding="same")
    pixels, outputs = x[:, ::2, ::2].reshape(-1, 64), dy.reshape(-1, 128)
    exact = pixels.T.astype(np.float64) @ outputs
    ours, long = (np.square(found - exact).mean() ** 0.5 for found in (dkernel[0, 0], pixels.T @ outputs))
    assert ours < 0.9 * long
