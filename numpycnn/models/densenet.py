"""DenseNet. Huang et al., Densely Connected Convolutional Networks, arXiv:1608.06993."""

from functools import partial

from numpycnn.layers import AveragePooling2D, Concatenate, Dense, GlobalAveragePooling2D, Input, Tensor
from numpycnn.models.blocks import bn_relu, conv, conv_bn, max_pool
from numpycnn.models.model import Model

__all__ = ["densenet121"]

norm_relu = partial(bn_relu, epsilon=1.001e-5)


def densenet121(classes: int = 1000, input_shape=(224, 224, 3)) -> Model:
    """DenseNet-121: dense blocks of 6, 12, 24 and 16 layers (table 1), every layer reading all before it in its block.

    8,062,504 parameters, of which 7,978,856 train, and 2,834,161,664 MACs, as in Keras, whose layers have the same
    order. Like Keras and torchvision it pads evenly and pools the first maximum over zeros; the paper's own code in
    Torch 7 and torchvision have an epsilon of 1e-5.
    """
    x = inputs = Input(input_shape, name="input")
    x = conv_bn(x, 64, 7, strides=2, padding="even", epsilon=1.001e-5, name="conv1")
    x = max_pool(x, 3, strides=2, padding="even", name="pool1")
    for stage, layers in enumerate((6, 12, 24, 16), 2):
        x = dense_block(x, layers, growth=32, name=f"conv{stage}")
        x = transition(x, name=f"pool{stage}") if stage < 5 else x
    x = GlobalAveragePooling2D(name="avg_pool")(norm_relu(x, name="last"))
    return Model(inputs, Dense(classes, activation="softmax", name="predictions")(x), name="densenet121")


def dense_block(x: Tensor, layers: int, *, growth: int, name: str) -> Tensor:
    """Figure 1: layers that each add `growth` maps to all that were there; 1x1 convolutions narrow what they read."""
    for number in range(1, layers + 1):
        place = f"{name}_{number}"
        new = conv(norm_relu(x, name=f"{place}_1"), 4 * growth, 1, name=f"{place}_1_conv")
        new = conv(norm_relu(new, name=f"{place}_2"), growth, 3, name=f"{place}_2_conv")
        x = Concatenate(name=f"{place}_concat")(x, new)
    return x


def transition(x: Tensor, *, name: str) -> Tensor:
    """Half as many maps of half the height and width."""
    x = conv(norm_relu(x, name=name), x.shape[-1] // 2, 1, name=f"{name}_conv")
    return AveragePooling2D(2, name=f"{name}_pool")(x)
