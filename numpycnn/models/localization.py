"""A network that tells what is in a picture and where: one trunk with two heads."""

from numpycnn.layers import Dense, Input, Tensor
from numpycnn.models.model import Model
from numpycnn.models.xception import xception_features

__all__ = ["xception_localizer"]


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
