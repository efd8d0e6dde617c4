"""Darknet-19 and -53, the networks under YOLO. Redmon & Farhadi, arXiv:1612.08242 and arXiv:1804.02767."""

from functools import partial

from numpycnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Input,
    LeakyReLU,
    MaxPooling2D,
    Tensor,
)
from numpycnn.models.blocks import conv
from numpycnn.models.model import Model

__all__ = ["darknet19", "darknet53"]

DARKNET19 = [
    [(32, 3)],
    [(64, 3)],
    [(128, 3), (64, 1), (128, 3)],
    [(256, 3), (128, 1), (256, 3)],
    [(512, 3), (256, 1), (512, 3), (256, 1), (512, 3)],
    [(1024, 3), (512, 1), (1024, 3), (512, 1), (1024, 3)],
]
"""Table 6 of the paper: filters and kernel size of each convolution; a pooling that halves the image between stages."""


def darknet19(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """Darknet-19: 18 convolutions with five poolings between them, and one of 1x1 whose averages are the classes.

    20,856,776 parameters, of which 20,842,376 train: 2.79 thousand million MACs, the paper's 5.58 billion operations.
    """
    inputs = Input(input_shape, name="input")
    x = darknet19_stages(inputs)[-1]
    x = Conv2D(classes, 1, kernel_initializer="he_normal", name="predictions_conv")(x)
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    return Model(inputs, Activation("softmax", name="predictions")(x), name="darknet19")


def darknet53(classes: int = 1000, input_shape=(256, 256, 3)) -> Model:
    """Darknet-53: 1, 2, 8, 8 and 4 residual units; a convolution with stride 2 begins each stage.

    41,645,640 parameters, of which 41,609,928 train (table 1 of the paper, with one dense layer at the end).
    """
    inputs = Input(input_shape, name="input")
    x = GlobalAveragePooling2D(name="avg_pool")(darknet53_stages(inputs)[-1])
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name="darknet53")


def darknet19_stages(x: Tensor) -> list[Tensor]:
    """The last maps of each of the six stages."""
    stages = []
    for stage, convolutions in enumerate(DARKNET19, 1):
        x = MaxPooling2D(2, name=f"pool{stage - 1}")(x) if stages else x
        for number, (filters, size) in enumerate(convolutions, 1):
            x = conv_bn_leaky(x, filters, size, name=f"conv{stage}_{number}")
        stages.append(x)
    return stages


def darknet53_stages(x: Tensor) -> list[Tensor]:
    """The last maps of each of the five stages, the first half as large as the image."""
    x = conv_bn_leaky(x, 32, 3, name="conv1")
    stages = []
    for stage, units in enumerate((1, 2, 8, 8, 4), 2):
        filters = 16 * 2**stage
        x = conv_bn_leaky(x, filters, 3, strides=2, name=f"conv{stage}")
        for unit in range(1, units + 1):
            x = darknet_unit(x, filters, name=f"conv{stage}_{unit}")
        stages.append(x)
    return stages


def darknet_unit(x: Tensor, filters: int, *, name: str) -> Tensor:
    """A residual unit: 1x1 to half the maps, 3x3 back; nothing after the sum."""
    main = conv_bn_leaky(x, filters // 2, 1, name=f"{name}_1")
    main = conv_bn_leaky(main, filters, 3, name=f"{name}_2")
    return Add(name=f"{name}_add")(x, main)


def conv_bn_leaky(x: Tensor, filters: int, size: int, *, strides: int = 1, momentum=0.99, name: str) -> Tensor:
    """Convolution, padded evenly, batch normalization, and leaky ReLU with a slope of 0.1.

    darknet adds 1e-6 to the deviation, here 1e-5 goes to the variance under the root, as in PyTorch's forms of YOLO.
    """
    x = conv(x, filters, size, strides=strides, padding="even", name=f"{name}_conv")
    return leaky(BatchNormalization(momentum=momentum, epsilon=1e-5, name=f"{name}_bn")(x), name=f"{name}_leaky")


def leaky(x: Tensor, *, name: str) -> Tensor:
    return LeakyReLU(negative_slope=0.1, name=name)(x)


conv_bias = partial(conv, padding="even", use_bias=True)
"""A convolution with a bias and nothing after it."""
