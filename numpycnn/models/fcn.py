"""Fully convolutional networks for segmentation. Long, Shelhamer & Darrell, arXiv:1411.4038."""

from numpycnn.layers import Add, Conv2D, Conv2DTranspose, Dropout, Input, Softmax, Tensor
from numpycnn.layers.bilinear import Bilinear
from numpycnn.models.model import Model
from numpycnn.models.vgg import vgg_stages

__all__ = ["fcn8s", "fcn16s", "fcn32s"]


def fcn32s(classes: int = 21, input_shape=(224, 224, 3), filters: int = 64, units: int = 4096) -> Model:
    """FCN-32s: VGG-16 made convolutional, and its 1/32 scores enlarged 32 times at once.

    136,152,917 parameters for VOC's 21 classes. Every pixel gets probabilities (height, width, classes). Sizes must be
    multiples of 32: here everything is padded "same", where the paper pads the image with 100 pixels and crops. The
    enlarging starts as bilinear interpolation and is trained on.

    Args: classes; input_shape; filters: of the first stage, doubled from stage to stage up to 8 times as many;
        units: of the two convolutions that were dense.
    """
    return _fcn("fcn32s", classes, input_shape, filters, units, skips=())


def fcn16s(classes: int = 21, input_shape=(224, 224, 3), filters: int = 64, units: int = 4096) -> Model:
    """FCN-16s: as `fcn32s`, with the scores of the fourth pooling added at 1/16, then enlarged 16 times."""
    return _fcn("fcn16s", classes, input_shape, filters, units, skips=(4,))


def fcn8s(classes: int = 21, input_shape=(224, 224, 3), filters: int = 64, units: int = 4096) -> Model:
    """FCN-8s: as `fcn16s`, with the scores of the third pooling added at 1/8 as well, then enlarged 8 times."""
    return _fcn("fcn8s", classes, input_shape, filters, units, skips=(4, 3))


def _fcn(name: str, classes: int, input_shape, filters: int, units: int, skips: tuple[int, ...]) -> Model:
    inputs = x = Input(input_shape, name="input")
    pools = {}
    for stage, layers in enumerate(vgg_stages((2, 2, 3, 3, 3), filters), 1):
        for layer in layers:
            x = layer(x)
        pools[stage] = x
    for fc, kernel_size in (("fc6", 7), ("fc7", 1)):
        x = Conv2D(units, kernel_size, padding="same", activation="relu", kernel_initializer="he_normal", name=fc)(x)
        x = Dropout(0.5, name=f"{fc}_dropout")(x)
    x = Conv2D(classes, 1, name="score")(x)
    for stage in skips:
        scores = Conv2D(classes, 1, name=f"score_pool{stage}")(pools[stage])
        x = Add(name=f"fuse_pool{stage}")(enlarged(x, 2, name=f"upscore_pool{stage}"), scores)
    x = enlarged(x, 32 // 2 ** len(skips), name="upscore")
    return Model(inputs, Softmax(name="probabilities")(x), name=name)


def enlarged(x: Tensor, factor: int, *, name: str) -> Tensor:
    """A transposed convolution that starts as bilinear interpolation, each channel by itself."""
    channels = x.shape[-1]
    layer = Conv2DTranspose(
        channels, 2 * factor - factor % 2, factor, "same", use_bias=False, kernel_initializer=Bilinear(), name=name
    )
    return layer(x)
