"""LeNet-5, as it is built today and as it was. LeCun, Bottou, Bengio & Haffner, Proceedings of the IEEE, 1998."""

from collections import defaultdict

from numpycnn.layers import (
    Activation,
    AveragePooling2D,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Input,
    RadialBasis,
    Rescaling,
    TakeChannels,
    Tensor,
)
from numpycnn.layers.initializers import RandomUniform
from numpycnn.models.model import Model, Sequential

__all__ = ["lenet5", "lenet5_original"]

# for each map of C3 the maps of S2 that it sees
C3_TABLE = [
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
]
"""Table I of the paper, column by column."""


def lenet5(classes: int = 10, input_shape=(32, 32, 1)) -> Model:
    """LeNet-5 as it is built today: plain average pooling, C3 dense, softmax. 61,706 parameters.

    The images of MNIST, 28x28 pixels, come padded with two zeros on each side. Common implementations differ: some pad
    in C1 instead ("same"), some have max pooling or ReLU, and many call C5 a dense layer, which it is at this size.

    Source: as above; the table of Géron, Hands-On Machine Learning, 3rd ed., chapter 14, "LeNet-5".
    """
    return Sequential(
        [
            Input(input_shape, name="input"),
            Conv2D(6, 5, activation="tanh", name="C1"),
            AveragePooling2D(2, name="S2"),
            Conv2D(16, 5, activation="tanh", name="C3"),
            AveragePooling2D(2, name="S4"),
            Conv2D(120, 5, activation="tanh", name="C5"),
            Flatten(name="flatten"),
            Dense(84, activation="tanh", name="F6"),
            Dense(classes, activation="softmax", name="out"),
        ],
        name="lenet5",
    )


def lenet5_original(classes: int = 10, input_shape=(32, 32, 1)) -> Model:
    """LeNet-5 of 1998: 60,000 parameters that train, and 840 that do not.

    - S2 and S4 have a coefficient and a bias for each map, trained as well.
    - A map of C3 sees only some maps of S2 (table I): 1,516 parameters.
    - Each sum up to F6 goes through a scaled tanh.
    - The outputs are squared distances from F6 to a fixed point for each class: the least is the answer. The authors
      drew the points as pictures of the characters in black and white, 7x12 pixels of -1 and 1; here they are drawn
      at random between these.
    """
    inputs = Input(input_shape, name="input")
    x = squashed(Conv2D(6, 5, name="C1")(inputs), name="C1")
    x = subsampled(x, name="S2")
    x = squashed(sparse_conv(x, C3_TABLE, 5, name="C3"), name="C3")
    x = subsampled(x, name="S4")
    x = squashed(Conv2D(120, 5, name="C5")(x), name="C5")
    x = squashed(Dense(84, name="F6")(Flatten(name="flatten")(x)), name="F6")
    points = RadialBasis(classes, kernel_initializer=RandomUniform(-1.0, 1.0), trainable=False, name="out")
    return Model(inputs, points(x), name="lenet5_original")


def squashed(x: Tensor, *, name: str) -> Tensor:
    """1.7159 tanh(2/3 x), which is 1 at 1 and -1 at -1 (equation 6 and appendix A)."""
    x = Activation("tanh", name=f"{name}_tanh")(Rescaling(2 / 3, name=f"{name}_slope")(x))
    return Rescaling(1.7159, name=f"{name}_amplitude")(x)


def subsampled(x: Tensor, *, name: str) -> Tensor:
    """The average of 2x2 pixels, times a coefficient, plus a bias, squashed.

    A coefficient and a bias for each map is a depthwise convolution of 1x1. The authors add the four pixels up, so
    that their coefficient is a quarter of this one.
    """
    x = AveragePooling2D(2, name=f"{name}_average")(x)
    x = DepthwiseConv2D(1, depthwise_initializer="ones", name=name)(x)
    return squashed(x, name=name)


def sparse_conv(x: Tensor, table, kernel_size, *, name: str) -> Tensor:
    """A convolution in which each map sees only those of x that its row of the table lists.

    Maps that see equally many are the groups of one grouped convolution, after their channels have been laid out one
    behind the other. Rows of equal length stand together in the table.
    """
    by_length = defaultdict(list)
    for row in table:
        by_length[len(row)].append(row)
    maps = []
    for seen, rows in by_length.items():
        laid_out = TakeChannels(sum(rows, ()), name=f"{name}_from_{seen}_maps")(x)
        maps.append(Conv2D(len(rows), kernel_size, groups=len(rows), name=f"{name}_of_{seen}_maps")(laid_out))
    return Concatenate(name=name)(*maps)
