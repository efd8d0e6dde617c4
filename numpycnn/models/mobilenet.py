"""MobileNets, versions 1 and 2: separable convolutions, alone and between thin layers."""

from collections.abc import Callable
from functools import partial

from numpycnn.layers import (
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Input,
    ReLU,
    Tensor,
)
from numpycnn.models.model import Model

__all__ = ["mobilenet", "mobilenet_v2"]

SEPARABLE = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
"""Filters and strides of the separable convolutions of MobileNet: table 1 of arXiv:1704.04861."""

BOTTLENECKS = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]
"""Expansion, channels, how often, first stride of the bottlenecks of MobileNetV2: table 2 of arXiv:1801.04381."""


def mobilenet(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """MobileNet v1: a convolution, then 13 separable ones with normalization and ReLU after each of their halves.

    4,253,864 parameters, of which 4,231,976 train, as in Keras. Common implementations differ: the paper has ReLU where
    TF-Slim and Keras have ReLU6. Keras writes the last dense layer as a 1x1 convolution, its kernel (1, 1, 1024,
    classes), and pads strided convolutions at the end, which is "same" for images of even size.

    Source: Howard et al., MobileNets, arXiv:1704.04861.
    """
    inputs = Input(input_shape, name="input")
    x = normalized(inputs, conv(32, 3, 2), name="conv1")
    for number, (filters, strides) in enumerate(SEPARABLE, 1):
        x = normalized(x, depthwise(strides), name=f"separable{number}_depthwise")
        x = normalized(x, conv(filters, 1), name=f"separable{number}_pointwise")
    x = Dropout(1e-3, name="dropout")(GlobalAveragePooling2D(name="avg_pool")(x))
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name="mobilenet")


def mobilenet_v2(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """MobileNetV2: inverted residuals, whose skip connections join the thin ends of wide units.

    3,538,984 parameters, of which 3,504,872 train, and 300,774,272 MACs, as in Keras, whose layers have the same order.
    torchvision has dropout of 0.2 before the last layer, and moving statistics that keep 0.9; Keras's keep 0.999.

    Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, arXiv:1801.04381.
    """
    inputs = Input(input_shape, name="input")
    x = normalized(inputs, conv(32, 3, 2), momentum=0.999, name="conv1")
    number = 0
    for expansion, channels, times, first_stride in BOTTLENECKS:
        for strides in (first_stride, *(1,) * (times - 1)):
            x = inverted_residual(x, expansion, channels, strides=strides, name=f"block{number}")
            number += 1
    x = normalized(x, conv(1280, 1), momentum=0.999, name="conv2")
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name="mobilenet_v2")


def inverted_residual(x: Tensor, expansion: int, channels: int, *, strides: int = 1, name: str) -> Tensor:
    """1x1 to many maps, depthwise 3x3 on each, 1x1 back to few without ReLU, beside a skip connection where it fits.

    Source: table 1 and figure 4 (d) of arXiv:1801.04381; with expansion 1 the first convolution is left out.
    """
    norm, maps = partial(normalized, momentum=0.999), x.shape[-1]
    main = norm(x, conv(expansion * maps, 1), name=f"{name}_expand") if expansion > 1 else x
    main = norm(main, depthwise(strides), name=f"{name}_depthwise")
    main = norm(main, conv(channels, 1), relu=False, name=f"{name}_project")
    return Add(name=f"{name}_add")(x, main) if strides == 1 and maps == channels else main


def normalized(
    x: Tensor, layer: Callable[..., Callable], *, relu: bool = True, momentum: float = 0.99, name: str
) -> Tensor:
    """The layer, batch normalization, and ReLU6 unless told otherwise."""
    x = BatchNormalization(momentum=momentum, name=f"{name}_bn")(layer(name=f"{name}_conv")(x))
    return ReLU(6.0, name=f"{name}_relu")(x) if relu else x


def conv(filters: int, kernel_size: int, strides: int = 1) -> Callable[..., Conv2D]:
    return partial(Conv2D, filters, kernel_size, strides, "same", use_bias=False, kernel_initializer="he_normal")


def depthwise(strides: int) -> Callable[..., DepthwiseConv2D]:
    return partial(DepthwiseConv2D, 3, strides, "same", use_bias=False, depthwise_initializer="he_normal")
