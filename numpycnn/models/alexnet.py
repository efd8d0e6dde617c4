"""AlexNet. Krizhevsky, Sutskever & Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012."""

from functools import partial

from numpycnn.layers import Conv2D, Dense, Dropout, Flatten, Input, LocalResponseNormalization, MaxPooling2D
from numpycnn.models.model import Model, Sequential

__all__ = ["alexnet"]


def alexnet(classes: int = 1000, input_shape=(227, 227, 3), *, groups: int = 1) -> Model:
    """AlexNet: five convolutions, the first two with local response normalization, and three dense layers.

    62,378,344 parameters. With groups=2 the original, whose C3, C6 and C7 see only the maps on their own GPU, while C5
    sees all: 60,965,224.

    The paper says 224x224 pixels, but its 55x55 maps need 227x227. Local response normalization adds up the squares of
    r = 5 neighbouring maps, two on each side: depth_radius=2 in TensorFlow, whose alpha multiplies the sum; Caffe and
    PyTorch divide alpha by 5 (trap 26), and Caffe's CaffeNet pools before it normalizes. The alexnet of torchvision
    is another network (one tower of 64, 192, 384, 256 and 256 filters, no normalization).

    Source: as above; the table of Géron, Hands-On Machine Learning, 3rd ed., chapter 14, "AlexNet".
    """
    conv = partial(Conv2D, padding="same", activation="relu", kernel_initializer="he_normal")
    pool = partial(MaxPooling2D, 3, strides=2)
    normalization = partial(LocalResponseNormalization, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75)
    dense = partial(Dense, 4096, activation="relu", kernel_initializer="he_normal")
    return Sequential(
        [
            Input(input_shape, name="input"),
            conv(96, 11, strides=4, padding="valid", name="C1"),
            normalization(name="C1_normalization"),
            pool(name="S2"),
            conv(256, 5, groups=groups, name="C3"),
            normalization(name="C3_normalization"),
            pool(name="S4"),
            conv(384, 3, name="C5"),
            conv(384, 3, groups=groups, name="C6"),
            conv(256, 3, groups=groups, name="C7"),
            pool(name="S8"),
            Flatten(name="flatten"),
            dense(name="F9"),
            Dropout(0.5, name="F9_dropout"),
            dense(name="F10"),
            Dropout(0.5, name="F10_dropout"),
            Dense(classes, activation="softmax", name="out"),
        ],
        name="alexnet",
    )
