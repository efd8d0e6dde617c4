"""The loops of depthwise convolution, over already checked arguments: a definition, and a faster way.

No matrix product computes it, since no sum runs over channels: every step is a multiplication and an addition of whole
blocks. The definition takes them tap by tap. Where neighbouring outputs see neighbouring pixels, a row of outputs
sees, through each tap, a row of pixels without gaps; then NumPy's einsum makes all taps of a block in one loop, with
the kernel repeated along the row.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from numpycnn.ops.arguments import accumulator
from numpycnn.ops.threads import LEAST_BYTES, each, hands
from numpycnn.ops.windows import BLOCK_BYTES, Axis, Block, Window, add_tap, blocks, padded_pixels, window_view

ROW = 2**13
"""The most numbers in a row of the repeated kernel, but for more filters than that."""

KERNEL_HANDS = 2
"""Blocks of the kernel's gradient are those for so many threads however many there are, and so the sums the same."""


class Way(NamedTuple):
    """How blocks of outputs (images, rows, columns, C * M) and of kernel gradients (kh, kw, C * M) are made."""

    outputs: Callable
    kernel: Callable


def way(window: Window) -> Way:
    """Which loop makes a block: rows need a stride of 1 along the columns."""
    return BY_ROWS if window.columns.stride == 1 else BY_TAPS


def depthwise(x, kernel, bias, window: Window) -> np.ndarray:
    """Images to outputs."""
    y = np.empty((len(x), *window.output_shape, kernel[0, 0].size), x.dtype)
    outputs = way(window).outputs

    def piece(block):
        total = outputs(x, kernel, window, block)
        y[block] = total if bias is None else total + bias

    each(piece, _blocks(window, y), x.nbytes + y.nbytes)
    return y


def depthwise_gradients(dy, x, kernel, window: Window) -> list[np.ndarray]:
    """By the images and by the kernel. Where either is too little work to be shared, two threads make one each."""
    whole, moved = [depthwise_to_input, depthwise_to_kernel], x.nbytes + dy.nbytes
    if moved >= LEAST_BYTES:
        return [gradient(dy, x, kernel, window) for gradient in whole]
    found: list = [None, None]

    def piece(k):
        found[k] = whole[k](dy, x, kernel, window)

    each(piece, range(2), len(window.taps) * moved)
    return found


def depthwise_to_input(dy, x, kernel, window: Window) -> np.ndarray:
    """Outputs back to images: with strides of 1 a depthwise convolution by the kernel turned around."""
    dtype, multiplier = accumulator(dy.dtype), kernel.shape[3]
    if (window.rows.stride, window.columns.stride) == (1, 1):
        turned = kernel[::-1, ::-1].reshape(*kernel.shape[:2], -1, 1)
        back = Window(*map(_turned, window))
        dx = np.empty(x.shape, dy.dtype)

        def piece(block):
            spread = _outputs_by_rows(dy, turned, back, block)
            dx[block] = spread.reshape(*spread.shape[:3], -1, multiplier).sum(axis=-1) if multiplier > 1 else spread

        each(piece, _blocks(back, dy), dy.nbytes + dx.nbytes)
        return dx
    dx = np.zeros(x.shape, dtype)
    dy_by_input = dy.reshape(*dy.shape[:3], *kernel.shape[2:])
    for block in _blocks(window, dy):
        dy_block = dy_by_input[block].astype(dtype, copy=False)
        for a, b in window.taps:
            add_tap(dx, (dy_block * kernel[a, b]).sum(axis=-1), window, block, a, b)
    return dx.astype(dy.dtype, copy=False)


def depthwise_to_kernel(dy, x, kernel, window: Window) -> np.ndarray:
    """Outputs and images to the kernel; blocks are added in their order, whoever made them."""
    found, pieces = way(window).kernel, _blocks(window, dy, KERNEL_HANDS)
    parts: list = [np.zeros(kernel.shape, accumulator(x.dtype))] * len(pieces)

    def piece(k):
        parts[k] = found(dy, x, kernel.shape, window, pieces[k])

    each(piece, range(len(pieces)), x.nbytes + dy.nbytes)
    return sum(parts, np.zeros(kernel.shape, accumulator(x.dtype))).astype(x.dtype, copy=False)


# Tap by tap.


def _outputs_by_taps(x, kernel, window: Window, block: Block) -> np.ndarray:
    dtype = accumulator(x.dtype)
    windows = window_view(x, window, block)
    total = np.zeros((*windows.shape[:3], *kernel.shape[2:]), dtype)
    for a, b in window.taps:
        total += windows[:, :, :, a, b, :, None].astype(dtype, copy=False) * kernel[a, b]
    return total.reshape(*total.shape[:3], -1)


def _kernel_by_taps(dy, x, kernel_shape, window: Window, block: Block) -> np.ndarray:
    dtype = accumulator(x.dtype)
    windows, dkernel = window_view(x, window, block), np.empty(kernel_shape, dtype)
    dy_block = dy[block].reshape(*windows.shape[:3], *kernel_shape[2:]).astype(dtype, copy=False)
    for a, b in window.taps:
        dkernel[a, b] = np.einsum("nijc,nijcm->cm", windows[:, :, :, a, b].astype(dtype, copy=False), dy_block)
    return dkernel


# By rows.


def _outputs_by_rows(x, kernel, window: Window, block: Block) -> np.ndarray:
    rows, filters = _rows(x, window, block, kernel.shape[3]), kernel[0, 0].size
    total = np.empty((*rows.shape[:2], rows.shape[4]), rows.dtype)
    segments = _segments(rows.shape[4], filters)
    flat = kernel.reshape(*kernel.shape[:2], filters).astype(rows.dtype, copy=False)
    repeated = np.tile(flat, (segments[0].stop // filters if segments else 0))
    for part in segments:
        np.einsum("nrabj,abj->nrj", rows[..., part], repeated[..., : part.stop - part.start], out=total[..., part])
    return total.reshape(*rows.shape[:2], -1, filters)


def _kernel_by_rows(dy, x, kernel_shape, window: Window, block: Block) -> np.ndarray:
    rows, filters = _rows(x, window, block, kernel_shape[3]), int(np.prod(kernel_shape[2:]))
    given = dy[block].astype(rows.dtype, copy=False).reshape(*rows.shape[:2], -1)
    along = np.empty((*kernel_shape[:2], rows.shape[4]), rows.dtype)
    for a, b in window.taps:
        np.einsum("nrj,nrj->j", rows[:, :, a, b], given, out=along[a, b])
    return along.reshape(*kernel_shape[:2], -1, filters).sum(axis=2).reshape(kernel_shape)


def _segments(length: int, filters: int) -> list[slice]:
    """Pieces of a row, of whole pixels, for which the repeated kernel is not large."""
    step = max(1, ROW // max(1, filters)) * filters
    return [slice(start, min(start + step, length)) for start in range(0, length, step)] if length else []


def _rows(x, window: Window, block: Block, multiplier: int) -> np.ndarray:
    """What each tap sees of a block, as a view (images, rows, kh, kw, columns * C * M), channels repeated M times."""
    slab = padded_pixels(x, window, block).astype(accumulator(x.dtype), copy=False)
    slab = np.ascontiguousarray(np.repeat(slab, multiplier, axis=3) if multiplier > 1 else slab)
    (rows, columns), (sn, sh, sw, sc) = window, slab.strides
    height, width = (outputs.stop - outputs.start for outputs in block[1:])
    return as_strided(
        slab,
        (len(slab), height, rows.kernel, columns.kernel, width * slab.shape[3]),
        (sn, sh * rows.stride, sh * rows.dilation, sw * columns.dilation, sc),
        writeable=False,
    )


BY_TAPS = Way(_outputs_by_taps, _kernel_by_taps)
BY_ROWS = Way(_outputs_by_rows, _kernel_by_rows)


def _turned(axis: Axis) -> Axis:
    """The same window seen from the pixels: which outputs see a pixel, where the stride is 1."""
    before, after = axis.extent - 1 - axis.before, axis.extent - 1 - axis.after
    return axis._replace(size=axis.output, before=before, after=after, output=axis.size)


def _blocks(window, y, threads: int | None = None) -> list[Block]:
    """Blocks that stay in cache; larger ones for threads, but of few rows the pixels are several times the outputs."""
    threads = hands() if threads is None else threads
    pixel = y.shape[3] * accumulator(y.dtype).itemsize
    shared = 2 * y.size // max(1, y.shape[3]) * pixel >= LEAST_BYTES
    held = 1 if shared and 8 * window.columns.output * pixel <= BLOCK_BYTES else 3
    return list(blocks(window, len(y), max(1, threads // 2) * held * pixel))
