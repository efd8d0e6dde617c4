"""U-Net. Ronneberger, Fischer & Brox, arXiv:1505.04597."""

from functools import partial

from numpycnn.layers import Concatenate, Conv2D, Conv2DTranspose, Input, MaxPooling2D, Tensor
from numpycnn.models.model import Model

__all__ = ["unet"]


def unet(classes: int = 2, input_shape=(256, 256, 1), filters: int = 64, depth: int = 4) -> Model:
    """U-Net: down through `depth` poolings and up again, what was seen on the way down joined on the way up.

    31,030,658 parameters. Probabilities (height, width, classes). Sizes must be multiples of 2^depth: convolutions are
    padded "same", where the paper's shrink the image from 572 to 388 pixels and crop what is joined.
    """
    inputs = x = Input(input_shape, name="input")
    seen = []
    for level in range(depth):
        x = two_convolutions(x, filters * 2**level, name=f"down{level + 1}")
        seen.append(x)
        x = MaxPooling2D(2, name=f"down{level + 1}_pool")(x)
    x = two_convolutions(x, filters * 2**depth, name="bottom")
    for level in reversed(range(depth)):
        x = Conv2DTranspose(filters * 2**level, 2, 2, kernel_initializer="he_normal", name=f"up{level + 1}")(x)
        x = Concatenate(name=f"up{level + 1}_join")(seen[level], x)
        x = two_convolutions(x, filters * 2**level, name=f"up{level + 1}")
    return Model(inputs, Conv2D(classes, 1, activation="softmax", name="probabilities")(x), name="unet")


def two_convolutions(x: Tensor, filters: int, *, name: str) -> Tensor:
    """Two convolutions of 3x3 with ReLU."""
    conv = partial(Conv2D, filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")
    return conv(name=f"{name}_conv2")(conv(name=f"{name}_conv1")(x))
