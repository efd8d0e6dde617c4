"""Convolutions and poolings as architectures use them: padded evenly, normalized, followed by ReLU."""

from numpycnn.layers import BatchNormalization, Conv2D, MaxPooling2D, ReLU, Tensor, ZeroPadding2D

__all__ = ["bn_relu", "conv", "conv_bn", "max_pool"]


def conv(
    x: Tensor, filters: int, kernel_size, *, strides=1, padding="same", use_bias=False, layer=Conv2D, name: str
) -> Tensor:
    """Convolution by `layer`, without a bias unless told otherwise.

    padding: "same", "valid" or "even", which is (kernel_size - 1) / 2 zeros on all four sides, as PyTorch pads. Even
    padding and "same" differ where a stride of 2 meets an image of even size: "same" then pads more at the end, and
    the windows stand one pixel further on (trap 1).
    """
    x, padding = _padded(x, kernel_size, strides, padding, name)
    options = {"use_bias": use_bias, "kernel_initializer": "he_normal", "name": name}
    return layer(filters, kernel_size, strides, padding, **options)(x)


def max_pool(x: Tensor, pool_size: int, *, strides: int, padding="same", name: str) -> Tensor:
    """Max pooling, with the paddings of `conv`; even padding puts zeros around, which win over negatives (trap 8)."""
    x, padding = _padded(x, pool_size, strides, padding, name)
    return MaxPooling2D(pool_size, strides, padding, name=name)(x)


def bn_relu(
    x: Tensor, *, relu: bool = True, epsilon: float = 1e-3, momentum: float = 0.99, scale: bool = True, name: str
) -> Tensor:
    """Batch normalization, and ReLU unless told otherwise; scale=False leaves gamma out."""
    x = BatchNormalization(momentum=momentum, epsilon=epsilon, scale=scale, name=f"{name}_bn")(x)
    return ReLU(name=f"{name}_relu")(x) if relu else x


def conv_bn(
    x: Tensor,
    filters: int,
    kernel_size,
    *,
    relu: bool = True,
    epsilon: float = 1e-3,
    momentum: float = 0.99,
    scale: bool = True,
    name: str,
    **options,
) -> Tensor:
    """Convolution with the options of `conv`, batch normalization, and ReLU unless told otherwise, as `bn_relu`."""
    x = conv(x, filters, kernel_size, name=f"{name}_conv", **options)
    return bn_relu(x, relu=relu, epsilon=epsilon, momentum=momentum, scale=scale, name=name)


def _padded(x: Tensor, size, strides, padding: str, name: str) -> tuple[Tensor, str]:
    """x with zeros around it where the padding is even, and the padding that is left to do."""
    if padding != "even":
        return x, padding
    if size == 1:
        return x, "valid"
    if strides == 1 and size % 2:
        return x, "same"
    return ZeroPadding2D((size - 1) // 2, name=f"{name}_pad")(x), "valid"
