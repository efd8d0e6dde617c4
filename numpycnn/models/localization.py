"""A network that tells what is in a picture and where: one trunk with two heads."""

from numpycnn.layers import Conv2D, Dense, Flatten, Input, Tensor
from numpycnn.models.model import Model
from numpycnn.models.xception import xception_features

__all__ = ["digit_localizer", "xception_localizer"]


def digit_localizer(classes: int = 10, input_shape=(32, 32, 1)) -> Model:
    """Three strided convolutions and a dense layer under the two heads: small enough to be trained in a minute.

    123,054 parameters for 32x32 pictures. Outputs as of `xception_localizer`. Source: none; made for `digit_scenes`.
    """
    inputs = x = Input(input_shape, name="input")
    for filters in (16, 32, 64):
        x = Conv2D(filters, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = Dense(96, activation="relu", kernel_initializer="he_normal")(Flatten()(x))
    return Model(inputs, localization_heads(x, classes), name="digit_localizer")


def xception_localizer(classes: int = 5, input_shape=(224, 224, 3)) -> Model:
    """Xception with a head for the class and one for the box, both on its averages over the image.

    20,879,921 parameters for the chapter's 5 kinds of flowers. Two outputs: probabilities (classes,), and the box (4,)
    as rel_center_xywh, without an activation. `detection.localization_loss` is what it is trained with.
    Source: Géron, Hands-On Machine Learning, 3rd ed., chapter 14, "Classification and Localization".
    """
    inputs = Input(input_shape, name="input")
    return Model(inputs, localization_heads(xception_features(inputs), classes), name="xception_localizer")


def localization_heads(features: Tensor, classes: int) -> list[Tensor]:
    """The two heads on (features,): probabilities of the classes, and a box."""
    return [
        Dense(classes, activation="softmax", name="class_output")(features),
        Dense(4, name="box_output")(features),
    ]
