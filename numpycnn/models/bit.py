"""Big Transfer. Kolesnikov et al., Big Transfer (BiT): General Visual Representation Learning, arXiv:1912.11370."""

from collections.abc import Sequence
from functools import partial

from numpycnn.layers import Dense, GlobalAveragePooling2D, GroupNormalization, Input, ReLU, StandardizedConv2D, Tensor
from numpycnn.models.blocks import conv, max_pool, preactivation_bottleneck
from numpycnn.models.model import Model

__all__ = ["bit_resnet50x1", "bit_resnet50x3"]

standardized = partial(conv, layer=StandardizedConv2D)


def bit_resnet50x1(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """BiT's ResNet-50: 25,549,352 parameters. As `bit_resnet50x3`, with ResNet-50's own number of filters."""
    return _bit("bit_resnet50x1", (3, 4, 6, 3), 1, classes, input_shape)


def bit_resnet50x3(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """BiT's ResNet-50x3: ResNet-50 v2 with three times as many filters in every layer, made for any batch size.

    217,319,080 parameters, all of which train, as in BiT's own code and timm's resnetv2_50x3_bit. Group normalization
    with 32 groups stands for batch normalization, and every convolution standardizes its weights. Unlike Keras's
    ResNet v2 the first unit of a stage takes the stride, and no convolution has a bias. BiT's root pools over zeros,
    which here count: nothing has cut off what is negative before. Keras's epsilon of group normalization is 1e-3, here
    it is 1e-5. BiT-M, trained on ImageNet-21k, has 21,843 classes.
    """
    return _bit("bit_resnet50x3", (3, 4, 6, 3), 3, classes, input_shape)


def _bit(name: str, units: Sequence[int], width: int, classes: int, input_shape) -> Model:
    unit = partial(preactivation_bottleneck, norm_relu=group_norm_relu, conv=standardized, use_bias=False)
    inputs = Input(input_shape, name="input")
    x = standardized(inputs, 64 * width, 7, strides=2, padding="even", name="root_conv")
    x = max_pool(x, 3, strides=2, padding="even", name="root_pool")
    for stage, count in enumerate(units):
        for number in range(count):
            strides = 2 if stage > 0 and number == 0 else 1
            x = unit(x, 64 * width * 2**stage, strides=strides, name=f"block{stage + 1}_unit{number + 1}")
    x = GlobalAveragePooling2D(name="avg_pool")(group_norm_relu(x, name="head"))
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name=name)


def group_norm_relu(x: Tensor, *, name: str) -> Tensor:
    """Group normalization in 32 groups, and ReLU."""
    return ReLU(name=f"{name}_relu")(GroupNormalization(32, epsilon=1e-5, name=f"{name}_gn")(x))
