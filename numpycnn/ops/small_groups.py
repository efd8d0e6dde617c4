"""Convolution in groups of few channels: matrix products so small that most of the work is to lay their numbers out.

All of it is channels first, where a tap is a row of pixels and every group a matrix of a stack (`np.matmul`). The
pixels are copied once for each column of the kernel and no more: for its rows they are the same, some rows further on.
So there is a product for each row of taps, and their sum.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from numpycnn.ops import windows
from numpycnn.ops.arguments import accumulator
from numpycnn.ops.scratch import scratch
from numpycnn.ops.windows import Axis, Window, blocks, cut

TIMES = 4
"""Blocks of copied pixels take so many BLOCK_BYTES; smaller ones take longer, 1.2 times with half as many."""

TILE_BYTES = 2**16
"""Channels change places with pixels in tiles of so many bytes, whose cache lines stay at hand."""


def correlate_groups(x, kernel, window: Window, groups, y) -> None:
    """Images (N, H, W, C) to outputs (N, h, w, O), written into y."""
    kh, kw, channels, filters = kernel.shape
    matrices = kernel.reshape(kh, kw, channels, groups, -1).transpose(0, 3, 4, 2, 1)
    matrices = np.ascontiguousarray(matrices, y.dtype).reshape(kh, groups, filters // groups, channels * kw)
    for images, own, outputs in _blocks(x, window, y):
        shape = (len(images), *matrices.shape[1:3], own.rows.output * own.columns.output)
        total, product = scratch("products", (2, *shape), y.dtype)
        for a, pixels in _rows_of_taps(images, own, groups, y.dtype):
            np.matmul(matrices[a], pixels, out=product if a else total)
            if a:
                total += product
        _swap(np.moveaxis(total.reshape(len(images), filters, *outputs.shape[1:3]), 1, 3), outputs)


def correlate_groups_to_kernel(dy, x, kernel_shape, window: Window, groups) -> np.ndarray:
    """Outputs (N, h, w, O) and images (N, H, W, C) to the kernel (kh, kw, C/g, O)."""
    kh, kw, channels, filters = kernel_shape
    total = np.zeros((kh, groups, channels * kw, filters // groups), accumulator(x.dtype))
    for images, own, outputs in _blocks(x, window, dy):
        matrices = outputs.reshape(len(images), -1, groups, total.shape[3]).astype(total.dtype, copy=False)
        for a, pixels in _rows_of_taps(images, own, groups, total.dtype):
            total[a] += (pixels @ matrices.swapaxes(1, 2)).sum(axis=0)
    dkernel = total.reshape(kh, groups, channels, kw, -1).transpose(0, 3, 2, 1, 4)
    return dkernel.reshape(kernel_shape).astype(x.dtype, copy=False)


def _blocks(x, window: Window, y) -> Iterator[tuple[np.ndarray, Window, np.ndarray]]:
    """Blocks whose copied pixels, and whose products and sums, each fit: images, the window over them, and outputs."""
    rows, columns = window
    held = max(columns.kernel * x.shape[3], 2 * y.shape[3]) * accumulator(x.dtype).itemsize
    beyond = (rows.extent - 1) // rows.stride  # rows that are copied beside those of the outputs
    fit = TIMES * windows.BLOCK_BYTES // max(1, held * columns.output) - beyond
    for block in blocks(window, len(x), held + -(-held * beyond // max(1, min(rows.output, fit))), TIMES):
        pixels, own = cut(window, block)
        yield x[pixels], own, y[block]


def _rows_of_taps(x, window: Window, groups, dtype) -> Iterator[tuple[int, np.ndarray]]:
    """For every row a of taps: a matrix of its taps by outputs for every image and group, (n, g, C/g*kw, h*w)."""
    (rows, columns), (n, _, _, channels) = window, x.shape
    for taps in _sharing(rows):
        further = [(a - taps[0]) * rows.dilation // rows.stride for a in taps]
        copies = scratch("columns", (n, channels, columns.kernel, rows.output + further[-1], columns.output), dtype)
        _copy_columns(x, window, taps[0], copies)
        matrix = copies.reshape(n, groups, channels // groups * columns.kernel, -1)
        for a, skipped in zip(taps, further, strict=True):
            yield a, matrix[..., skipped * columns.output : (skipped + rows.output) * columns.output]


def _copy_columns(x, window: Window, a: int, copies) -> None:
    """Every column of taps, from row a of them on. Where a tap sees what one before it saw, that is copied on.

    That goes in one piece for each channel, the ends of its rows from the next row, until they get what is theirs.
    """
    columns, width = window.columns, copies.shape[4]
    rows = copies.reshape(*copies.shape[:3], -1)
    for taps in _sharing(columns):
        for before, b in zip([None, *taps], taps, strict=False):
            done = 0
            if before is not None:
                further = (b - before) * columns.dilation // columns.stride
                done = max(0, width - further)
            if done:
                rows[:, :, b, : rows.shape[3] - further] = rows[:, :, before, further:]
            _copy_tap(x, window, (a, b), done, copies[:, :, b, :, done:])


def _copy_tap(x, window: Window, tap: tuple[int, int], start: int, copy) -> None:
    """The pixels that outputs from column `start` on see through a tap, into copy (n, C, rows, columns)."""
    rows, pixel_rows = window.rows.tap(tap[0], 0, copy.shape[2])
    columns, pixel_columns = window.columns.tap(tap[1], start)
    copy[:, :, : rows.start] = copy[:, :, rows.stop :] = 0
    copy[..., : columns.start] = copy[..., columns.stop :] = 0
    _swap(x[:, pixel_rows, pixel_columns], np.moveaxis(copy[:, :, rows, columns], 1, 3))


def _swap(source, to) -> None:
    """Copy images (n, h, w, C), of which one side has its channels first in memory, tile by tile."""
    step = max(1, TILE_BYTES // max(1, source[0, :1].nbytes)) if source.size else 1
    for image in range(len(source)):
        for row in range(0, source.shape[1], step):
            to[image, row : row + step] = source[image, row : row + step]


def _sharing(axis: Axis) -> list[list[int]]:
    """The taps that see the same pixels, those at one remainder of the stride."""
    found = defaultdict(list)
    for k in range(axis.kernel):
        found[k * axis.dilation % axis.stride].append(k)
    return list(found.values())
