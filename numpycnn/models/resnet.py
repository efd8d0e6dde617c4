"""Residual networks. He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385."""

from collections.abc import Sequence

from numpycnn.layers import Dense, GlobalAveragePooling2D, Input, MaxPooling2D
from numpycnn.models.blocks import conv_bn, residual_unit
from numpycnn.models.model import Model

__all__ = ["resnet18", "resnet34"]


def resnet18(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """ResNet-18: 2, 2, 2 and 2 basic units of 64, 128, 256 and 512 filters (table 1 of the paper)."""
    return _basic_resnet("resnet18", (2, 2, 2, 2), classes, input_shape)


def resnet34(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """ResNet-34: 3, 4, 6 and 3 basic units of 64, 128, 256 and 512 filters (table 1 of the paper).

    With 10 classes 21,306,826 parameters, of which 21,289,802 train. Common implementations differ in the padding of
    the first convolution and pooling: "same" here pads at the end for an even input, PyTorch pads 3 and 1 all around.
    """
    return _basic_resnet("resnet34", (3, 4, 6, 3), classes, input_shape)


def _basic_resnet(name: str, units: Sequence[int], classes: int, input_shape) -> Model:
    inputs = Input(input_shape, name="input")
    x = conv_bn(inputs, 64, 7, strides=2, name="conv1")
    x = MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    for stage, count in enumerate(units):
        for unit in range(count):
            strides = 2 if stage > 0 and unit == 0 else 1
            x = residual_unit(x, 64 * 2**stage, strides=strides, name=f"conv{stage + 2}_{unit + 1}")
    x = GlobalAveragePooling2D(name="pool5")(x)
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name=name)
