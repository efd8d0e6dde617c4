"""Convolutions straight from their formulas: every (output, tap, pixel) of an axis is asked whether it holds.

Nothing here comes from numpycnn: the sizes and pads are written out again, and the sums are made in int64.
"""

import numpy as np


def convolution_axis(size, kernel, stride, dilation, padding) -> tuple[int, int]:
    """(padding before, outputs) of a convolution over one axis; padding is a word or (before, after)."""
    extent = dilation * (kernel - 1) + 1
    if padding == "same":
        output = (size + stride - 1) // stride
        return max(0, (output - 1) * stride + extent - size) // 2, output
    before, after = (0, 0) if padding == "valid" else padding
    return before, (before + size + after - extent) // stride + 1


def transposed_axis(size, kernel, stride, dilation, padding, added) -> tuple[int, int]:
    """(pixels cropped before, outputs) of a transposed convolution over one axis; added is None or a size."""
    extent = dilation * (kernel - 1) + 1
    if padding == "same":
        output = size * stride if added is None else (size - 1) * stride + extent % 2 + added
        return max(0, (size - 1) * stride + extent - output) // 2, output
    if padding == "valid":
        return 0, (size - 1) * stride + (max(extent, stride) if added is None else extent + added)
    return padding[0], (size - 1) * stride + extent - sum(padding) + (added or 0)


def sees(outputs, kernel, pixels, stride, dilation, before) -> np.ndarray:
    """(outputs, kernel, pixels): 1 where output i sees pixel p through tap k, i*stride + k*dilation - before = p."""
    i, k, p = np.ogrid[:outputs, :kernel, :pixels]
    return (i * stride + k * dilation - before == p).astype(np.int64)


def both_axes(padding, added=None) -> list:
    """(padding, added) of rows and columns."""
    paddings = (padding,) * 2 if isinstance(padding, str) else padding
    if isinstance(padding, int):
        paddings = ((padding, padding),) * 2
    return list(zip(paddings, (None, None) if added is None else added, strict=True))


def convolution_sees(image, kernel, *, strides, padding, dilation_rate):
    """`sees` of rows and of columns."""
    axes = zip(image, kernel, strides, dilation_rate, both_axes(padding), strict=True)
    for size, taps, stride, dilation, (pads, _) in axes:
        before, outputs = convolution_axis(size, taps, stride, dilation, pads)
        yield sees(outputs, taps, size, stride, dilation, before)


def transposed_sees(image, kernel, *, strides, padding, output_padding, dilation_rate):
    """`sees` of rows and of columns of the convolution that is transposed: its pixels are what comes out."""
    axes = zip(image, kernel, strides, dilation_rate, both_axes(padding, output_padding), strict=True)
    for size, taps, stride, dilation, (pads, added) in axes:
        before, outputs = transposed_axis(size, taps, stride, dilation, pads, added)
        yield sees(size, taps, outputs, stride, dilation, before)


def conv2d(x, kernel, bias, *, groups, **geometry):
    rows, columns = convolution_sees(x.shape[1:3], kernel.shape[:2], **geometry)
    parts = zip(np.split(x, groups, axis=3), np.split(kernel, groups, axis=3), strict=True)
    y = np.concatenate([contract("ikp,jlq,npqc,klco->nijo", rows, columns, *part) for part in parts], axis=3)
    return y if bias is None else y + bias


def depthwise_conv2d(x, kernel, bias, **geometry):
    rows, columns = convolution_sees(x.shape[1:3], kernel.shape[:2], **geometry)
    y = contract("ikp,jlq,npqc,klcm->nijcm", rows, columns, x, kernel)
    y = y.reshape(*y.shape[:3], kernel.shape[2] * kernel.shape[3])
    return y if bias is None else y + bias


def conv2d_transpose(x, kernel, bias, *, groups, **geometry):
    rows, columns = transposed_sees(x.shape[1:3], kernel.shape[:2], **geometry)
    parts = zip(np.split(x, groups, axis=3), np.split(kernel, groups, axis=3), strict=True)
    y = np.concatenate([contract("ikp,jlq,nijc,kloc->npqo", rows, columns, *part) for part in parts], axis=3)
    return y if bias is None else y + bias


def contract(subscripts, *arrays):
    return np.einsum(subscripts, *(np.asarray(a, np.int64) for a in arrays), optimize="greedy")
