"""Wide residual networks: fewer units with more filters. Zagoruyko & Komodakis, arXiv:1605.07146."""

from functools import partial

from numpycnn.layers import Dense, GlobalAveragePooling2D, Input
from numpycnn.models.blocks import bn_relu, bottleneck_unit, conv, preactivation_unit
from numpycnn.models.model import Model
from numpycnn.models.resnet import VERSIONS, resnet

__all__ = ["wide_resnet28_10", "wide_resnet50_2"]


def wide_resnet28_10(classes: int = 10, input_shape=(32, 32, 3), *, dropout: float = 0.3) -> Model:
    """WRN-28-10: 28 layers, three stages of 4 basic units, 10 times as wide as the first residual networks.

    36,497,146 parameters, of which 36,479,194 train. The dropout stands in the residual block, between its two
    convolutions; its rate is the paper's for CIFAR-10 and CIFAR-100 (0.4 for SVHN). Some implementations put the
    first normalization of a unit on the skip in all units, not only where the skip is a convolution.
    """
    inputs = Input(input_shape, name="input")
    x = conv(inputs, 16, 3, name="conv1")
    for stage, filters in enumerate((160, 320, 640)):
        for number in range(4):
            strides = 2 if stage > 0 and number == 0 else 1
            x = preactivation_unit(x, filters, strides=strides, dropout=dropout, name=f"conv{stage + 2}_{number + 1}")
    x = GlobalAveragePooling2D(name="pool")(bn_relu(x, epsilon=1e-5, name="post"))
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name="wide_resnet28_10")


def wide_resnet50_2(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """WRN-50-2: ResNet-50 with twice as many filters in the middle of its bottlenecks (section 3.4 of the paper).

    68,883,240 parameters that train, as in torchvision, whose form this is: the stride on the 3x3 convolution and no
    biases ("v1.5" of `resnet50`). There is no dropout in the paper's networks for ImageNet.
    """
    unit = partial(bottleneck_unit, **VERSIONS["v1.5"], widening=2)
    conv_bn = VERSIONS["v1.5"]["conv_bn"]
    return resnet("wide_resnet50_2", (3, 4, 6, 3), unit, conv_bn, classes, input_shape)
