"""The blocks that architectures are built from, each written once and read like the figure in its paper.

A block takes a symbolic tensor and gives one; `name` begins the names of its layers.
"""

from numpycnn.layers import Add, BatchNormalization, Conv2D, ReLU, Tensor

__all__ = ["conv_bn", "residual_unit"]


def conv_bn(x: Tensor, filters: int, kernel_size, *, strides=1, relu: bool = True, name: str) -> Tensor:
    """Convolution without bias, batch normalization, and ReLU unless told otherwise."""
    conv = Conv2D(
        filters, kernel_size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )
    x = BatchNormalization(name=f"{name}_bn")(conv(x))
    return ReLU(name=f"{name}_relu")(x) if relu else x


def residual_unit(x: Tensor, filters: int, *, strides: int = 1, name: str) -> Tensor:
    """The basic residual unit: two 3x3 convolutions beside a skip connection, added before the last ReLU.

    Where the size changes, the skip goes through a strided 1x1 convolution of its own, else it is the input itself.

    Source: He et al., arXiv:1512.03385, figures 2 and 5 (left), option B.
    """
    main = conv_bn(x, filters, 3, strides=strides, name=f"{name}_1")
    main = conv_bn(main, filters, 3, relu=False, name=f"{name}_2")
    same_size = strides == 1 and x.shape[-1] == filters
    skip = x if same_size else conv_bn(x, filters, 1, strides=strides, relu=False, name=f"{name}_skip")
    return ReLU(name=f"{name}_out")(Add(name=f"{name}_add")(main, skip))
