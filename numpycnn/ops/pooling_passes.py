"""The loops of pooling, over already checked arguments: rows first, then columns, block by block.

A maximum or a sum over a window is one over its rows and then over its columns, so that kh + kw steps do the work of
kh * kw, and what the rows leave is smaller by their stride. A block of outputs is a pooling of its own, of the pixels
that its windows hold (`windows.cut`); it stays in a core's cache, and blocks are shared out over threads. Padding
never enters: a tap reads only the pixels that it really sees.
"""

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from numpycnn.ops.arguments import accumulator
from numpycnn.ops.threads import each, hands
from numpycnn.ops.windows import Axis, Block, Window, blocks, cut

NARROW = 16
"""Pixels of fewer channels than this are gathered before they are combined."""


def maximum(x, window: Window) -> np.ndarray:
    """The largest pixel of every window; NaN and -inf count as the lowest number."""
    lowest = np.finfo(x.dtype).min
    y = np.empty((len(x), *window.output_shape, x.shape[3]), x.dtype)

    def piece(block):
        pixels, own = cut(window, block)
        pooled(np.fmax, lowest, x[pixels], own, y[block])
        if not (y[block] >= lowest).all():
            np.fmax(y[block], lowest, out=y[block])

    each(piece, _blocks(window, x.shape, _held(window, x.shape[3]) * x.itemsize), x.nbytes + y.nbytes)
    return y


def average(x, window: Window, divisors) -> np.ndarray:
    """The sum of every window, divided by the divisors (out_height, out_width, 1); of x's dtype."""
    y = np.empty((len(x), *window.output_shape, x.shape[3]), x.dtype)
    wide, divide = accumulator(x.dtype), _divider(divisors)

    def piece(block):
        total = y[block] if x.dtype == wide else np.empty(y[block].shape, wide)
        pixels, own = cut(window, block)
        pooled(np.add, 0, x[pixels], own, total)
        y[block] = divide(total, block)

    held = _held(window, x.shape[3]) + (x.dtype != wide)
    each(piece, _blocks(window, x.shape, held * wide.itemsize), x.nbytes + y.nbytes)
    return y


def average_backward(dy, x_shape, window: Window, divisors) -> np.ndarray:
    """Every pixel of a window gets dy over its divisor: spread along the columns, then along the rows."""
    wide, divide = accumulator(dy.dtype), _divider(divisors)
    dx = np.zeros(x_shape, wide)

    def piece(block):
        (n, rows, columns), own = cut(window, block)
        share = divide(dy[block].astype(wide), block)
        wider = np.zeros((*share.shape[:2], own.columns.size, share.shape[3]), wide)
        for outputs, pixels in _taps(own.columns):
            _add(wider[:, :, pixels], share[:, :, outputs], own.columns)
        for outputs, pixels in reversed(_taps(own.rows)):  # the first outputs of a pixel first, as block by block
            _add(dx[n, rows, columns][:, pixels], wider[:, outputs], *own)

    def images(blocks):
        for block in blocks:
            piece(block)

    held = (1 + window.columns.stride) * wide.itemsize * x_shape[3]
    pieces = whole_rows(window, x_shape[0], _together(held), 2)
    each(images, _by_images(pieces), 2 * dx.nbytes + dy.nbytes)
    return dx.astype(dy.dtype, copy=False)


# What they are made of.


def pooled(combine, start, x, own: Window, out) -> None:
    """Combine every window into out: down its rows, then across its columns."""
    down = _taps(own.rows)
    if len(down) == 1 and down[0][0] == slice(0, own.rows.output):
        narrow = x[:, down[0][1]]
    else:
        narrow = np.empty((len(x), own.rows.output, *x.shape[2:]), out.dtype)
        _combined(combine, start, [((slice(None), o), x[:, p]) for o, p in down], narrow)
    every = (slice(None), slice(None))
    if not _by_phase(own.columns, x.shape[3]):
        parts = [((*every, o), narrow[:, :, p]) for o, p in _taps(own.columns)]
    else:
        parts = [((*every, o), part) for o, part in _columns_by_phase(narrow, own.columns)]
    _combined(combine, start, parts, out)


def _by_phase(columns: Axis, channels: int) -> bool:
    """Whether pixels are gathered before they are combined: many are, or their loops would be short."""
    return columns.stride > 1 and (columns.kernel > 3 or channels < NARROW)


def _held(window: Window, channels: int) -> int:
    """Numbers that `pooled` holds for each output and channel: what the rows leave, and that sorted by phase."""
    return window.columns.stride * (2 if _by_phase(window.columns, channels) else 1)


def _columns_by_phase(x, axis: Axis):
    """What each tap sees of the columns, out of one copy for each phase, in which its pixels lie side by side."""
    phases: dict[int, np.ndarray] = {}
    for outputs, pixels in _taps(axis):
        key = pixels.start % axis.stride
        if key not in phases:
            phases[key] = np.ascontiguousarray(x[:, :, key :: axis.stride])
        yield outputs, phases[key][:, :, within_phase(pixels, axis.stride)]


def _combined(combine, start, parts, out) -> None:
    """Combine, in their order, the values of all parts into the places of out that each belongs to."""
    rest = list(parts)
    whole = [values.shape == out.shape for _, values in rest[:2]]
    if whole == [True, True]:
        combine(rest[0][1], rest[1][1], out=out, dtype=out.dtype)
        rest = rest[2:]
    elif whole[:1] == [True]:
        out[...] = rest[0][1]
        rest = rest[1:]
    else:
        out[...] = start
    for place, values in rest:
        combine(out[place], values, out=out[place], dtype=out.dtype)


def within_phase(pixels: slice, stride: int) -> slice:
    """A step through every stride-th pixel as a step through one phase of them."""
    first = pixels.start // stride
    return slice(first, first + len(range(pixels.start, pixels.stop, stride)))


def _taps(axis: Axis) -> list[tuple[slice, slice]]:
    return [(outputs, pixels) for outputs, pixels in map(axis.tap, range(axis.kernel)) if outputs.stop > outputs.start]


def both_taps(window: Window):
    """For every tap, in row order: the outputs that see a pixel through it, and those pixels, as indices."""
    columns = _taps(window.columns)
    for rows_out, rows_in in _taps(window.rows):
        for columns_out, columns_in in columns:
            yield (slice(None), rows_out, columns_out), (slice(None), rows_in, columns_in)


def _add(to, values, *axes: Axis) -> None:
    """Add values, or put them where windows that lie side by side leave nothing to add to."""
    if all(axis.extent <= axis.stride for axis in axes):
        to[...] = values
    else:
        to += values


def _divider(divisors):
    """total / the divisors of a block; by one number, which is faster, where they are all alike."""
    if divisors.size and (divisors == divisors.flat[0]).all():
        return lambda total, block: np.divide(total, divisors.flat[0], out=total)
    return lambda total, block: np.divide(total, divisors[block[1:]], out=total)


def _blocks(window, x_shape, held: int) -> list[Block]:
    """Blocks of outputs, `held` bytes of work for each and channel."""
    return list(blocks(window, x_shape[0], _together(held * x_shape[3]), 2))


def _together(held: int) -> int:
    """What to give for `held` bytes, so that all threads together stay below 2 BLOCK_BYTES."""
    return hands() * held * 5 // 4


def whole_rows(window: Window, batch: int, held: int, times: int = 1) -> Iterator[Block]:
    """Blocks of whole rows of outputs: then a pixel gets its sums in one order, however large the blocks are."""
    rows, columns = window
    narrow = Window(rows, columns._replace(output=min(1, columns.output)))
    for block in blocks(narrow, batch, held * columns.output, times):
        yield block._replace(columns=slice(0, columns.output))


def _by_images(pieces: Iterator[Block]) -> list[list[Block]]:
    """The blocks of the same images, whose windows may hold the same pixels, together."""
    return [list(group) for _, group in groupby(pieces, key=lambda block: block.images.start)]
