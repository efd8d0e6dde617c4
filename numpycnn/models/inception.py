"""Inception networks after the first: Inception-v3, Inception-v4 and Inception-ResNet-v2.

A module is written as its figure is drawn: a fork, with one row of steps for each path. Each convolution is followed
by batch normalization and ReLU.
"""

from collections.abc import Mapping
from functools import partial

from numpycnn.layers import (
    Add,
    AveragePooling2D,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    ReLU,
    Rescaling,
    Tensor,
)
from numpycnn.models.blocks import Step, block, conv, conv_bn, fork, layer
from numpycnn.models.model import Model

__all__ = ["inception_resnet_v2", "inception_v3", "inception_v4"]

AVERAGE, MAX = layer(AveragePooling2D, 3, 1, "same"), layer(MaxPooling2D, 3, 2)


def inception_v3(classes: int = 1000, input_shape=(299, 299, 3)) -> Model:
    """Inception-v3: large convolutions made of small ones, two 3x3 for a 5x5, 1x7 and 7x1 for a 7x7.

    23,851,784 parameters, of which 23,817,352 train, as in Keras, whose layers have the same order. The network is the
    one that Google released: its stem is not quite that of table 1, one path of its first modules kept a 5x5
    convolution, and its batch normalization has no gamma. It is without the auxiliary classifier of section 4;
    torchvision has both, gamma and classifier: 27,161,264 parameters that train.

    Source: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, arXiv:1512.00567.
    """
    box = partial(block, conv_bn, scale=False)
    down = partial(box, strides=2, padding="valid")

    def around_5x5(pool: int) -> Step:
        """Figure 5, with a 5x5 convolution left."""
        return fork(
            [box(64, 1)],
            [box(48, 1), box(64, 5)],
            [box(64, 1), box(96, 3), box(96, 3)],
            [AVERAGE, box(pool, 1)],
        )

    def around_7x7(filters: int) -> Step:
        """Figure 6."""
        return fork(
            [box(192, 1)],
            [box(filters, 1), box(filters, (1, 7)), box(192, (7, 1))],
            [box(filters, 1), *(box(filters, size) for size in ((7, 1), (1, 7), (7, 1))), box(192, (1, 7))],
            [AVERAGE, box(192, 1)],
        )

    wide = fork([box(384, (1, 3))], [box(384, (3, 1))])
    around_wide = fork(  # figure 7
        [box(320, 1)],
        [box(384, 1), wide],
        [box(448, 1), box(384, 3), wide],
        [AVERAGE, box(192, 1)],
    )
    steps = {
        "conv1": down(32, 3),
        "conv2": box(32, 3, padding="valid"),
        "conv3": box(64, 3),
        "pool3": MAX,
        "conv4": box(80, 1),
        "conv5": box(192, 3, padding="valid"),
        "pool5": MAX,
        **{f"mixed{number}": around_5x5(pool) for number, pool in enumerate((32, 64, 64))},
        "mixed3": fork([down(384, 3)], [box(64, 1), box(96, 3), down(96, 3)], [MAX]),
        **{f"mixed{number}": around_7x7(filters) for number, filters in enumerate((128, 160, 160, 192), 4)},
        "mixed8": fork(
            [box(192, 1), down(320, 3)],
            [box(192, 1), box(192, (1, 7)), box(192, (7, 1)), down(192, 3)],
            [MAX],
        ),
        "mixed9": around_wide,
        "mixed10": around_wide,
    }
    return _network("inception_v3", steps, classes, input_shape)


def inception_v4(classes: int = 1000, input_shape=(299, 299, 3)) -> Model:
    """Inception-v4: a stem that forks, then 4, 7 and 3 modules of three kinds, with reductions between them.

    42,679,816 parameters that train, as in timm, and 63,136 moving statistics. TF-Slim's batch normalization has no
    gamma: 31,568 fewer. The order in which an asymmetric pair stands (1x7 before 7x1 or after) is that of the released
    network; some of the figures have it the other way round.

    Source: Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning,
        arXiv:1602.07261, figures 3 to 9.
    """
    box = partial(block, conv_bn)
    down = partial(box, strides=2, padding="valid")
    wide = fork([box(256, (1, 3))], [box(256, (3, 1))])
    a = fork(  # figure 4
        [box(96, 1)],
        [box(64, 1), box(96, 3)],
        [box(64, 1), box(96, 3), box(96, 3)],
        [AVERAGE, box(96, 1)],
    )
    b = fork(  # figure 5
        [box(384, 1)],
        [box(192, 1), box(224, (1, 7)), box(256, (7, 1))],
        [box(192, 1), box(192, (7, 1)), box(224, (1, 7)), box(224, (7, 1)), box(256, (1, 7))],
        [AVERAGE, box(128, 1)],
    )
    c = fork(  # figure 6
        [box(256, 1)],
        [box(384, 1), wide],
        [box(384, 1), box(448, (3, 1)), box(512, (1, 3)), wide],
        [AVERAGE, box(256, 1)],
    )
    steps = {
        "stem1": down(32, 3),  # figure 3
        "stem2": box(32, 3, padding="valid"),
        "stem3": box(64, 3),
        "stem4": fork([MAX], [down(96, 3)]),
        "stem5": fork(
            [box(64, 1), box(96, 3, padding="valid")],
            [box(64, 1), box(64, (1, 7)), box(64, (7, 1)), box(96, 3, padding="valid")],
        ),
        "stem6": fork([down(192, 3)], [MAX]),
        **_repeated("inception_a", a, 4),
        "reduction_a": fork([down(384, 3)], [box(192, 1), box(224, 3), down(256, 3)], [MAX]),  # figure 7
        **_repeated("inception_b", b, 7),
        "reduction_b": fork(  # figure 8
            [box(192, 1), down(192, 3)],
            [box(256, 1), box(256, (1, 7)), box(320, (7, 1)), down(320, 3)],
            [MAX],
        ),
        **_repeated("inception_c", c, 3),
    }
    return _network("inception_v4", steps, classes, input_shape, dropout=0.2)


def inception_resnet_v2(classes: int = 1000, input_shape=(299, 299, 3)) -> Model:
    """Inception-ResNet-v2: 10, 20 and 10 inception modules of three kinds, each added, scaled down, to its input.

    55,873,736 parameters, of which 55,813,192 train, as in Keras, whose layers have the same order. It is the network
    that Google released: the paper's has the stem of Inception-v4, 5, 10 and 5 modules, and 384, 1154 and 2048 maps
    that they are added to, for 320, 1088 and 2080 here. The paper's dropout before the last layer is left out.

    Source: Szegedy et al., arXiv:1602.07261, figures 15 to 20, and section 3.3 for the scaling of residuals.
    """
    box = partial(block, conv_bn, scale=False)
    down = partial(box, strides=2, padding="valid")
    a = fork([box(32, 1)], [box(32, 1), box(32, 3)], [box(32, 1), box(48, 3), box(64, 3)])
    b = fork([box(192, 1)], [box(128, 1), box(160, (1, 7)), box(192, (7, 1))])
    c = fork([box(192, 1)], [box(192, 1), box(224, (1, 3)), box(256, (3, 1))])
    steps = {
        "conv1": down(32, 3),
        "conv2": box(32, 3, padding="valid"),
        "conv3": box(64, 3),
        "pool3": MAX,
        "conv4": box(80, 1),
        "conv5": box(192, 3, padding="valid"),
        "pool5": MAX,
        "mixed_5b": fork(
            [box(96, 1)],
            [box(48, 1), box(64, 5)],
            [box(64, 1), box(96, 3), box(96, 3)],
            [AVERAGE, box(64, 1)],
        ),
        **_repeated("block35", block(scaled_residual, a, 0.17), 10),
        "mixed_6a": fork([down(384, 3)], [box(256, 1), box(256, 3), down(384, 3)], [MAX]),
        **_repeated("block17", block(scaled_residual, b, 0.1), 20),
        "mixed_7a": fork(
            [box(256, 1), down(384, 3)],
            [box(256, 1), down(288, 3)],
            [box(256, 1), box(288, 3), down(320, 3)],
            [MAX],
        ),
        **_repeated("block8", block(scaled_residual, c, 0.2), 9),
        "block8_10": block(scaled_residual, c, 1.0, relu=False),
        "conv_7b": box(1536, 1),
    }
    return _network("inception_resnet_v2", steps, classes, input_shape)


def scaled_residual(x: Tensor, module: Step, scale: float, *, relu: bool = True, name: str) -> Tensor:
    """x + scale * a 1x1 convolution, with bias, of what the module makes of x: figure 20."""
    up = conv(module(x, f"{name}_mixed"), x.shape[-1], 1, use_bias=True, name=f"{name}_conv")
    x = Add(name=f"{name}_add")(x, Rescaling(scale, name=f"{name}_scale")(up))
    return ReLU(name=f"{name}_relu")(x) if relu else x


def _repeated(name: str, step: Step, times: int) -> dict[str, Step]:
    return {f"{name}_{number + 1}": step for number in range(times)}


def _network(name: str, steps: Mapping[str, Step], classes: int, input_shape, dropout: float = 0.0) -> Model:
    x = inputs = Input(input_shape, name="input")
    for place, step in steps.items():
        x = step(x, place)
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dropout(dropout, name="dropout")(x) if dropout else x
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name=name)
