"""Residual networks. He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from numpycnn.layers import Dense, GlobalAveragePooling2D, Input, Tensor
from numpycnn.models.blocks import bottleneck_unit, conv_bn, max_pool, residual_unit
from numpycnn.models.model import Model

__all__ = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]

KERAS = partial(conv_bn, padding="even", use_bias=True, epsilon=1.001e-5)
TORCH = partial(conv_bn, padding="even", epsilon=1e-5)
VERSIONS: dict[str, dict[str, Any]] = {
    "v1": {"conv_bn": KERAS, "stride_on_3x3": False},
    "v1.5": {"conv_bn": TORCH, "stride_on_3x3": True},
}
"""The two forms of the bottleneck networks that are in use."""


def resnet18(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """ResNet-18: 2, 2, 2 and 2 basic units of 64, 128, 256 and 512 filters (table 1 of the paper)."""
    return resnet("resnet18", (2, 2, 2, 2), residual_unit, conv_bn, classes, input_shape, pool_padding="same")


def resnet34(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """ResNet-34: 3, 4, 6 and 3 basic units of 64, 128, 256 and 512 filters (table 1 of the paper).

    With 10 classes 21,306,826 parameters, of which 21,289,802 train. Common implementations differ in the padding of
    the first convolution and pooling: "same" here pads at the end for an even input, PyTorch pads 3 and 1 all around.
    """
    return resnet("resnet34", (3, 4, 6, 3), residual_unit, conv_bn, classes, input_shape, pool_padding="same")


def resnet50(classes: int = 1000, input_shape=(224, 224, 3), *, version: str = "v1") -> Model:
    """ResNet-50: 3, 4, 6 and 3 bottleneck units, with 64, 128, 256 and 512 filters in the middle (table 1).

    Two networks go by this name (trap 49), and `version` says which:

    - "v1", as in the paper and Keras: the first 1x1 convolution of a stage takes the stride. Its convolutions have
      biases, which batch normalization makes superfluous, and epsilon is 1.001e-5, as in Keras: 25,636,712 parameters.
    - "v1.5", as in torchvision: the 3x3 convolution takes the stride, convolutions have no bias, epsilon is 1e-5:
      25,557,032 parameters that train, and 53,120 moving statistics.

    Both pad evenly. Raises: ValueError for another version.
    """
    return _bottleneck_resnet("resnet50", (3, 4, 6, 3), version, classes, input_shape)


def resnet101(classes: int = 1000, input_shape=(224, 224, 3), *, version: str = "v1") -> Model:
    """ResNet-101: 3, 4, 23 and 3 bottleneck units (table 1); `version` as in `resnet50`."""
    return _bottleneck_resnet("resnet101", (3, 4, 23, 3), version, classes, input_shape)


def resnet152(classes: int = 1000, input_shape=(224, 224, 3), *, version: str = "v1") -> Model:
    """ResNet-152: 3, 8, 36 and 3 bottleneck units (table 1); `version` as in `resnet50`."""
    return _bottleneck_resnet("resnet152", (3, 8, 36, 3), version, classes, input_shape)


def _bottleneck_resnet(name: str, units: Sequence[int], version: str, classes: int, input_shape) -> Model:
    if version not in VERSIONS:
        raise ValueError(f"{name}: version must be one of {', '.join(VERSIONS)}; got version {version!r}.")
    form = VERSIONS[version]
    return resnet(name, units, partial(bottleneck_unit, **form), form["conv_bn"], classes, input_shape)


def resnet(
    name: str,
    units: Sequence[int],
    unit: Callable[..., Tensor],
    conv_bn: Callable[..., Tensor],
    classes: int,
    input_shape,
    *,
    pool_padding: str = "even",
):
    """Table 1 of the paper: `units` units in each of four stages, the first unit of a later stage with stride 2."""
    inputs = Input(input_shape, name="input")
    x = conv_bn(inputs, 64, 7, strides=2, name="conv1")
    x = max_pool(x, 3, strides=2, padding=pool_padding, name="pool1")
    for stage, count in enumerate(units):
        for number in range(count):
            strides = 2 if stage > 0 and number == 0 else 1
            x = unit(x, 64 * 2**stage, strides=strides, name=f"conv{stage + 2}_{number + 1}")
    x = GlobalAveragePooling2D(name="pool5")(x)
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name=name)
