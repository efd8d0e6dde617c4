"""Residual units: a few convolutions beside a skip connection.

Where the size changes, the skip goes through a strided 1x1 convolution of its own, else it is the input itself.
"""

from collections.abc import Callable
from functools import partial

from numpycnn.layers import Add, Dropout, MaxPooling2D, ReLU, Tensor
from numpycnn.models.blocks.convolution import bn_relu, conv, conv_bn

__all__ = ["bottleneck_unit", "preactivation_bottleneck", "preactivation_unit", "residual_unit"]

keras_bn_relu = partial(bn_relu, epsilon=1.001e-5)
torch_bn_relu = partial(bn_relu, epsilon=1e-5)


def residual_unit(
    x: Tensor, filters: int, *, strides: int = 1, conv_bn: Callable[..., Tensor] = conv_bn, name: str
) -> Tensor:
    """The basic residual unit: two 3x3 convolutions beside a skip connection, added before the last ReLU.

    Args: conv_bn: how convolution and batch normalization are made.

    Source: He et al., arXiv:1512.03385, figures 2 and 5 (left), option B.
    """
    main = conv_bn(x, filters, 3, strides=strides, name=f"{name}_1")
    main = conv_bn(main, filters, 3, relu=False, name=f"{name}_2")
    same_size = strides == 1 and x.shape[-1] == filters
    skip = x if same_size else conv_bn(x, filters, 1, strides=strides, relu=False, name=f"{name}_skip")
    return ReLU(name=f"{name}_out")(Add(name=f"{name}_add")(main, skip))


def bottleneck_unit(
    x: Tensor,
    filters: int,
    *,
    strides: int = 1,
    stride_on_3x3: bool = False,
    widening: int = 1,
    conv_bn: Callable[..., Tensor] = conv_bn,
    gate: Callable[..., Tensor] | None = None,
    name: str,
) -> Tensor:
    """The bottleneck unit: 1x1 to few maps, 3x3 among them, 1x1 to 4 * filters maps, beside a skip connection.

    Args:
        filters, widening: there are filters * widening maps in the middle.
        stride_on_3x3: which convolution takes the stride, the first (the paper, Keras) or the middle one (PyTorch).
        conv_bn: how convolution and batch normalization are made.
        gate: what the maps go through before they are added to the skip connection, as `squeeze_excite`.

    Source: He et al., arXiv:1512.03385, figure 5 (right), option B; widening: Zagoruyko & Komodakis, arXiv:1605.07146.
    """
    first, middle = (1, strides) if stride_on_3x3 else (strides, 1)
    main = conv_bn(x, filters * widening, 1, strides=first, name=f"{name}_1")
    main = conv_bn(main, filters * widening, 3, strides=middle, name=f"{name}_2")
    main = conv_bn(main, 4 * filters, 1, relu=False, name=f"{name}_3")
    main = main if gate is None else gate(main, name=f"{name}_gate")
    same_size = strides == 1 and x.shape[-1] == 4 * filters
    skip = x if same_size else conv_bn(x, 4 * filters, 1, strides=strides, relu=False, name=f"{name}_skip")
    return ReLU(name=f"{name}_out")(Add(name=f"{name}_add")(skip, main))


def preactivation_unit(
    x: Tensor,
    filters: int,
    *,
    strides: int = 1,
    dropout: float = 0.0,
    norm_relu: Callable[..., Tensor] = torch_bn_relu,
    name: str,
) -> Tensor:
    """The basic unit with normalization and ReLU before each 3x3 convolution, and dropout between the two.

    Args: norm_relu: how normalization with ReLU is made.

    Source: Zagoruyko & Komodakis, arXiv:1605.07146, figure 1 (d); He et al., arXiv:1603.05027, figure 4 (e).
    """
    before = norm_relu(x, name=f"{name}_1")
    main = conv(before, filters, 3, strides=strides, padding="even", name=f"{name}_1_conv")
    main = Dropout(dropout, name=f"{name}_dropout")(norm_relu(main, name=f"{name}_2"))
    main = conv(main, filters, 3, name=f"{name}_2_conv")
    same_size = strides == 1 and x.shape[-1] == filters
    skip = x if same_size else conv(before, filters, 1, strides=strides, name=f"{name}_skip_conv")
    return Add(name=f"{name}_add")(skip, main)


def preactivation_bottleneck(
    x: Tensor,
    filters: int,
    *,
    strides: int = 1,
    norm_relu: Callable[..., Tensor] = keras_bn_relu,
    conv: Callable[..., Tensor] = conv,
    use_bias: bool = True,
    name: str,
) -> Tensor:
    """The bottleneck unit with normalization and ReLU before each convolution.

    A skip that only gets smaller keeps every second pixel: pooling over windows of a single one.

    Args:
        norm_relu, conv: how normalization with ReLU, and convolution, are made.
        use_bias: whether the convolutions that are added have biases, as in Keras.

    Source: He et al., arXiv:1603.05027, figures 1 (b) and 4 (e); the strided skip as in TF-Slim and Keras.
    """
    before = norm_relu(x, name=f"{name}_1")
    main = norm_relu(conv(before, filters, 1, name=f"{name}_1_conv"), name=f"{name}_2")
    main = conv(main, filters, 3, strides=strides, padding="even", name=f"{name}_2_conv")
    main = norm_relu(main, name=f"{name}_3")
    main = conv(main, 4 * filters, 1, use_bias=use_bias, name=f"{name}_3_conv")
    if x.shape[-1] != 4 * filters:
        skip = conv(before, 4 * filters, 1, strides=strides, use_bias=use_bias, name=f"{name}_skip_conv")
    else:
        skip = x if strides == 1 else MaxPooling2D(1, strides, name=f"{name}_skip_pool")(x)
    return Add(name=f"{name}_add")(skip, main)
