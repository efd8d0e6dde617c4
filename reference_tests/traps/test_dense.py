"""Rows 14 and 17 of the traps: flatten and dense. What PyTorch gives is written down, not run."""

import keras
import numpy as np

from numpycnn.ops import dense, flatten

IMAGE = np.arange(12.0).reshape(1, 2, 3, 2)  # (batch, height, width, channels)


def test_row_14_flatten_runs_through_height_width_channels():
    """Channels run fastest; PyTorch and ONNX flatten channels, height, width."""
    assert flatten(IMAGE).tolist() == [list(range(12))]
    np.testing.assert_array_equal(flatten(IMAGE), keras.layers.Flatten(dtype="float64")(IMAGE))
    channels_first = flatten(IMAGE.transpose(0, 3, 1, 2))
    assert channels_first.tolist() == [[0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]]


def test_row_14_the_rows_of_the_dense_kernel_that_follows_are_permuted():
    """A kernel trained behind a channels-first flatten fits ours once its rows are put in our order."""
    kernel = np.random.default_rng(0).integers(-4, 5, (12, 5)).astype(float)
    channels_first = dense(flatten(IMAGE.transpose(0, 3, 1, 2)), kernel)
    permuted = kernel.reshape(2, 2, 3, 5).transpose(1, 2, 0, 3).reshape(12, 5)
    np.testing.assert_array_equal(dense(flatten(IMAGE), permuted), channels_first)
    assert (dense(flatten(IMAGE), kernel) != channels_first).any()


def test_row_17_dense_kernel_layout():
    """(in, out); PyTorch stores (out, in) and multiplies by its transpose."""
    x, kernel = np.array([[1.0, 10.0]]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    layer = keras.layers.Dense(3, dtype="float64")
    layer.build(x.shape)
    layer.set_weights([kernel, np.zeros(3)])
    assert layer.kernel.shape == (2, 3)
    assert dense(x, kernel).tolist() == layer(x).numpy().tolist() == [[41, 52, 63]]
    pytorch_weight = np.ascontiguousarray(kernel.T)
    assert dense(x, pytorch_weight.T).tolist() == [[41, 52, 63]]
