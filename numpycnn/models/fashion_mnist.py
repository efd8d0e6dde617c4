"""The small network that the chapter trains on Fashion-MNIST."""

from functools import partial

from numpycnn.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from numpycnn.models.model import Sequential

__all__ = ["fashion_mnist"]


def fashion_mnist(classes: int = 10, input_shape=(28, 28, 1)) -> Sequential:
    """Convolutions in pairs, twice as many filters after each pooling, then two dense layers with dropout.

    1,413,834 parameters. Source: Géron, Hands-On Machine Learning, 3rd ed., chapter 14, "CNN Architectures".
    """
    conv = partial(Conv2D, kernel_size=3, padding="same", activation="relu", kernel_initializer="he_normal")
    dense = partial(Dense, activation="relu", kernel_initializer="he_normal")
    return Sequential(
        [
            Input(input_shape, name="input"),
            conv(64, kernel_size=7),
            MaxPooling2D(),
            conv(128),
            conv(128),
            MaxPooling2D(),
            conv(256),
            conv(256),
            MaxPooling2D(),
            Flatten(),
            dense(128),
            Dropout(0.5),
            dense(64),
            Dropout(0.5),
            Dense(classes, activation="softmax"),
        ],
        name="fashion_mnist",
    )
