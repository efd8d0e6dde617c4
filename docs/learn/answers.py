"""Answers to exercises of the Learn pages, for `numpycnn count` and `numpycnn check` to be run on."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from numpycnn.detection import soft_non_max_suppression
from numpycnn.layers import Conv2D, Input
from numpycnn.models import Model, Sequential
from numpycnn.models.blocks import bottleneck_unit, residual_unit


def small_kernels() -> Sequential:
    """Five convolutions of 3x3 see 11x11 pixels."""
    return Sequential([Input((32, 48, 64)), *(Conv2D(64, 3) for _ in range(5))])


def one_large_kernel() -> Sequential:
    """And so does one of 11x11."""
    return Sequential([Input((32, 48, 64)), Conv2D(64, 11)])


def convolution_with_a_stride(x, kernel, bias=None, *, strides=1):
    """Windows begin at every stride only. x (batch, height, width, in), kernel (kh, kw, in, out)."""
    kh, kw, _, out = kernel.shape
    sh, sw = (strides, strides) if isinstance(strides, int) else strides
    rows, columns = (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1
    y = np.zeros((len(x), rows, columns, out), x.dtype)
    for i in range(rows):
        for j in range(columns):
            window = x[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
            y[:, i, j] = np.tensordot(window, kernel, axes=3)
    return y if bias is None else y + bias


def convolution_as_a_product(x, kernel, bias=None):
    """All windows as rows of one matrix. x (batch, height, width, in), kernel (kh, kw, in, out)."""
    kh, kw, _, out = kernel.shape
    windows = sliding_window_view(x, (kh, kw), axis=(1, 2))  # (batch, rows, columns, in, kh, kw)
    matrix = np.moveaxis(windows, 3, 5).reshape(*windows.shape[:3], -1)
    y = matrix @ kernel.reshape(-1, out)
    return y if bias is None else y + bias


def max_pooling(x, pool_size=2, *, strides=None):
    """The largest of each window, which must lie inside. x (batch, height, width, channels)."""
    ph, pw = (pool_size, pool_size) if isinstance(pool_size, int) else pool_size
    strides = pool_size if strides is None else strides
    sh, sw = (strides, strides) if isinstance(strides, int) else strides
    windows = sliding_window_view(x, (ph, pw), axis=(1, 2))[:, ::sh, ::sw]
    return np.fmax.reduce(windows, axis=(-2, -1))  # a NaN loses against a number, as in TensorFlow


def two_of_three() -> Sequential:
    """Two convolutions of 3x3."""
    return Sequential([Input((28, 36, 32)), Conv2D(32, 3), Conv2D(32, 3)])


def one_of_five() -> Sequential:
    """One convolution of 5x5."""
    return Sequential([Input((28, 36, 32)), Conv2D(32, 5)])


def pointwise(x, kernel, bias=None):
    """What a convolution of 1x1 does at each pixel: a dense layer over the channels."""
    y = x @ kernel
    return y if bias is None else y + bias


def unit_of_64() -> Model:
    """A residual unit of 64 filters."""
    image = Input((56, 48, 64))
    return Model(image, residual_unit(image, 64, name="unit"))


def bottleneck_of_64() -> Model:
    """A bottleneck unit of 64 filters on 256 maps."""
    image = Input((56, 48, 256))
    return Model(image, bottleneck_unit(image, 64, name="unit"))


def my_relu(x):
    """Negative numbers become 0; a NaN stays."""
    return np.maximum(x, 0)


def squared_error(y_true, y_pred):
    """The mean of the squares along the last axis."""
    return np.mean((y_true - y_pred) ** 2, axis=-1)


def overlap(boxes1, boxes2):
    """IoU of all pairs (n, m) of boxes x1, y1, x2, y2."""
    a = np.sort(boxes1.reshape(-1, 1, 2, 2), axis=2)  # corners in order: a box may be turned over
    b = np.sort(boxes2.reshape(1, -1, 2, 2), axis=2)
    sides = np.minimum(a[..., 1, :], b[..., 1, :]) - np.maximum(a[..., 0, :], b[..., 0, :])
    common = sides.clip(min=0).prod(axis=-1)
    union = (a[..., 1, :] - a[..., 0, :]).prod(axis=-1) + (b[..., 1, :] - b[..., 0, :]).prod(axis=-1) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def overlap_of_whole_pixels(boxes1, boxes2):
    """With a mistake of old: the corners are taken to be pixels that belong to the box, so a side is one longer."""
    one_more = np.array([0, 0, 1, 1], boxes1.dtype)
    return overlap(boxes1 + one_more, boxes2 + one_more)


def overlap_yxyx(boxes1, boxes2):
    """The same of boxes y1, x1, y2, x2."""
    return overlap(boxes1[:, [1, 0, 3, 2]], boxes2[:, [1, 0, 3, 2]])


def suppression(boxes, scores, iou_threshold=0.5):
    """The indices that are kept, best first."""
    return _suppression(boxes, scores, lambda shared: shared > iou_threshold)


def suppression_at_the_threshold(boxes, scores, iou_threshold=0.5):
    """With a mistake: it suppresses what overlaps by exactly the threshold as well."""
    return _suppression(boxes, scores, lambda shared: shared >= iou_threshold)


def soft_suppression_without_the_half(boxes, scores, max_output_size=None, *, soft_nms_sigma=0.5):
    """With a mistake: scores decay by exp(-IoU^2 / sigma), as if by half the sigma."""
    return soft_non_max_suppression(boxes, scores, max_output_size, soft_nms_sigma=soft_nms_sigma / 2)


def _suppression(boxes, scores, too_much):
    left, kept = list(np.argsort(-scores, kind="stable")), []
    while left:
        best, *rest = left
        kept.append(best)
        left = [i for i in rest if not too_much(overlap(boxes[[best]], boxes[[i]])[0, 0])]
    return np.array(kept, np.int32)


def transposed_by_zeros(x, kernel, bias=None, *, strides=1):
    """Zeros between the pixels, then a convolution with the kernel turned around. kernel (kh, kw, out, in)."""
    sh, sw = (strides, strides) if isinstance(strides, int) else strides
    kh, kw = kernel.shape[:2]
    n, height, width, channels = x.shape
    # Keras: with a stride above the kernel the last windows are there as well
    rows, columns = (height - 1) * sh + max(kh, sh), (width - 1) * sw + max(kw, sw)
    spread = np.zeros((n, rows + kh - 1, columns + kw - 1, channels), x.dtype)
    spread[:, kh - 1 : kh - 1 + (height - 1) * sh + 1 : sh, kw - 1 : kw - 1 + (width - 1) * sw + 1 : sw] = x
    return convolution_as_a_product(spread, kernel[::-1, ::-1].swapaxes(2, 3), bias)


def batch_norm_at_rest(x, mean, variance, *, gamma=None, beta=None, epsilon=1e-3):
    """Batch normalization by the moving statistics, as in a frozen layer."""
    y = (x - mean) / np.sqrt(variance + epsilon)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


def batch_norm_awake(x, mean, variance, *, gamma=None, beta=None, epsilon=1e-3):
    """With a mistake: the statistics are those of the batch."""
    axes = tuple(range(np.ndim(x) - 1))
    return batch_norm_at_rest(x, np.mean(x, axes), np.var(x, axes), gamma=gamma, beta=beta, epsilon=epsilon)
