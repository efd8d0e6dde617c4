"""The three contractions of a convolution: the plain definition and the fast paths, over already checked arguments.

    correlate             images to outputs: every window times the kernel
    correlate_to_input    outputs back to images: each output spreads, times the kernel, over the pixels of its window
    correlate_to_kernel   outputs and images to the kernel: each tap sums pixel times output over all windows

Transposed convolution is the second of them read forwards. `by_taps` and `spread_by_taps` are the definition.

`way_forward` chooses how the first is computed. `columns`: the windows of a block of outputs are copied as the rows of
a matrix, which times the kernel is one matrix product, straight into the output. Where a window is a pixel, 1x1 without
strides, the images are that matrix already. `pixel_by_pixel`: a product for each tap, of pixels where they lie, added
to the outputs that see them. Groups are convolutions side by side; small ones have a way of their own
(`ops/small_groups.py`), channels first.

`way_back` chooses how the second is. `tap_by_tap` is the definition in blocks; `spread` multiplies by all taps at once,
channels first; and `gather` is the first contraction, over outputs instead of images, of the kernel turned round; with
strides it is one for each place that a pixel can have between two windows.

Measured and not better: a product for each row of taps, accumulated; columns of a whole image, or of less than
BLOCK_BYTES.
"""

from math import gcd, prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from numpycnn.ops.arguments import accumulator
from numpycnn.ops.scratch import scratch
from numpycnn.ops.small_groups import correlate_groups, correlate_groups_to_kernel
from numpycnn.ops.threads import slices
from numpycnn.ops.windows import BLOCK_BYTES, Axis, Window, add_tap, blocks, opposite, window_view

TIMES = 4
"""Blocks of columns take so many BLOCK_BYTES: larger matrix products gain nothing."""

REGROUPED_BYTES = 2 * BLOCK_BYTES
"""The channels of a group are put side by side first where they take no more."""

SMALL_GROUP = 8
"""Groups of at most so many channels are computed side by side (`small_groups`)."""

MANY = 256
"""So few pixels are computed by columns: a product for each tap would be mostly its beginning."""

SHORT, SMALL_KERNEL = 200, 2**13
"""The gradient of a kernel of so few weights is summed over so many outputs at a time, if there are at most four times
as many."""

FEW = 4
"""Channels are few where more than so many filters go to each."""


def by_taps(x, kernel, bias, window: Window, groups) -> np.ndarray:
    """The definition: for every tap of the kernel, the pixels under it times its matrix of channels by filters."""
    dtype = accumulator(x.dtype)
    y = np.zeros((len(x), *window.output_shape, kernel.shape[3]), dtype)
    for channels, own in _split(kernel, groups):
        pixels = x[..., channels].astype(dtype, copy=False)
        for a, b in window.taps:
            (rows, pixel_rows), (columns, pixel_columns) = window.rows.tap(a), window.columns.tap(b)
            y[:, rows, columns, own] += pixels[:, pixel_rows, pixel_columns] @ kernel[a, b, :, own]
    return (y if bias is None else y + bias).astype(x.dtype, copy=False)


def spread_by_taps(dy, kernel, window: Window, groups) -> np.ndarray:
    """The definition of the way back: through every tap, each output times its filters, added to the pixel under it."""
    dtype = accumulator(dy.dtype)
    dx = np.zeros((len(dy), window.rows.size, window.columns.size, kernel.shape[2] * groups), dtype)
    for channels, own in _split(kernel, groups):
        outputs = dy[..., own].astype(dtype, copy=False)
        for a, b in window.taps:
            (rows, pixel_rows), (columns, pixel_columns) = window.rows.tap(a), window.columns.tap(b)
            dx[:, pixel_rows, pixel_columns, channels] += outputs[:, rows, columns] @ kernel[a, b, :, own].T
    return dx.astype(dy.dtype, copy=False)


def correlate(x, kernel, bias, window: Window, groups, y=None) -> np.ndarray:
    """Images (N, H, W, C) to outputs (N, h, w, O), written into y where it is given."""
    wide = accumulator(x.dtype)
    shape = (len(x), *window.output_shape, kernel.shape[3])
    total = y if y is not None and y.dtype == wide else np.empty(shape, wide)
    way_forward(x, kernel, window, groups)(x, kernel, window, groups, total)
    if bias is not None:
        total += bias
    if y is None or y is total:
        return total.astype(x.dtype, copy=False)
    y[...] = total
    return y


def way_forward(x, kernel, window: Window, groups):
    """For each output and tap, `columns` copies the channels, `pixel_by_pixel` writes and adds the filters."""
    channels, filters = kernel.shape[2], kernel.shape[3] // groups
    if _side_by_side(kernel.shape, groups):
        return correlate_groups
    if any(axis.stride > 1 for axis in window) or len(window.taps) == 1 or 2 * filters > 3 * channels:
        return columns
    if prod(x.shape[:3]) < MANY or not np.isfinite(kernel.sum()):  # times the padding it is a NaN in columns
        return columns
    return pixel_by_pixel


def columns(x, kernel, window: Window, groups, y) -> None:
    """Write the outputs into y, block by block."""
    for pixels, own, part in _by_group(x, kernel, groups):
        _columns_of_group(pixels, part, window, y[..., own])


def _columns_of_group(x, kernel, window: Window, y) -> None:
    matrix = kernel.reshape(prod(kernel.shape[:3]), kernel.shape[3]).astype(y.dtype, copy=False)
    for block in _column_blocks(window, x):
        windows, part = _columns(x, window, block), y[block]
        if part.flags.c_contiguous:
            np.matmul(windows, matrix, out=part.reshape(len(windows), y.shape[3]))
        else:
            part[...] = (windows @ matrix).reshape(part.shape)


def pixel_by_pixel(x, kernel, window: Window, groups, y) -> None:
    """Write the outputs into y: pixels times a tap, added to the outputs that see them through it."""
    y[...] = 0
    for channels, own in _split(kernel, groups):
        _add_taps(x[..., channels], kernel[::-1, ::-1, :, own], opposite(window), y[..., own])


def correlate_to_input(dy, kernel, window: Window, groups) -> np.ndarray:
    """Outputs (N, h, w, O) to images (N, H, W, C)."""
    return way_back(kernel, window, groups)(dy, kernel, window, groups)


def way_back(kernel, window: Window, groups):
    """For each output and tap, `gather` copies the filters, the others write and add the channels."""
    channels, filters = kernel.shape[2], kernel.shape[3] // groups
    if len(window.taps) > 1 and FEW * channels < filters:
        return spread
    if not _is_pixels(window) and 2 * channels <= 3 * filters and not _side_by_side(kernel.shape, groups):
        return tap_by_tap
    if not np.isfinite(kernel.sum()):  # times the padding of dy it would be a NaN where no output sees the pixel
        return spread_by_taps
    return gather


def tap_by_tap(dy, kernel, window: Window, groups) -> np.ndarray:
    """The definition in blocks of outputs."""
    shape = (len(dy), window.rows.size, window.columns.size, kernel.shape[2] * groups)
    dx = np.zeros(shape, accumulator(dy.dtype))
    for pixels, own in _split(kernel, groups):
        _add_taps(dy[..., own], kernel[..., own].swapaxes(2, 3), window, dx[..., pixels])
    return dx.astype(dy.dtype, copy=False)


def _add_taps(dy, matrices, window: Window, dx) -> None:
    """The products of a block with one tap (kh, kw, O, C) are in the cache until they lie on their pixels."""
    channels = matrices.shape[3]
    for block in blocks(window, len(dy), channels * dx.itemsize):
        part = dy[block]
        outputs = part.reshape(-1, part.shape[3]).astype(dx.dtype, copy=False)
        products = scratch("products", (*part.shape[:3], channels), dx.dtype)
        for a, b in window.taps:
            np.matmul(outputs, matrices[a, b], out=products.reshape(len(outputs), channels))
            add_tap(dx, products, window, block, a, b)


def spread(dy, kernel, window: Window, groups) -> np.ndarray:
    """Every output times all taps, then each tap's products added to its pixels, channels first: rows of pixels."""
    dtype, channels = accumulator(dy.dtype), kernel.shape[2]
    dx = np.empty((len(dy), window.rows.size, window.columns.size, channels * groups), dy.dtype)
    for images in slices(len(dx), window.rows.size * window.columns.size * channels * dtype.itemsize):
        for pixels, own in _split(kernel, groups):
            outputs, group_kernel = dy[images][..., own], kernel[..., own]
            total = np.zeros((channels, len(outputs), *dx.shape[1:3]), dtype)
            matrix = group_kernel.reshape(prod(kernel.shape[:3]), -1).astype(dtype, copy=False)
            for block in blocks(window, len(outputs), len(matrix) * dtype.itemsize, TIMES):
                part = outputs[block].astype(dtype, copy=False)
                products = scratch("products", (*kernel.shape[:3], *part.shape[:3]), dtype)
                np.matmul(matrix, part.reshape(-1, part.shape[3]).T, out=products.reshape(len(matrix), -1))
                for a, b in window.taps:
                    add_tap(np.moveaxis(total, 0, 3), np.moveaxis(products[a, b], 0, 3), window, block, a, b)
            dx[images][..., pixels] = np.moveaxis(total, 0, 3)
    return dx


def gather(dy, kernel, window: Window, groups) -> np.ndarray:
    """One correlation for each place between two windows.

    Pixel p = r + s*u is seen by output i through tap a where i*s + a*d - before = p. For one remainder r these are
    every (s/g)-th tap, and going to the next of them is going back d/g outputs, with g the common divisor of s and d:
    a correlation over u of the outputs with those taps in reverse.
    """
    dx = np.empty((len(dy), window.rows.size, window.columns.size, kernel.shape[2] * groups), dy.dtype)
    turned = _turned(kernel, groups)
    for i, (row_taps, rows) in enumerate(_phases(window.rows)):
        for j, (column_taps, cols) in enumerate(_phases(window.columns)):
            phase = dx[:, i :: window.rows.stride, j :: window.columns.stride]
            if not row_taps or not column_taps:
                phase[...] = 0
                continue
            taps = turned[np.ix_(row_taps, column_taps)]
            correlate(dy, taps, None, Window(rows, cols), groups, phase)
    return dx


def _phases(axis: Axis) -> list[tuple[list[int], Axis]]:
    """For each remainder of a pixel by the stride: the taps that see it, the last first, and how they slide."""
    found = []
    for r in range(axis.stride):
        taps = [a for a in range(axis.kernel) if (r + axis.before - a * axis.dilation) % axis.stride == 0]
        step, pixels = axis.dilation // gcd(axis.dilation, axis.stride), max(0, -(-(axis.size - r) // axis.stride))
        taps.reverse()
        first = (r + axis.before - taps[0] * axis.dilation) // axis.stride if taps else 0
        after = pixels - 1 + first + step * (len(taps) - 1) - (axis.output - 1)
        found.append((taps, Axis(axis.output, len(taps), 1, step, -first, after, pixels)))
    return found


def _turned(kernel, groups) -> np.ndarray:
    """(kh, kw, C/g, O) -> (kh, kw, O/g, C): channels and filters exchanged within each group."""
    kh, kw, channels, filters = kernel.shape
    split = kernel.reshape(kh, kw, channels, groups, filters // groups)
    return split.transpose(0, 1, 4, 3, 2).reshape(kh, kw, filters // groups, groups * channels)


def correlate_to_kernel(dy, x, kernel_shape, window: Window, groups) -> np.ndarray:
    """Outputs (N, h, w, O) and images (N, H, W, C) to the kernel (kh, kw, C/g, O)."""
    if _side_by_side(kernel_shape, groups):
        return correlate_groups_to_kernel(dy, x, kernel_shape, window, groups)
    dkernel = np.zeros(kernel_shape, accumulator(x.dtype))
    for pixels, own, part in _by_group(x, dkernel, groups):
        outputs, filters = dy[..., own], part.shape[-1]
        total = part.reshape(-1, filters) if groups == 1 else np.zeros((prod(part.shape[:-1]), filters), part.dtype)
        first = True
        for block in _column_blocks(window, pixels):
            windows = _columns(pixels, window, block)
            own_outputs = outputs[block].reshape(len(windows), filters).astype(part.dtype, copy=False)
            for rows in _summed(len(windows), total.size):
                if first:
                    np.matmul(windows[rows].T, own_outputs[rows], out=total)
                else:
                    total += windows[rows].T @ own_outputs[rows]
                first = False
        if groups > 1:
            dkernel[..., own] = total.reshape(part.shape)
    return dkernel.astype(x.dtype, copy=False)


def _summed(rows: int, kernel_size: int) -> list[slice]:
    """The rows of a block that are summed at a time: few where that costs little, since short sums round less."""
    step = SHORT if rows <= 4 * SHORT and kernel_size <= SMALL_KERNEL else rows
    return [slice(start, min(start + step, rows)) for start in range(0, rows, max(1, step))]


def sum_per_channel(dy) -> np.ndarray:
    """The gradient of a bias: dy summed over every axis but the last, never narrower than float32.

    Axis by axis: short sums round less than one long one.
    """
    total = dy.astype(accumulator(dy.dtype), copy=False)
    while total.ndim > 1:
        total = total.sum(axis=-2)
    return total.astype(dy.dtype, copy=False)


def _by_group(x, kernel, groups):
    """For each group: its channels of x, which of the filters are its own, and its kernel."""
    if groups == 1:
        yield x, slice(None), kernel
        return
    for channels, own in _split(kernel, groups):
        pixels = x[..., channels]
        yield np.ascontiguousarray(pixels) if pixels.nbytes <= REGROUPED_BYTES else pixels, own, kernel[..., own]


def _side_by_side(kernel_shape, groups) -> bool:
    """Whether the groups are so small that a product for each would be mostly its beginning."""
    return groups > 1 and kernel_shape[2] <= SMALL_GROUP and prod(kernel_shape) > 0


def _split(kernel, groups) -> list[tuple[slice, slice]]:
    """For each group: its channels and its filters."""
    channels, filters = kernel.shape[2], kernel.shape[3] // groups
    return [(slice(g * channels, (g + 1) * channels), slice(g * filters, (g + 1) * filters)) for g in range(groups)]


def _is_pixels(window) -> bool:
    """Whether every window is one pixel and every pixel a window."""
    return all(axis[1:] == (1, 1, 1, 0, 0, axis.size) for axis in window)


def _columns(x, window, block) -> np.ndarray:
    """The block's windows as rows: (images*rows*columns, kh*kw*C); no copy where a window is a pixel."""
    windows, dtype = window_view(x, window, block), accumulator(x.dtype)
    if not windows.flags.c_contiguous or windows.dtype != dtype:
        windows = _copied(windows, scratch("columns", windows.shape, dtype))
    return windows.reshape(prod(windows.shape[:3]), prod(windows.shape[3:]))


def _copied(windows, copy) -> np.ndarray:
    """The windows in another place; a row of taps that lie side by side goes as one item, which is twice as fast."""
    *around, taps, channels = windows.shape
    step = windows.itemsize
    if windows.dtype == copy.dtype and windows.strides[4:] == (channels * step, step) and windows.size:
        row = np.dtype((np.void, taps * channels * step))
        rows = as_strided(windows, (*around, taps * channels), (*windows.strides[:4], step))
        copy.reshape(rows.shape).view(row)[...] = rows.view(row)
    else:
        copy[...] = windows
    return copy


def _column_blocks(window, x):
    """Blocks of columns within TIMES BLOCK_BYTES."""
    if _is_pixels(window) and x.flags.c_contiguous:
        return blocks(window, len(x), 1, max(TIMES, -(-x.size // BLOCK_BYTES)))  # one block: x as it is
    return blocks(window, len(x), len(window.taps) * x.shape[3] * accumulator(x.dtype).itemsize, TIMES)
