"""Transposed convolution: its sizes, what "same" crops, and that it is the gradient of a convolution to the bit."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpycnn.ops import conv2d, conv2d_backward, conv2d_transpose, conv2d_transpose_backward
from numpycnn.ops.windows import transposed_window
from numpycnn.testing.catalogue.conv import conv2d_cases
from reference_tests.library import brute_force


def integers(seed, *shape):
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(float)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_sizes_are_those_of_keras(padding):
    for kernel, stride, dilation in itertools.product(range(1, 6), range(1, 5), range(1, 4)):
        if stride > 1 and dilation > 1:
            continue  # Keras's layer refuses it
        for size, added in itertools.product(range(1, 5), (None, *range(stride))):
            options = {"strides": stride, "padding": padding, "output_padding": added, "dilation_rate": dilation}
            layer = keras.layers.Conv2DTranspose(2, kernel, **options)
            height, width = layer.compute_output_shape((1, size, size + 1, 3))[1:3]
            if height == 0:
                with pytest.raises(ValueError, match="the output must keep a pixel of its height"):
                    transposed_window("test", (size, size + 1), kernel, **options)
                continue
            window = transposed_window("test", (size, size + 1), kernel, **options)
            assert (window.rows.size, window.columns.size) == (height, width)
            assert window.output_shape == (size, size + 1)


def test_keras_layer_with_its_own_weights():
    x = integers(1, 2, 5, 4, 3).astype(np.float32)
    layer = keras.layers.Conv2DTranspose(7, (3, 4), strides=(2, 3), padding="same", output_padding=(1, 2))
    theirs = layer(x).numpy()
    kernel, bias = (w.numpy() for w in layer.weights)
    ours = conv2d_transpose(x, kernel, bias, strides=(2, 3), padding="same", output_padding=(1, 2))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_same_beside_an_even_kernel_and_no_output_padding():
    """(n-1)s pixels, k/2 cropped before: Keras gives this size, but TensorFlow's kernel refuses to fill it."""
    x, kernel = integers(1, 2, 3, 4, 3), integers(2, 4, 2, 5, 3)
    y = conv2d_transpose(x, kernel, strides=2, padding="same", output_padding=0)
    whole = conv2d_transpose(x, kernel, strides=2, padding=0)
    assert y.shape == (2, 4, 6, 5)
    np.testing.assert_array_equal(y, whole[:, 2:6, 1:7])


def test_valid_and_no_pads_differ_where_the_stride_is_longer_than_the_kernel():
    x, kernel, bias = integers(1, 2, 3, 4, 3), integers(2, 2, 1, 5, 3), integers(3, 5)
    valid = conv2d_transpose(x, kernel, bias, strides=(5, 3))
    none = conv2d_transpose(x, kernel, bias, strides=(5, 3), padding=0)
    assert valid.shape == (2, 15, 12, 5)
    assert none.shape == (2, 12, 10, 5)
    np.testing.assert_array_equal(valid[:, :12, :10], none)
    np.testing.assert_array_equal(valid[:, 12:], np.broadcast_to(bias, (2, 3, 12, 5)))
    np.testing.assert_array_equal(valid[:, :, 10:], np.broadcast_to(bias, (2, 15, 2, 5)))


@given(conv2d_cases(), st.integers(0, 2**32 - 1))
def test_it_is_the_gradient_of_the_convolution(case, seed):
    """With the convolution's own pads, and as output padding the pixels that its last window left over."""
    (x, kernel, _), options = case.arrays.values(), case.options
    strides, dilation = options["strides"], options["dilation_rate"]
    y = conv2d(x, kernel, **options)
    dy, kernel = integers(seed, *y.shape), np.round(kernel)
    pads, left_over = [], []
    axes = zip(
        x.shape[1:3], kernel.shape[:2], strides, dilation, brute_force.both_axes(options["padding"]), strict=True
    )
    for size, taps, stride, rate, (padding, _) in axes:
        before, output = brute_force.convolution_axis(size, taps, stride, rate, padding)
        reach = (output - 1) * stride + rate * (taps - 1) + 1
        after = max(0, reach - size - before)
        pads.append((before, after))
        left_over.append(size + before + after - reach)
    transposed = conv2d_transpose(
        dy, kernel, strides=strides, padding=pads, output_padding=tuple(left_over), dilation_rate=dilation,
        groups=options["groups"],
    )  # fmt: skip
    np.testing.assert_array_equal(transposed, conv2d_backward(dy, x, kernel, **options)[0])


@pytest.mark.parametrize("image", [(0, 4), (3, 0)])
def test_an_image_without_pixels(image):
    x, kernel, bias = np.ones((2, *image, 3)), np.ones((3, 4, 5, 3)), np.arange(5.0)
    same = conv2d_transpose(x, kernel, bias, strides=2, padding="same")
    assert same.shape == (2, image[0] * 2, image[1] * 2, 5)
    valid = conv2d_transpose(x, kernel, bias, strides=2)
    assert valid.shape == (2, 2 * image[0] + 1, 2 * image[1] + 2, 5)
    np.testing.assert_array_equal(valid, np.broadcast_to(bias, valid.shape))
    dx, dkernel, dbias = conv2d_transpose_backward(valid, x, kernel, strides=2)
    assert dx.shape == x.shape
    assert not dkernel.any()
    np.testing.assert_array_equal(dbias, valid.sum(axis=(0, 1, 2)))


def test_the_bias_is_added_before_the_cast():
    """2048 + 1 is no float16, and 2048 + 1 + 1 is: rounding twice would lose both."""
    x, kernel = np.float16([[[[1, 1]]]]), np.float16([2048, 1]).reshape(1, 1, 1, 2)
    assert conv2d_transpose(x, kernel, np.float16([1])).item() == 2050


def test_a_sum_beyond_the_dtype_is_infinite_without_a_warning():
    x, kernel = np.full((1, 3, 4, 2), 6e4, np.float16), np.ones((2, 3, 5, 2), np.float16)
    assert np.all(np.isposinf(conv2d_transpose(x, kernel)))
