"""Xception. Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, arXiv:1610.02357."""

from functools import partial

from numpycnn.layers import Add, Dense, GlobalAveragePooling2D, Input, MaxPooling2D, ReLU, SeparableConv2D, Tensor
from numpycnn.models.blocks import bn_relu, conv_bn
from numpycnn.models.model import Model

__all__ = ["xception"]


def xception(classes: int = 1000, input_shape=(299, 299, 3)) -> Model:
    """Xception: inception modules driven to the end, a path for each map: separable convolutions in residual units.

    22,910,480 parameters, of which 22,855,952 train, as in Keras, whose layers have the same order. TF-Slim's and
    timm's later forms (Xception-41, -65, -71) put normalization and ReLU between the two halves of each separable
    convolution, where section 4.7 of the paper found that nothing is best.
    """
    inputs = Input(input_shape, name="input")
    x = xception_features(inputs)
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name="xception")


def xception_features(inputs: Tensor) -> Tensor:
    """Xception up to its averages over the image, (2048,), from which classes are told."""
    x = conv_bn(inputs, 32, 3, strides=2, padding="valid", name="block1_1")  # the entry flow of figure 5
    x = conv_bn(x, 64, 3, padding="valid", name="block1_2")
    x = entry_unit(x, (128, 128), first_relu=False, name="block2")
    x = entry_unit(x, (256, 256), name="block3")
    x = entry_unit(x, (728, 728), name="block4")
    for number in range(5, 13):  # the middle flow
        x = middle_unit(x, name=f"block{number}")
    x = entry_unit(x, (728, 1024), name="block13")  # the exit flow
    x = separable_bn(x, 1536, relu=True, name="block14_1")
    x = separable_bn(x, 2048, relu=True, name="block14_2")
    return GlobalAveragePooling2D(name="avg_pool")(x)


def separable_bn(x: Tensor, filters: int, *, relu: bool = False, name: str) -> Tensor:
    """Separable 3x3 convolution, batch normalization and, where asked for, ReLU."""
    separable = partial(SeparableConv2D, padding="same", use_bias=False, depthwise_initializer="he_normal")
    return bn_relu(separable(filters, 3, name=f"{name}_sepconv")(x), relu=relu, name=name)


def relu_separable_bn(x: Tensor, filters: int, *, name: str) -> Tensor:
    """ReLU, separable 3x3 convolution, batch normalization."""
    return separable_bn(ReLU(name=f"{name}_relu")(x), filters, name=name)


def entry_unit(x: Tensor, filters: tuple[int, int], *, first_relu: bool = True, name: str) -> Tensor:
    """Two separable convolutions and a pooling beside a strided 1x1 convolution."""
    first, second = filters
    main = (relu_separable_bn if first_relu else separable_bn)(x, first, name=f"{name}_1")
    main = relu_separable_bn(main, second, name=f"{name}_2")
    main = MaxPooling2D(3, 2, "same", name=f"{name}_pool")(main)
    skip = conv_bn(x, second, 1, strides=2, relu=False, name=f"{name}_skip")
    return Add(name=f"{name}_add")(main, skip)


def middle_unit(x: Tensor, *, name: str) -> Tensor:
    """Three separable convolutions beside a skip connection, nothing after they are added."""
    main = x
    for number in (1, 2, 3):
        main = relu_separable_bn(main, x.shape[-1], name=f"{name}_{number}")
    return Add(name=f"{name}_add")(main, x)
