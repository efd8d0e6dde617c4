"""Rows 17, 19 and 20 of the traps: transposed convolution. What PyTorch gives is written down, not run."""

import keras
import numpy as np
import tensorflow as tf

from numpycnn.ops import conv2d_transpose

COUNTS = np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)


def row(*numbers):
    return np.array(numbers, float).reshape(1, 1, -1, 1)


def test_row_17_kernel_layout():
    """(height, width, out, in); PyTorch and ONNX store (in, out, height, width)."""
    rng = np.random.default_rng(17)
    x, stored = rng.integers(-4, 5, (2, 5, 4, 3)).astype(float), rng.integers(-4, 5, (3, 5, 2, 4)).astype(float)
    kernel = stored.transpose(2, 3, 1, 0)
    y = conv2d_transpose(x, kernel)
    np.testing.assert_array_equal(y, tf.nn.conv2d_transpose(x, kernel, (2, 6, 7, 5), 1, "VALID"))
    one = np.zeros((1, 1, 1, 3))
    one[..., 2] = 1
    np.testing.assert_array_equal(conv2d_transpose(one, kernel)[0], stored[2].transpose(1, 2, 0))


def test_row_19_sizes():
    """same: n*s; valid: n*s + max(k - s, 0); pads in pixels as PyTorch and ONNX: (n-1)s - pads + d(k-1) + added + 1."""
    x, kernel = row(1, 2, 3), COUNTS[:, :2]
    for padding in ("same", "valid"):
        y = conv2d_transpose(x, kernel, strides=(1, 3), padding=padding)
        assert y.shape == (1, 1, 9, 1)
        np.testing.assert_array_equal(y, keras.ops.conv_transpose(x, kernel, strides=(1, 3), padding=padding))
    assert conv2d_transpose(x, kernel, strides=(1, 3), padding=0).shape == (1, 1, 8, 1)
    assert conv2d_transpose(x, COUNTS, strides=(1, 2)).shape[2] == 3 * 2 + 1
    pads = ((0, 0), (1, 1))
    y = conv2d_transpose(x, COUNTS, strides=(1, 2), padding=pads, output_padding=(0, 1), dilation_rate=(1, 2))
    assert y.shape[2] == (3 - 1) * 2 - 2 + 2 * (3 - 1) + 1 + 1


def test_row_20_alignment():
    """same with k=3, s=2 crops the end; PyTorch's padding=1, output_padding=1 crops the start."""
    x, end = row(1, 2, 3), [1, 10, 102, 20, 203, 30]
    y = conv2d_transpose(x, COUNTS, strides=(1, 2), padding="same")
    assert y.ravel().tolist() == end
    np.testing.assert_array_equal(y, keras.ops.conv_transpose(x, COUNTS, strides=(1, 2), padding="same"))
    torch = conv2d_transpose(x, COUNTS, strides=(1, 2), padding=((0, 0), (1, 1)), output_padding=(0, 1))
    assert torch.ravel().tolist() == [10, 102, 20, 203, 30, 300]
    for kernel, pad in ((COUNTS[:, :2], 0), (np.concatenate([COUNTS, 1000 * COUNTS[:, :1]], axis=1), 1)):
        same = conv2d_transpose(x, kernel, strides=(1, 2), padding="same")
        np.testing.assert_array_equal(same, conv2d_transpose(x, kernel, strides=(1, 2), padding=((0, 0), (pad, pad))))
