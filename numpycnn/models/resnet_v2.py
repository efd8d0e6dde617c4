"""Residual networks with pre-activation. He et al., Identity Mappings in Deep Residual Networks, arXiv:1603.05027."""

from collections.abc import Sequence

from numpycnn.layers import Dense, GlobalAveragePooling2D, Input
from numpycnn.models.blocks import conv, max_pool, preactivation_bottleneck
from numpycnn.models.blocks.residual import keras_bn_relu
from numpycnn.models.model import Model

__all__ = ["resnet50_v2", "resnet101_v2", "resnet152_v2"]


def resnet50_v2(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """ResNet-50 v2: normalization and ReLU before each convolution, nothing on the way of the skip connections.

    25,613,800 parameters, as in Keras, whose form this is: the last unit of a stage takes the stride (TF-Slim's way),
    where the paper's own code gives it to the first unit of the next; the first convolution of each network and the
    last of each unit have biases, which the paper's have not.
    """
    return _resnet_v2("resnet50_v2", (3, 4, 6, 3), classes, input_shape)


def resnet101_v2(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """ResNet-101 v2, in the form of `resnet50_v2`: 44,675,560 parameters."""
    return _resnet_v2("resnet101_v2", (3, 4, 23, 3), classes, input_shape)


def resnet152_v2(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """ResNet-152 v2, in the form of `resnet50_v2`: 60,380,648 parameters."""
    return _resnet_v2("resnet152_v2", (3, 8, 36, 3), classes, input_shape)


def _resnet_v2(name: str, units: Sequence[int], classes: int, input_shape) -> Model:
    inputs = Input(input_shape, name="input")
    x = conv(inputs, 64, 7, strides=2, padding="even", use_bias=True, name="conv1_conv")
    x = max_pool(x, 3, strides=2, padding="even", name="pool1")
    for stage, count in enumerate(units):
        for number in range(count):
            strides = 2 if stage < 3 and number == count - 1 else 1
            x = preactivation_bottleneck(x, 64 * 2**stage, strides=strides, name=f"conv{stage + 2}_{number + 1}")
    x = GlobalAveragePooling2D(name="pool5")(keras_bn_relu(x, name="post"))
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name=name)
