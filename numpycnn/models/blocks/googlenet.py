"""The inception module as it first was."""

from numpycnn.layers import Concatenate, Conv2D, MaxPooling2D, Tensor

__all__ = ["conv_relu", "inception_module"]


def conv_relu(x: Tensor, filters: int, kernel_size, *, strides=1, name: str) -> Tensor:
    """Convolution with bias, and ReLU."""
    return Conv2D(filters, kernel_size, strides, "same", activation="relu", kernel_initializer="he_normal", name=name)(
        x
    )


def inception_module(
    x: Tensor, f_1x1: int, reduce_3x3: int, f_3x3: int, reduce_5x5: int, f_5x5: int, pool: int, *, name: str
) -> Tensor:
    """Four branches side by side, their maps one behind the other: 1x1, 3x3, 5x5 convolutions and max pooling.

    1x1 convolutions before the larger ones and after the pooling keep the number of maps, and so the cost, down.

    Args: the filters of each convolution, in the order of the columns of table 1.

    Source: Szegedy et al., arXiv:1409.4842, figure 2 (b).
    """
    one = conv_relu(x, f_1x1, 1, name=f"{name}_1x1")
    three = conv_relu(conv_relu(x, reduce_3x3, 1, name=f"{name}_3x3_reduce"), f_3x3, 3, name=f"{name}_3x3")
    five = conv_relu(conv_relu(x, reduce_5x5, 1, name=f"{name}_5x5_reduce"), f_5x5, 5, name=f"{name}_5x5")
    pooled = MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    pooled = conv_relu(pooled, pool, 1, name=f"{name}_pool_proj")
    return Concatenate(name=f"{name}_concat")(one, three, five, pooled)
