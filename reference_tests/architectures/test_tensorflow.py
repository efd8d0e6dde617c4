"""The networks from LeNet-5 to ResNet v2 beside keras.applications and TensorFlow: every layer and gradient."""

from functools import partial

import keras
import numpy as np
import pytest

from numpycnn import models
from numpycnn.layers import Input
from numpycnn.models import Model
from numpycnn.models.blocks import (
    bottleneck_unit,
    conv,
    inception_module,
    preactivation_bottleneck,
    preactivation_unit,
    residual_unit,
)
from reference_tests.architectures.shared import SEED, agrees, agrees_with_tensorflow, called, enliven

# The same weights in keras.applications.


@pytest.mark.parametrize(
    ("name", "theirs", "last"),
    [("vgg16", "VGG16", "fc7_dropout"), ("resnet50", "ResNet50", "pool5"), ("resnet50_v2", "ResNet50V2", "pool5")],
)
def test_features_and_predictions_equal_keras_applications(name, theirs, last):
    """Weights fit in Keras's own order, and what they give is equal. The sides differ in length."""
    shape = (46, 38, 3)
    application = getattr(keras.applications, theirs)(weights=None, classes=7, input_shape=shape)
    ours, rng = getattr(models, name)(classes=7, input_shape=shape), np.random.default_rng(SEED)
    enliven(ours, rng)
    application.set_weights(ours.get_weights())
    x = rng.normal(size=(2, *shape)).astype(np.float32)
    features, predictions = keras.Model(application.input, [application.layers[-1].input, application.output])(x)
    found, largest = ours.activations(x), np.abs(features).max()
    assert np.abs(features[0] - features[1]).max() > 0.05 * largest, "two images that are alike would tell nothing"
    np.testing.assert_allclose(found[last], features, atol=1e-5 * largest)
    np.testing.assert_allclose(found[ours.names[ours.layers[-1]]], predictions, atol=1e-3)


# Every layer and gradient against TensorFlow.

VERIFIED = [
    ("lenet5", {}, (32, 33, 1)),
    ("lenet5_original", {}, (32, 33, 1)),
    ("alexnet", {"groups": 2}, (67, 75, 3)),
    ("googlenet", {"auxiliary": True}, (80, 81, 3)),
    ("resnet50", {"version": "v1.5"}, (32, 33, 3)),
    ("resnet50_v2", {}, (32, 33, 3)),
]

LARGE = [
    ("alexnet", {}, (67, 75, 3)),
    ("vgg16", {}, (32, 33, 3)),
    ("vgg19", {}, (32, 33, 3)),
    ("resnet18", {}, (33, 41, 3)),
    ("resnet50", {}, (33, 41, 3)),
    ("resnet101", {}, (33, 32, 3)),
    ("resnet152", {}, (33, 32, 3)),
    ("resnet101", {"version": "v1.5"}, (33, 32, 3)),
    ("resnet152", {"version": "v1.5"}, (33, 32, 3)),
    ("wide_resnet28_10", {}, (8, 5, 3)),
    ("wide_resnet50_2", {}, (33, 32, 3)),
    ("resnet101_v2", {}, (33, 32, 3)),
    ("resnet152_v2", {}, (33, 32, 3)),
]


@pytest.mark.parametrize("row", VERIFIED, ids=called)
def test_outputs_and_gradients_equal_tensorflow(row):
    agrees_with_tensorflow(*row)


@pytest.mark.parametrize("row", LARGE, ids=called)
@pytest.mark.slow
def test_outputs_and_gradients_of_large_networks_equal_tensorflow(row):
    agrees_with_tensorflow(*row)


BLOCKS = {
    "residual": (residual_unit, {"filters": 5}),
    "residual, smaller": (residual_unit, {"filters": 7, "strides": 2}),
    "bottleneck": (bottleneck_unit, {"filters": 3, "widening": 2}),
    "bottleneck, smaller": (bottleneck_unit, {"filters": 3, "strides": 2}),
    "bottleneck, smaller in the middle": (bottleneck_unit, {"filters": 3, "strides": 2, "stride_on_3x3": True}),
    "pre-activation": (preactivation_unit, {"filters": 12, "dropout": 0.3}),
    "pre-activation, smaller": (preactivation_unit, {"filters": 7, "strides": 2}),
    "pre-activation bottleneck": (preactivation_bottleneck, {"filters": 3}),
    "pre-activation bottleneck, smaller": (preactivation_bottleneck, {"filters": 3, "strides": 2}),
    "pre-activation bottleneck, wider": (preactivation_bottleneck, {"filters": 5, "strides": 2}),
    "inception": (partial(inception_module, f_1x1=2, reduce_3x3=3, f_3x3=4, reduce_5x5=5, f_5x5=6, pool=7), {}),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_equal_tensorflow(name):
    """Between two layers, so that what comes in has a gradient; 12 channels are 4 times 3 filters."""
    block, options = BLOCKS[name]
    inputs = Input((9, 8, 3))
    x = conv(inputs, 12, 3, name="before")
    agrees(Model(inputs, conv(block(x, name="block", **options), 5, 1, name="after")))
