"""Rows 1-4, 15, 16 and 18 of the traps: convolutions. What PyTorch gives is written down, not run."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from numpycnn.ops import conv2d, depthwise_conv2d

COUNTS = np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)


def row(*numbers):
    return np.array(numbers, float).reshape(1, 1, -1, 1)


def both(x, kernel, *, strides=1, padding="valid", dilation_rate=1):
    """Our numbers along the row, which must be TensorFlow's."""
    ours = conv2d(x, kernel, strides=strides, padding=padding, dilation_rate=dilation_rate).ravel()
    theirs = tf.nn.conv2d(x, kernel, strides, padding.upper(), dilations=dilation_rate).numpy().ravel()
    np.testing.assert_array_equal(ours, theirs)
    return ours.tolist()


def test_row_01_same_with_a_stride_pads_the_end_first():
    """total = max(0, (ceil(n/s) - 1)s + d(k-1) + 1 - n), total // 2 of it before; PyTorch pads by 1."""
    x = row(1, 2, 3, 4, 5, 6)
    assert both(x, COUNTS, strides=2, padding="same") == [321, 543, 65]
    assert conv2d(x, COUNTS, strides=2, padding=((0, 0), (1, 1))).ravel().tolist() == [210, 432, 654]
    x = row(1, 2, 3, 4, 5, 6, 7)
    agreed = both(x, COUNTS, strides=2, padding="same")
    assert agreed == conv2d(x, COUNTS, strides=2, padding=((0, 0), (1, 1))).ravel().tolist() == [210, 432, 654, 76]


def test_row_02_same_with_an_even_kernel_pads_the_end():
    """The extra row or column is at the end; ONNX's SAME_LOWER puts it at the start."""
    x, kernel = row(1, 2, 3, 4), COUNTS[:, :2]
    assert both(x, kernel, padding="same") == [21, 32, 43, 4]
    assert conv2d(x, kernel, padding=((0, 0), (1, 0))).ravel().tolist() == [10, 21, 32, 43]
    rows = conv2d(x.swapaxes(1, 2), kernel.swapaxes(0, 1), padding="same").ravel().tolist()
    assert rows == [21, 32, 43, 4]


def test_row_03_same_counts_the_dilated_kernel():
    """Under dilation d the kernel is d(k-1) + 1 long."""
    x = row(1, 2, 3, 4, 5, 6)
    assert both(x, COUNTS, padding="same", dilation_rate=2) == [310, 420, 531, 642, 53, 64]
    assert conv2d(x, COUNTS, padding=((0, 0), (2, 2)), dilation_rate=2).ravel().tolist() == [310, 420, 531, 642, 53, 64]


def test_row_04_stride_and_dilation_together():
    """Keras's layer refuses them; tf.nn allows them, and so do we."""
    x = row(1, 2, 3, 4, 5, 6, 7)
    assert both(x, COUNTS, strides=2, dilation_rate=2) == [531, 753]
    with pytest.raises(ValueError, match="dilation_rate > 1"):
        keras.layers.Conv2D(1, 3, strides=2, dilation_rate=2)


def test_row_15_kernel_layout():
    """(height, width, in, out); PyTorch and ONNX store (out, in, height, width)."""
    rng = np.random.default_rng(15)
    x, stored = rng.integers(-4, 5, (2, 7, 6, 3)).astype(float), rng.integers(-4, 5, (5, 3, 2, 4)).astype(float)
    kernel = stored.transpose(2, 3, 1, 0)
    y = conv2d(x, kernel)
    np.testing.assert_array_equal(y, tf.nn.conv2d(x, kernel, 1, "VALID"))
    for o, (n, i, j) in zip(range(5), [(0, 0, 0), (1, 5, 2), (0, 3, 1), (1, 0, 2), (0, 5, 0)], strict=True):
        assert y[n, i, j, o] == np.sum(x[n, i : i + 2, j : j + 4].transpose(2, 0, 1) * stored[o])


def test_row_16_depthwise_kernel_layout():
    """(height, width, channels, multiplier); PyTorch stores transpose(2, 3, 0, 1).reshape(C*M, 1, height, width)."""
    rng = np.random.default_rng(16)
    x, kernel = rng.integers(-4, 5, (2, 7, 6, 3)).astype(float), rng.integers(-4, 5, (2, 4, 3, 5)).astype(float)
    y = depthwise_conv2d(x, kernel)
    np.testing.assert_array_equal(y, tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "VALID"))
    stored = kernel.transpose(2, 3, 0, 1).reshape(15, 1, 2, 4)
    np.testing.assert_array_equal(y, conv2d(x, stored.transpose(2, 3, 1, 0), groups=3))
    assert y[1, 2, 1, 2 * 5 + 4] == np.sum(x[1, 2:4, 1:5, 2] * kernel[:, :, 2, 4])


def test_row_18_convolution_is_cross_correlation():
    """The kernel is not flipped, as np.convolve would."""
    x = row(1, 2, 3, 4)
    assert both(x, COUNTS) == [321, 432] == np.correlate(x.ravel(), COUNTS.ravel(), "valid").tolist()
    assert np.convolve(x.ravel(), COUNTS.ravel(), "valid").tolist() == [123, 234]
    assert conv2d(x, COUNTS[:, ::-1]).ravel().tolist() == [123, 234]
