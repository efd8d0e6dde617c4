"""GoogLeNet, or Inception-v1. Szegedy et al., Going Deeper with Convolutions, arXiv:1409.4842."""

from functools import partial

from numpycnn.layers import (
    AveragePooling2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    LocalResponseNormalization,
    MaxPooling2D,
    Tensor,
)
from numpycnn.models.blocks import conv_relu, inception_module
from numpycnn.models.model import Model

__all__ = ["googlenet"]

# 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Table 1 of the paper."""


def googlenet(classes: int = 1000, input_shape=(224, 224, 3), *, auxiliary: bool = False) -> Model:
    """GoogLeNet: nine inception modules after three convolutions, and a single dense layer.

    6,998,552 parameters. With auxiliary=True the two classifiers that help in training, after modules 4a and 4d, are
    further outputs after the main one, and there are 13,378,280; the paper adds 0.3 of their losses to the main loss.

    Common implementations differ. The paper does not say how local response normalization is set: here as in AlexNet,
    in Caffe k = 1 with alpha divided by 5. torchvision's has batch normalization, no biases, and 3x3 convolutions in
    place of the 5x5 ones: 6,624,904 parameters that train.
    """
    pool = partial(MaxPooling2D, 3, strides=2, padding="same")
    normalization = partial(LocalResponseNormalization, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75)
    inputs = Input(input_shape, name="input")
    x = pool(name="pool1")(conv_relu(inputs, 64, 7, strides=2, name="conv1"))
    x = conv_relu(normalization(name="norm1")(x), 64, 1, name="conv2_reduce")
    x = conv_relu(x, 192, 3, name="conv2")
    x = pool(name="pool2")(normalization(name="norm2")(x))
    outputs = []
    for module, filters in MODULES.items():
        x = inception_module(x, *filters, name=f"inception_{module}")
        if module in ("3b", "4e"):
            x = pool(name=f"pool{module[0]}")(x)
        if auxiliary and module in ("4a", "4d"):
            outputs.append(_auxiliary_classifier(x, classes, name=f"auxiliary_{module}"))
    x = Dropout(0.4, name="dropout")(GlobalAveragePooling2D(name="pool5")(x))
    main = Dense(classes, activation="softmax", name="predictions")(x)
    return Model(inputs, [main, *outputs] if auxiliary else main, name="googlenet")


def _auxiliary_classifier(x: Tensor, classes: int, *, name: str) -> Tensor:
    """Section 5: pooling to 4x4, a 1x1 convolution, and two dense layers with much dropout between."""
    x = AveragePooling2D(5, strides=3, name=f"{name}_pool")(x)
    x = Flatten(name=f"{name}_flatten")(conv_relu(x, 128, 1, name=f"{name}_conv"))
    x = Dense(1024, activation="relu", kernel_initializer="he_normal", name=f"{name}_fc")(x)
    x = Dropout(0.7, name=f"{name}_dropout")(x)
    return Dense(classes, activation="softmax", name=f"{name}_predictions")(x)
