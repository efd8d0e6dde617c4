"""Group normalization of what goes through a layer, and standardization of the layer's own kernels.

Together they train as well as batch normalization and know no batch: both average within one example, or one filter.
"""

from numpycnn.ops.arguments import check_rank, check_shape, fail, floating, ieee, integer
from numpycnn.ops.layer_normalization import scaled, standardized, standardized_backward
from numpycnn.ops.normalization import check_channels, check_given
from numpycnn.ops.scalars import real

__all__ = [
    "group_normalization",
    "group_normalization_backward",
    "weight_standardization",
    "weight_standardization_backward",
]

KERNEL = "(kernel_height, kernel_width, channels // groups, filters)"


@ieee
def group_normalization(x, *, groups=32, gamma=None, beta=None, epsilon=1e-3):
    """Normalize each group of neighbouring channels of each example by its own statistics.

    y[n,...,c] = gamma[c] * (x[n,...,c] - mean[n,g]) / sqrt(variance[n,g] + epsilon) + beta[c],   g = c // (C/groups)

    where mean[n,g] and the biased variance[n,g] are over all pixels and all C/groups channels of the group.

    Args:
        x: (batch, ..., C), float16, float32 or float64.
        groups: how many groups the channels are split into; divides C. -1: each channel by itself (instance
            normalization). 1: all of an example together.
        gamma, beta: (C,) or None for 1 and 0.
        epsilon: a number, at least 0. Keras's own is 1e-3, PyTorch's 1e-5.

    Returns: the shape and the common dtype of the arguments.

    Raises: ValueError for a rank below 2, groups that do not divide C, gamma or beta that are not (C,), or a negative
        epsilon; TypeError for groups that are no integer.

    Source: keras.layers.GroupNormalization; Wu & He, arXiv:1803.08494.

    >>> group_normalization([[1.0, 3.0, 5.0, 5.0]], groups=2, beta=[0.0, 0.0, 2.0, 4.0], epsilon=0.5625)
    array([[-0.8,  0.8,  2. ,  4. ]])
    """
    op = "group_normalization"
    check_given(op, x=x)
    x, gamma, beta = floating(op, x=x, gamma=gamma, beta=beta)
    grouped, axes = _grouped(op, x, groups, epsilon, gamma=gamma, beta=beta)
    y, *_ = standardized(x.reshape(grouped), axes, epsilon)
    return scaled(y.reshape(x.shape), gamma, beta).astype(x.dtype, copy=False)


@ieee
def group_normalization_backward(dy, x, *, groups=32, gamma=None, beta=None, epsilon=1e-3):
    """The gradients of a loss through `group_normalization`.   Returns: dx, dgamma, dbeta.

    dx = (g - mean of g - n(x) * mean of g * n(x)) / sqrt(variance + epsilon),   g = dy * gamma, means over the group
    dgamma = sum of dy * n(x)      dbeta = sum of dy,     over all axes but the last; n(x) = (x - mean) / the same root

    >>> group_normalization_backward([[1.0, 0.0]], [[1.0, 3.0]], groups=1, epsilon=3.0)
    (array([[ 0.1875, -0.1875]]), array([-0.5,  0. ]), array([1., 0.]))
    """
    op = "group_normalization_backward"
    check_given(op, dy=dy, x=x)
    dy, x, gamma, beta = floating(op, dy=dy, x=x, gamma=gamma, beta=beta)
    grouped, axes = _grouped(op, x, groups, epsilon, gamma=gamma, beta=beta)
    check_shape(op, x.shape, "the shape of the output", dy=dy)
    normal, inverse, *_ = standardized(x.reshape(grouped), axes, epsilon)
    by_group = None if gamma is None else gamma.reshape(grouped[-2:])
    others = tuple(range(x.ndim - 1))
    dx, *learnt = standardized_backward(dy.reshape(grouped), normal, inverse, by_group, axes, others, x.shape[-1:])
    return dx.reshape(x.shape), *learnt


@ieee
def weight_standardization(kernel, *, epsilon=1e-10):
    """Bring the weights of each filter to mean 0 and variance 1, before they are convolved with.

    y[a,b,c,o] = (kernel[a,b,c,o] - mean[o]) / sqrt(variance[o] + epsilon)

    where mean[o] and the biased variance[o] are over all kh * kw * C weights of the filter.

    Args:
        kernel: (kh, kw, C, O) as of `conv2d`, float16, float32 or float64.
        epsilon: a number, at least 0. BiT's is 1e-10; the code of the first paper
            divides by the unbiased deviation + 1e-5 instead.

    Returns: the shape and dtype of kernel. A filter whose weights are all equal, as one of a single weight, becomes 0.

    Raises: ValueError for another rank or a negative epsilon.

    Source: Qiao et al., arXiv:1903.10520; Kolesnikov et al., arXiv:1912.11370.

    >>> weight_standardization([[[[1.0, 5.0], [3.0, 5.0]]]], epsilon=0.5625)
    array([[[[-0.8,  0. ],
             [ 0.8,  0. ]]]])
    """
    op = "weight_standardization"
    (kernel,) = _kernel(op, epsilon, kernel=kernel)
    y, *_ = standardized(kernel, (0, 1, 2), epsilon)
    return y.astype(kernel.dtype, copy=False)


@ieee
def weight_standardization_backward(dy, kernel, *, epsilon=1e-10):
    """The gradient of a loss through `weight_standardization`.   Returns: dkernel.

    dkernel = (dy - mean of dy - y * mean of dy * y) / sqrt(variance + epsilon), means over the filter.

    >>> weight_standardization_backward([[[[1.0], [0.0]]]], [[[[1.0], [3.0]]]], epsilon=3.0)
    array([[[[ 0.1875],
             [-0.1875]]]])
    """
    op = "weight_standardization_backward"
    dy, kernel = _kernel(op, epsilon, dy=dy, kernel=kernel)
    check_shape(op, kernel.shape, "the shape of the output", dy=dy)
    normal, inverse, *_ = standardized(kernel, (0, 1, 2), epsilon)
    dkernel, *_ = standardized_backward(dy, normal, inverse, None, (0, 1, 2), (0, 1, 2), kernel.shape[3:])
    return dkernel


# The rules.


def _grouped(op, x, groups, epsilon, **arrays) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(batch, ..., groups, C // groups), and which of its axes an example's group is averaged over."""
    check_channels(op, x, epsilon, **arrays)
    channels = x.shape[-1]
    count = integer(op, "groups", groups, least=-1)
    count = channels if count == -1 else count
    if count == 0 or channels % count:
        fail(op, f"groups must be -1 or divide the channels ({channels})", groups=groups, x=x)
    pixels = tuple(range(1, x.ndim - 1))
    return (*x.shape[:-1], count, channels // max(1, count)), (*pixels, x.ndim)


def _kernel(op, epsilon, **arrays):
    check_given(op, **arrays)
    given = floating(op, **arrays)
    check_rank(op, KERNEL, kernel=given[-1])
    real(op, "epsilon", epsilon, rule="a number, at least 0", low=0)
    return given
