"""Rows 12, 32, 33 and 35 of the traps: activations. What PyTorch and ONNX give is written down, not run."""

import keras
import numpy as np
import tensorflow as tf

from numpycnn.ops import (
    hard_sigmoid,
    leaky_relu,
    maximum_backward,
    prelu,
    prelu_backward,
    relu6_backward,
    relu_backward,
    softmax,
)


def slope_of(function, x):
    """TensorFlow's derivative at one point."""
    x = tf.constant([x], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x).numpy().item()


def test_row_12_gradient_at_kinks():
    """relu'(0) = 0 and relu6'(6) = 0, but maximum(x, 0) gives all of dy to x, where PyTorch gives half."""
    one, zero, six = np.ones(1), np.zeros(1), np.full(1, 6.0)
    assert relu_backward(one, zero).item() == slope_of(tf.nn.relu, 0) == 0
    assert relu6_backward(one, zero).item() == slope_of(tf.nn.relu6, 0) == 0
    assert relu6_backward(one, six).item() == slope_of(tf.nn.relu6, 6) == 0
    dx, dother = maximum_backward(one, zero, zero)
    assert dx.item() == slope_of(lambda x: tf.maximum(x, 0), 0) == 1
    assert dother.item() == 0


def test_row_12_the_kinks_that_do_not_follow_relu():
    """leaky_relu'(0) is the slope, a limit other than 6 passes dy, prelu'(0) is 0."""
    one, zero = np.ones(1), np.zeros(1)
    assert relu_backward(one, zero, negative_slope=0.25).item() == 0.25
    assert slope_of(lambda x: tf.nn.leaky_relu(x, 0.25), 0) == 0.25
    for limit, slope in ((5, 1), (6, 0)):
        assert relu_backward(one, one * limit, max_value=limit).item() == slope
        assert slope_of(lambda x, limit=limit: keras.activations.relu(x, max_value=limit), limit) == slope
    layer = keras.layers.PReLU(keras.initializers.Constant(0.25), dtype="float64")
    assert prelu_backward(one[None], zero[None], one / 4)[0].item() == slope_of(lambda x: layer(x[None]), 0) == 0


def test_row_32_hard_sigmoid():
    """x/6 + 0.5, so that hard_sigmoid(-2.7) is 0.05, as in PyTorch; ONNX's default 0.2 x + 0.5 gives 0 there."""
    x = np.array([-2.7, -2.4])
    np.testing.assert_allclose(hard_sigmoid(x), [0.05, 0.1], rtol=1e-14)
    np.testing.assert_allclose(hard_sigmoid(x), keras.activations.hard_sigmoid(x), rtol=1e-14)
    np.testing.assert_allclose(np.clip(0.2 * x + 0.5, 0, 1), [0, 0.02], atol=1e-15)


def test_row_33_slopes_of_leaky_relu_and_prelu():
    """0.3 in Keras's layer, 0.2 in tf.nn, 0.01 in PyTorch and ONNX; PReLU has one for each element, first 0."""
    x = np.array([[-10.0, 10.0]], np.float32)
    np.testing.assert_array_equal(leaky_relu(x), keras.layers.LeakyReLU()(x))
    np.testing.assert_allclose(leaky_relu(x), [[-3, 10]], rtol=1e-7)
    np.testing.assert_array_equal(leaky_relu(x, 0.2), tf.nn.leaky_relu(x))
    np.testing.assert_allclose(leaky_relu(x, 0.01), [[-0.1, 10]], rtol=1e-7)  # PyTorch, ONNX
    layer = keras.layers.PReLU()
    y = layer(x)
    assert layer.alpha.shape == (2,)
    np.testing.assert_array_equal(prelu(x, layer.alpha.numpy()), y)
    assert prelu(x, layer.alpha.numpy()).tolist() == [[0, 10]]
    assert prelu(x, np.float32([0.25])).tolist() == [[-2.5, 10]]  # PyTorch: one slope, first 0.25


def test_row_35_softmax_is_of_the_last_axis():
    """Keras's default axis is -1; ONNX before opset 13 flattens everything after axis 1 into one row."""
    x = np.log([[[1.0, 3.0], [1.0, 1.0]]])
    np.testing.assert_allclose(softmax(x), [[[0.25, 0.75], [0.5, 0.5]]])
    np.testing.assert_allclose(softmax(x), keras.layers.Softmax(dtype="float64")(x))
    np.testing.assert_allclose(softmax(x.reshape(1, 4)).reshape(x.shape), [[[1 / 6, 1 / 2], [1 / 6, 1 / 6]]])
