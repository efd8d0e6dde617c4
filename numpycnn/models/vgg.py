"""The networks of the Visual Geometry Group. Simonyan & Zisserman, arXiv:1409.1556."""

from collections.abc import Sequence
from functools import partial

from numpycnn.layers import Conv2D, Dense, Dropout, Flatten, Input, Layer, MaxPooling2D
from numpycnn.models.model import Model, Sequential

__all__ = ["vgg16", "vgg19"]


def vgg16(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """VGG-16: 2, 2, 3, 3 and 3 convolutions of 3x3 between poolings, then three dense layers (table 1, column D).

    138,357,544 parameters. Column C of the table, with 1x1 convolutions, has 16 layers as well and is not this one.
    Keras leaves out the paper's dropout after the first two dense layers; torchvision has it, and flattens channels
    first (trap 14).
    """
    return _vgg("vgg16", (2, 2, 3, 3, 3), classes, input_shape)


def vgg19(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """VGG-19: as `vgg16` with 2, 2, 4, 4 and 4 convolutions (table 1, column E): 143,667,240 parameters."""
    return _vgg("vgg19", (2, 2, 4, 4, 4), classes, input_shape)


def _vgg(name: str, convolutions: Sequence[int], classes: int, input_shape) -> Model:
    dense = partial(Dense, 4096, activation="relu", kernel_initializer="he_normal")
    layers = [Input(input_shape, name="input")]
    layers += [layer for stage in vgg_stages(convolutions) for layer in stage]
    layers += [Flatten(name="flatten")]
    for fc in ("fc6", "fc7"):
        layers += [dense(name=fc), Dropout(0.5, name=f"{fc}_dropout")]
    return Sequential([*layers, Dense(classes, activation="softmax", name="fc8")], name=name)


def vgg_stages(convolutions: Sequence[int], filters: int = 64) -> list[list[Layer]]:
    """The layers of each stage: so many convolutions, and a pooling that halves the image.

    The first stage has so many filters, each later one twice those of the one before, but 8 times the first at most.
    """
    conv = partial(Conv2D, kernel_size=3, padding="same", activation="relu", kernel_initializer="he_normal")
    return [
        [
            *(conv(filters * min(2**stage, 16) // 2, name=f"conv{stage}_{number}") for number in range(1, count + 1)),
            MaxPooling2D(2, name=f"pool{stage}"),
        ]
        for stage, count in enumerate(convolutions, 1)
    ]
