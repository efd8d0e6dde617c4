"""Rows 5, 6, 8-11 and 34 of the traps: pooling. What PyTorch and ONNX give is written down, not run."""

import keras
import numpy as np
import tensorflow as tf

from numpycnn.ops import (
    avg_pool2d,
    global_avg_pool2d,
    global_max_pool2d,
    global_max_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)


def row(*numbers):
    return np.array(numbers, float).reshape(1, 1, -1, 1)


def gradient(function, x):
    """TensorFlow's gradient of the sum of the outputs."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x).numpy().ravel().tolist()


def test_row_05_the_remainder_of_a_pool():
    """ "valid" leaves over what no window reaches (PyTorch and ONNX too, unless ceil_mode); "same" covers all."""
    x = row(1, 2, 3, 4, 5)
    for padding, numbers in (("valid", [2, 4]), ("same", [2, 4, 5])):
        assert max_pool2d(x, (1, 2), padding=padding).ravel().tolist() == numbers
        assert tf.nn.max_pool2d(x, (1, 2), (1, 2), padding.upper()).numpy().ravel().tolist() == numbers
    ceil_mode = max_pool2d(x, (1, 2), padding=((0, 0), (0, 1)))
    assert ceil_mode.ravel().tolist() == [2, 4, 5]


def test_row_06_the_divisor_of_an_average_at_the_border():
    """TensorFlow and ONNX divide by the pixels in the window; PyTorch counts the padding unless told otherwise."""
    x = row(6, 12, 18)
    theirs = tf.nn.avg_pool2d(x, (1, 3), (1, 1), "SAME").numpy().ravel().tolist()
    assert avg_pool2d(x, (1, 3), strides=1, padding="same").ravel().tolist() == theirs == [9, 12, 15]
    padding = ((0, 0), (1, 1))
    assert avg_pool2d(x, (1, 3), strides=1, padding=padding).ravel().tolist() == [9, 12, 15]
    pytorch = avg_pool2d(x, (1, 3), strides=1, padding=padding, count_include_pad=True)
    assert pytorch.ravel().tolist() == [6, 12, 10]
    ones = avg_pool2d(np.ones((1, 3, 3, 1)), 3, strides=1, padding=1, count_include_pad=True)
    np.testing.assert_allclose(ones[0, :, :, 0] * 9, [[4, 6, 4], [6, 9, 6], [4, 6, 4]])


def test_row_08_padding_never_wins_a_maximum():
    """Max pooling pads with what loses to everything; zeros put around the image first beat negative pixels."""
    x = row(-3, -1, -2)
    assert max_pool2d(x, (1, 2), padding="same").ravel().tolist() == [-1, -2]
    assert tf.nn.max_pool2d(x, (1, 2), (1, 2), "SAME").numpy().ravel().tolist() == [-1, -2]
    pytorch = max_pool2d(x, (1, 2), padding=((0, 0), (1, 1)))
    assert pytorch.ravel().tolist() == [-3, -1]
    with_zeros = keras.layers.ZeroPadding2D(((0, 0), (1, 1)))(x)
    assert keras.layers.MaxPooling2D((1, 2))(with_zeros).numpy().ravel().tolist() == [0, -1]
    assert max_pool2d(np.asarray(with_zeros), (1, 2)).ravel().tolist() == [0, -1]


def test_row_09_nan_in_a_maximum():
    """A NaN is ignored, in every dtype and place; PyTorch gives NaN. A window of NaN alone gives the lowest number."""
    nan = np.nan
    for dtype in (np.float16, np.float32, np.float64):
        x = row(nan, 1, 2, nan, nan, nan).astype(dtype)
        ours = max_pool2d(x, (1, 2))
        np.testing.assert_array_equal(ours.ravel(), np.array([1, 2, np.finfo(dtype).min], dtype))
        np.testing.assert_array_equal(ours, tf.nn.max_pool2d(tf.constant(x), (1, 2), (1, 2), "VALID"))


def test_row_10_a_tie_gives_its_gradient_to_the_first():
    """The first maximum of the window in row order takes all; PyTorch too. cuDNN picks one, not always the same."""
    x = np.array([[1.0, 3.0], [3.0, 3.0]]).reshape(1, 2, 2, 1)
    assert max_pool2d_backward(np.ones((1, 1, 1, 1)), x).ravel().tolist() == [0, 1, 0, 0]
    assert gradient(lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"), x) == [0, 1, 0, 0]


def test_row_11_a_tie_in_a_reduction_is_split():
    """The maximum of a whole map splits its gradient among equals, as tf.reduce_max and PyTorch's amax."""
    x = np.array([[1.0, 3.0], [3.0, 3.0]]).reshape(1, 2, 2, 1)
    ours = global_max_pool2d_backward(np.full((1, 1), 3.0), x)
    assert ours.ravel().tolist() == [0, 1, 1, 1]
    np.testing.assert_allclose(gradient(lambda x: 3 * tf.reduce_max(x, (1, 2)), x), ours.ravel())
    layer = keras.layers.GlobalMaxPooling2D(dtype="float64")
    np.testing.assert_allclose(gradient(lambda x: 3 * layer(x), x), ours.ravel())


def test_row_34_the_shape_of_a_global_pool():
    """(batch, channels); PyTorch and ONNX keep height and width, as keepdims does here."""
    x = np.ones((2, 5, 4, 3))
    for op, layer in (
        (global_avg_pool2d, keras.layers.GlobalAveragePooling2D),
        (global_max_pool2d, keras.layers.GlobalMaxPooling2D),
    ):
        assert op(x).shape == layer()(x).shape == (2, 3)
        assert op(x, keepdims=True).shape == layer(keepdims=True)(x).shape == (2, 1, 1, 3)
        assert op(x, keepdims=True).transpose(0, 3, 1, 2).shape == (2, 3, 1, 1)
