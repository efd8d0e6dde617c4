"""Rows 21, 22, 23, 25 and 26 of the traps: normalization. What PyTorch and ONNX give is written down, not run."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from numpycnn.ops import (
    batch_normalization,
    batch_normalization_train,
    group_normalization,
    layer_normalization,
    local_response_normalization,
    moving_average,
)


def default(function, name):
    return inspect.signature(function).parameters[name].default


def test_row_21_momentum_is_what_stays():
    """Keras keeps 0.99 of the old value, ONNX 0.9; PyTorch's momentum 0.1 is what enters, 0.9 here."""
    layer = keras.layers.BatchNormalization()
    assert layer.momentum == default(moving_average, "momentum") == 0.99
    x = np.array([[2.0], [6.0]])
    layer(x, training=True)
    _, mean, _ = batch_normalization_train(x)
    np.testing.assert_allclose(moving_average(np.zeros(1), mean), [0.04])
    np.testing.assert_allclose(layer.moving_mean.numpy(), [0.04], rtol=1e-6)
    np.testing.assert_allclose(moving_average(np.zeros(1), mean, momentum=1 - 0.1), [0.4])


def test_row_22_epsilon():
    """1e-3 in Keras, 1e-5 in PyTorch and ONNX, 1.001e-5 in keras.applications' ResNet50."""
    assert keras.layers.BatchNormalization().epsilon == default(batch_normalization, "epsilon") == 1e-3
    assert default(batch_normalization_train, "epsilon") == 1e-3
    resnet = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
    assert {a.epsilon for a in resnet.layers if isinstance(a, keras.layers.BatchNormalization)} == {1.001e-5}
    x, mean, variance = np.array([[0.1]]), np.zeros(1), np.full(1, 9e-3)
    for epsilon, y in ((1e-3, 1.0), (1e-5, 1.05351)):
        theirs = tf.nn.batch_normalization(x, mean, variance, None, None, epsilon).numpy().item()
        assert batch_normalization(x, mean, variance, epsilon=epsilon).item() == pytest.approx(theirs, rel=1e-12)
        assert theirs == pytest.approx(y, rel=1e-5)


def test_row_23_the_variance_that_is_kept():
    """Keras 3 keeps the biased variance; TensorFlow's old fused op and PyTorch keep K / (K - 1) times it."""
    x = np.array([1.0, 2.0, 4.0, 9.0], np.float32).reshape(2, 2, 1, 1)
    y, _, variance = batch_normalization_train(x)
    assert variance == 9.5
    layer = keras.layers.BatchNormalization(momentum=0.0)
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance)
    fused, _, unbiased = tf.compat.v1.nn.fused_batch_norm(x, [1.0], [0.0], epsilon=1e-3)
    np.testing.assert_allclose(unbiased, variance * 4 / 3, rtol=1e-6)
    np.testing.assert_allclose(fused, y, rtol=1e-5)  # what normalizes is biased everywhere


def test_row_25_epsilon_of_layer_normalization():
    """1e-3 in Keras, 1e-5 in PyTorch; Keras's group normalization has 1e-3 and 32 groups."""
    layer = keras.layers.LayerNormalization()
    assert layer.epsilon == default(layer_normalization, "epsilon") == 1e-3
    groups = keras.layers.GroupNormalization()
    assert groups.epsilon == default(group_normalization, "epsilon") == 1e-3
    assert groups.groups == default(group_normalization, "groups") == 32
    x = np.array([[-0.1, 0.1]])  # a variance of 0.01
    np.testing.assert_allclose(layer_normalization(x), [[-0.953463, 0.953463]], rtol=1e-6)
    np.testing.assert_allclose(layer(x), layer_normalization(x), rtol=1e-5)
    np.testing.assert_allclose(layer_normalization(x, epsilon=1e-5), [[-0.999500, 0.999500]], rtol=1e-6)
    x = np.tile(x, 32)  # 32 groups of two channels
    np.testing.assert_allclose(group_normalization(x), np.tile([[-0.953463, 0.953463]], 32), rtol=1e-6)
    np.testing.assert_allclose(groups(x), group_normalization(x), rtol=1e-5)
    np.testing.assert_allclose(group_normalization(x, epsilon=1e-5), np.tile([[-0.999500, 0.999500]], 32), rtol=1e-6)


def test_row_26_the_scale_of_local_response_normalization():
    """alpha times the sum over 2r + 1 channels; PyTorch, ONNX and Caffe divide that alpha by the number of channels."""
    names = ("depth_radius", "bias", "alpha", "beta")
    ours = [default(local_response_normalization, name) for name in names]
    theirs = [default(tf.nn.local_response_normalization, name) for name in names]
    assert ours == theirs == [5, 1, 1, 0.5]
    x = np.array([1.0, 2.0, 3.0], np.float32).reshape(1, 1, 1, 3)
    y = local_response_normalization(x, depth_radius=1, alpha=1.0, beta=1.0)
    np.testing.assert_allclose(y.ravel(), [1 / 6, 2 / 15, 3 / 14], rtol=1e-6)
    np.testing.assert_allclose(y, tf.nn.local_response_normalization(x, 1, 1.0, 1.0, 1.0), rtol=1e-5)
    pytorch = local_response_normalization(x, depth_radius=1, alpha=1.0 / 3, beta=1.0)  # size=3, alpha=1, beta=1, k=1
    np.testing.assert_allclose(pytorch.ravel(), [1 / (1 + 5 / 3), 2 / (1 + 14 / 3), 3 / (1 + 13 / 3)], rtol=1e-6)
