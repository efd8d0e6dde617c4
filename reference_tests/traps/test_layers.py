"""Rows 4, 22, 24, 25 and 33 of the traps, as the layers have them. PyTorch's and ONNX's columns are arguments here."""

import keras
import numpy as np
import pytest

from numpycnn import layers, ops
from numpycnn.layers import Input
from numpycnn.models import Model, Sequential


def alone(layer, *shape) -> Model:
    return Sequential([layer], input_shape=shape, dtype="float64")


BOTH = {"strides": (1, 2), "dilation_rate": (3, 1)}


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
def test_row_04_strides_with_dilation_are_refused(name):
    """Keras's layers refuse strides > 1 together with dilation > 1 on any axes; tf.nn allows both, as do our ops."""
    with pytest.raises(ValueError, match=f"{name}: strides > 1 and dilation_rate > 1 exclude each other; got strides"):
        getattr(layers, name)(4, (3, 2), **BOTH)
    with pytest.raises(ValueError, match="not supported"):
        getattr(keras.layers, name)(4, (3, 2), **BOTH)
    for one in BOTH:
        getattr(layers, name)(4, (3, 2), **{**BOTH, one: 1})
    assert ops.conv2d(np.ones((1, 9, 8, 5)), np.ones((3, 2, 5, 4)), **BOTH).shape == (1, 3, 4, 4)


@pytest.mark.parametrize("name", ["DepthwiseConv2D", "SeparableConv2D"])
def test_row_04_strides_with_dilation_in_depthwise_layers(name):
    """Keras 3.15 lets these two have both."""
    filters = () if name == "DepthwiseConv2D" else (4,)
    layer, theirs = (getattr(module, name)(*filters, (3, 2), **BOTH) for module in (layers, keras.layers))
    x = np.random.default_rng(0).normal(size=(1, 9, 8, 5))
    model, expected = alone(layer, 9, 8, 5), theirs(x)
    model.set_weights(theirs.get_weights())
    np.testing.assert_allclose(model.predict(x), expected, atol=1e-5)


def test_row_22_epsilon_of_the_batch_normalization_layer():
    """1e-3, as Keras; a network from PyTorch or ONNX says 1e-5, ResNet50 of keras.applications 1.001e-5."""
    assert layers.BatchNormalization().epsilon == keras.layers.BatchNormalization().epsilon == 1e-3
    for epsilon, y in ((1e-3, 1.0), (1e-5, 1.05351), (1.001e-5, 1.05351)):
        model = alone(layers.BatchNormalization(epsilon=epsilon), 1)
        model.set_weights([[1.0], [0.0], [0.0], [9e-3]])
        theirs = keras.layers.BatchNormalization(epsilon=epsilon, moving_variance_initializer="zeros")
        theirs.build((None, 1))
        theirs.moving_variance.assign([9e-3])
        assert model.predict([[0.1]]).item() == pytest.approx(y, rel=1e-5)
        assert float(theirs(np.array([[0.1]]))[0, 0]) == pytest.approx(y, rel=1e-5)


@pytest.mark.parametrize("trainable", [True, False])
def test_row_24_freezing_batch_normalization_is_inference(trainable):
    """With trainable=False the moving statistics normalize, and stay, even under training=True."""
    x = np.array([[1.0, 10.0], [3.0, 30.0], [8.0, 20.0]])
    weights = [np.array(pair) for pair in ((2.0, 0.5), (0.25, 1.0), (1.0, 4.0), (9.0, 16.0))]
    model = alone(layers.BatchNormalization(trainable=trainable, epsilon=0.0), 2)
    model.set_weights(weights)
    theirs = keras.layers.BatchNormalization(trainable=trainable, epsilon=0.0, dtype="float64")
    theirs.build((None, 2))
    theirs.set_weights(weights)
    y, expected = model.forward(x, training=True), theirs(x, training=True).numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    for own, their in zip(model.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(own, their, rtol=1e-12)
    inference = np.array([[2.0, 0.5]]) * (x - [1.0, 4.0]) / [3.0, 4.0] + [0.25, 1.0]
    assert np.allclose(y, inference) == (not trainable)
    assert np.array_equal(model.get_weights()[2], [1.0, 4.0]) == (not trainable)
    gradients = model.backward(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    if trainable:
        assert set(gradients.weights) == {"batch_normalization/gamma", "batch_normalization/beta"}
        np.testing.assert_allclose(gradients.inputs[0].sum(axis=0), 0, atol=1e-15)  # a shift of the batch is undone
    else:
        assert not gradients.weights
        assert not model.trainable_weights
        np.testing.assert_allclose(gradients.inputs[0], [[2 / 3, 0.0], [0.0, 0.125], [0.0, 0.0]], rtol=1e-12)


def test_row_25_epsilon_of_the_layer_normalization_layer():
    """1e-3, as Keras; PyTorch's is 1e-5."""
    assert layers.LayerNormalization().epsilon == keras.layers.LayerNormalization().epsilon == 1e-3
    x = np.array([[-0.1, 0.1]])  # a variance of 0.01
    for epsilon, y in ((1e-3, 0.953463), (1e-5, 0.999500)):
        np.testing.assert_allclose(
            alone(layers.LayerNormalization(epsilon=epsilon), 2).predict(x), [[-y, y]], rtol=1e-6
        )
        np.testing.assert_allclose(keras.layers.LayerNormalization(epsilon=epsilon)(x), [[-y, y]], rtol=1e-5)


def test_row_33_slopes_of_leaky_relu():
    """0.3 for Keras's layer, 0.2 for its activation by name and tf.nn, 0.01 in PyTorch and ONNX."""
    x = np.array([[-2.0, 0.0, 4.0]])
    for layer, theirs, y in (
        (layers.LeakyReLU(), keras.layers.LeakyReLU(), -0.6),
        (layers.Activation("leaky_relu"), keras.layers.Activation("leaky_relu"), -0.4),
        (layers.LeakyReLU(0.01), keras.layers.LeakyReLU(0.01), -0.02),
    ):
        np.testing.assert_allclose(alone(layer, 3).predict(x), [[y, 0.0, 4.0]], rtol=1e-12)
        np.testing.assert_allclose(theirs(x), [[y, 0.0, 4.0]], rtol=1e-6)
        model = alone(layer, 3)
        model.forward(x)
        np.testing.assert_allclose(model.backward(np.ones((1, 3))).inputs[0], [[-y / 2, -y / 2, 1.0]], rtol=1e-12)
    dense = layers.Dense(1, "leaky_relu", use_bias=False, kernel_initializer="ones")
    np.testing.assert_allclose(alone(dense, 1).predict([[-2.0]]), [[-0.4]], rtol=1e-12)


def test_row_33_slopes_of_prelu():
    """One slope for each value of an example, 0 at first; PyTorch has one for all, 0.25 at first."""
    shape = (6, 5, 4)
    model, theirs = alone(layers.PReLU(), *shape), keras.layers.PReLU()
    theirs.build((None, *shape))
    assert model.weights[0].shape == theirs.alpha.shape == shape
    assert not model.weights[0].value.any()
    assert not theirs.alpha.numpy().any()
    x = Input(shape)
    torch_like = layers.PReLU(layers.initializers.Constant(0.25), shared_axes=(1, 2, 3))
    model = Model(x, torch_like(x))
    assert model.weights[0].shape == (1, 1, 1)
    np.testing.assert_array_equal(model.predict(np.full((1, *shape), -2.0)), -0.5)
