"""Networks that weigh their maps. Hu et al., Squeeze-and-Excitation Networks, arXiv:1709.01507."""

from functools import partial

from numpycnn.layers import AveragePooling2D, Dense, GlobalAveragePooling2D, Input, MaxPooling2D
from numpycnn.models.blocks import Step, block, bottleneck_unit, conv_bn, fork, layer, squeeze_excite
from numpycnn.models.model import Model
from numpycnn.models.resnet import resnet

__all__ = ["se_inception", "se_resnet50"]

caffe = partial(conv_bn, padding="even", epsilon=1e-5)

# 1x1, 3x3 reduce, 3x3, double 3x3 reduce, double 3x3, pool proj; 0: the path is left out, and what is left has stride 2
MODULES = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 128),
    "4d": (96, 128, 192, 160, 192, 128),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}
"""BN-Inception: figure 5 of Ioffe & Szegedy, arXiv:1502.03167."""


def se_resnet50(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """SE-ResNet-50: ResNet-50 whose bottleneck units weigh their maps before they are added to the skip connection.

    28,141,144 parameters: ResNet-50 without biases in its convolutions, 25,557,032, dense layers with biases in the
    excitations, 2,530,992, and 53,120 moving statistics; 28,088,024 of them train, the figure of PyTorch's
    implementations. As in the paper's code in Caffe the first 1x1 convolution of a stage takes the stride, and the
    first pooling pads at the end; timm's seresnet50 strides in the 3x3 convolution. Implementations without biases in
    the excitations have 16,048 parameters fewer.
    """
    unit = partial(bottleneck_unit, conv_bn=caffe, gate=squeeze_excite)
    return resnet("se_resnet50", (3, 4, 6, 3), unit, caffe, classes, input_shape, pool_padding="same")


def se_inception(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """SE-BN-Inception: each inception module weighs its maps after they were put together (figure 2).

    11,951,654 parameters, of which 11,931,622 train: BN-Inception, 11,285,224, and its excitations, 646,398. The
    authors' network in Caffe has 11,921,606, its normalization folded into a bias for each filter.

    BN-Inception is GoogLeNet with batch normalization, two 3x3 convolutions for each 5x5, and three modules instead of
    two in its third stage. The average in the fourth path is over the pixels there are, in Caffe over the padding too.
    """
    inputs = Input(input_shape, name="input")
    x = caffe(inputs, 64, 7, strides=2, name="conv1")
    x = MaxPooling2D(3, 2, "same", name="pool1")(x)
    x = caffe(x, 64, 1, name="conv2_reduce")
    x = caffe(x, 192, 3, name="conv2")
    x = MaxPooling2D(3, 2, "same", name="pool2")(x)
    for name, filters in MODULES.items():
        pool = AveragePooling2D if name != "5b" else MaxPooling2D
        x = bn_inception_module(*filters, pool=pool)(x, f"inception_{name}")
        x = squeeze_excite(x, name=f"inception_{name}")
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name="se_inception")


def bn_inception_module(
    one: int, reduce_3x3: int, three: int, reduce_double: int, double: int, proj: int, *, pool
) -> Step:
    """Two 3x3 convolutions in the place of GoogLeNet's 5x5; without a 1x1 path it halves height and width."""
    box = partial(block, caffe)
    if not one:
        return fork(
            [box(reduce_3x3, 1), box(three, 3, strides=2)],
            [box(reduce_double, 1), box(double, 3), box(double, 3, strides=2)],
            [layer(MaxPooling2D, 3, 2, "same")],
        )
    return fork(
        [box(one, 1)],
        [box(reduce_3x3, 1), box(three, 3)],
        [box(reduce_double, 1), box(double, 3), box(double, 3)],
        [layer(pool, 3, 1, "same"), box(proj, 1)],
    )
