"""The gradient of a maximum: each output gives all of it to its largest pixel, the first of them in row order.

The definition asks every tap of a window in turn (`by_taps`). There are two faster ways (`way_back`). Where windows
lie side by side, whole rows of pixels are compared with their outputs (`by_tiles`). Else `by_places` finds the places
of the maxima as the forward finds the maxima, down the rows and then across the columns: of every column of a window
the first of its largest pixels, then of the columns with the window's largest that whose row comes first. The gradient
goes back across the columns and up the rows, kh + kw steps in place of kh * kw. A place is a small integer, and to
choose by it is one product, of the bits of numbers with 0 or 1: 20 times as fast as np.where, of places at random.
"""

from collections.abc import Iterator

import numpy as np

from numpycnn.ops.arguments import accumulator
from numpycnn.ops.pooling_passes import both_taps, pooled, whole_rows, within_phase
from numpycnn.ops.threads import each, hands
from numpycnn.ops.windows import Axis, Window, blocks, cut

DOWN, ACROSS = 1, 2
"""The axes of images along which a window has rows and columns."""


def by_taps(dy, x, window: Window) -> np.ndarray:
    """The definition: tap by tap, where a pixel is the largest and none before it was, it takes dy, else nothing."""
    x = np.fmax(x, np.finfo(x.dtype).min)
    dx, largest = np.zeros(x.shape, accumulator(x.dtype)), np.full(dy.shape, -np.inf, x.dtype)
    for outputs, pixels in both_taps(window):
        np.maximum(largest[outputs], x[pixels], out=largest[outputs])
    unclaimed = np.ones(dy.shape, bool)
    for outputs, pixels in both_taps(window):
        first = unclaimed[outputs] & (x[pixels] == largest[outputs])
        unclaimed[outputs] ^= first
        dx[pixels] += np.where(first, dy[outputs], 0)
    return dx.astype(x.dtype, copy=False)


def maximum_backward(dy, x, window: Window) -> np.ndarray:
    """The same, by the way that `way_back` names."""
    return way_back(window)(dy, x, window)


def way_back(window: Window):
    """Windows side by side need no order and no sum."""
    side_by_side = all(a.kernel == a.stride and a.before == 0 and a.output * a.kernel <= a.size for a in window)
    return by_tiles if side_by_side else by_places


def by_tiles(dy, x, window: Window) -> np.ndarray:
    """Windows side by side: each row of pixels beside its largest ones and their dy, both repeated along it."""
    exact = not any(axis.unread for axis in window)
    dx = (np.empty if exact else np.zeros)(x.shape, x.dtype)

    def piece(block):
        pixels, own = cut(window, block)
        _to_tiles(dx[pixels], dy[block], x[pixels], own)

    held = (2 * window.columns.stride + window.rows.stride * window.columns.stride // 2 + 1) * x.itemsize
    each(piece, list(blocks(window, len(x), hands() * held * x.shape[3], 2)), 2 * dx.nbytes + x.nbytes)
    return dx


def _to_tiles(dx, dy, x, window: Window) -> None:
    """Where as many pixels equal their output as there are outputs, each is the first of its window."""
    (rows, columns), (_, height, width, _), lowest = window, dy.shape, np.finfo(x.dtype).min
    y = np.empty(dy.shape, x.dtype)
    pooled(np.fmax, lowest, x, window, y)
    if not (y > lowest).all():
        x, y = np.fmax(x, lowest), np.fmax(y, lowest)
    of_row = [(slice(None), slice(a, height * rows.kernel, rows.kernel)) for a in range(rows.kernel)]
    of_row = [(*which, slice(0, width * columns.kernel)) for which in of_row]
    wide = np.repeat(y, columns.kernel, axis=2)
    equal = [x[pixels] == wide for pixels in of_row]
    if sum(map(np.count_nonzero, equal)) != y.size:
        unclaimed = np.ones(y.shape, bool)
        for row in equal:
            for b in range(columns.kernel):
                row[:, :, b :: columns.kernel] &= unclaimed
                unclaimed ^= row[:, :, b :: columns.kernel]
    wide = np.repeat(dy, columns.kernel, axis=2)
    for pixels, first in zip(of_row, equal, strict=True):
        _where(first, wide, dx[pixels])


def by_places(dy, x, window: Window) -> np.ndarray:
    """Any windows, block after block of whole rows. (Two threads would wait for each other's short steps.)"""
    dx, done = np.empty(x.shape, accumulator(x.dtype)), 0
    held = (window.rows.stride + 1) * (window.columns.stride + 1) * dx.itemsize * x.shape[3]
    for block in whole_rows(window, len(x), held, 2):
        (images, seen, _), own = cut(window, block)
        done = done if block.rows.start else 0
        end = max(done, window.rows.size if block.rows.stop == window.rows.output else seen.stop)
        dx[images, done:end] = 0
        done = end
        _add_to_places(dx[images, seen], dy[block].astype(dx.dtype, copy=False), x[images, seen], own)
    return dx.astype(x.dtype, copy=False)


def _add_to_places(dx, dy, x, window: Window) -> None:
    """Add dy of a block to its pixels dx; columns are sorted by phase, so that steps run through whole rows."""
    rows, columns = window
    column, row = _places(x, window)
    by_column = np.empty(row.shape, dx.dtype)
    for phase, to in enumerate(_phases(by_column, columns, ACROSS)):
        taps = [tap for tap in _taps(columns) if tap[2] == phase]
        if len(taps) == 1 and taps[0][3] == slice(0, to.shape[2]):
            to[...] = _where(column[:, :, taps[0][1]] == taps[0][0], dy[:, :, taps[0][1]])
            continue
        total = np.zeros(to.shape, dx.dtype)
        for k, outputs, _, within in taps:
            total[:, :, within] += _where(column[:, :, outputs] == k, dy[:, :, outputs])
        to[...] = total
    for k, outputs, phase, within in reversed(list(_taps(rows))):  # a pixel's first outputs first, as block by block
        to, given, chosen = _phases(dx, rows, DOWN)[phase][:, within], by_column[:, outputs], row[:, outputs] == k
        if k < rows.stride and k + rows.stride >= rows.kernel:  # no other tap sees these pixels
            _where(chosen, given, to)
        else:
            to += _where(chosen, given)


def _places(x, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """The column of every output's place, and the row of the place in every column of a row of windows."""
    (rows, columns), lowest = window, np.finfo(x.dtype).min
    largest, row = _first_largest(_phases(x, rows, DOWN), rows, DOWN)
    if not largest.min(initial=0) >= lowest:  # there is a NaN, or a column of a window without a number
        largest, row = _first_largest(_phases(np.fmax(x, lowest), rows, DOWN), rows, DOWN)
    by_phase, ranks = ([np.ascontiguousarray(p) for p in _phases(a, columns, ACROSS)] for a in (largest, row))
    return _first_largest(by_phase, columns, ACROSS, ranks)[1], row


def _first_largest(phases, axis: Axis, along: int, ranks=None) -> tuple[np.ndarray, np.ndarray]:
    """The largest pixel of every window along one axis, and its tap: of the least rank, and of those the first."""
    shape = (*phases[0].shape[:along], axis.output, *phases[0].shape[along + 1 :])
    place, taps = np.zeros(shape, np.min_scalar_type(axis.kernel - 1)), list(_taps(axis))
    first, outputs, phase, within = taps[0]
    if outputs == slice(0, axis.output):
        largest, place[...], rest, fresh = phases[phase][_at(along, within)], first, taps[1:], False
        rank = ranks[phase][_at(along, within)].copy() if ranks else place
    else:
        largest, rest, fresh = np.full(shape, -np.inf, phases[0].dtype), taps, True
        rank = np.zeros(shape, ranks[0].dtype) if ranks else place
    for k, outputs, phase, within in rest:
        values, here = phases[phase][_at(along, within)], _at(along, outputs)
        better = values > largest[here]
        if ranks:
            other, tied = ranks[phase][_at(along, within)], values == largest[here]
            tied &= other < rank[here]
            better |= tied
            rank[here] += better * (other - rank[here])
        np.maximum(place[here], better if k == 1 else np.multiply(better, k, dtype=place.dtype), out=place[here])
        if fresh or values.shape != shape:
            largest = largest if fresh else largest.copy()
            np.maximum(largest[here], values, out=largest[here])
        else:
            largest = np.maximum(largest, values)
        fresh = True
    return largest, place


def _where(chosen, values, out=None) -> np.ndarray:
    """The chosen values and 0 elsewhere, infinities and NaN as well: their bits, times 1 or 0."""
    bits = f"i{values.itemsize}"
    return np.multiply(values.view(bits), chosen, out=None if out is None else out.view(bits)).view(values.dtype)


def _phases(array, axis: Axis, along: int) -> list[np.ndarray]:
    """Every stride-th pixel, from each of the first on: what a tap sees lies in one of these."""
    return [array[_at(along, slice(k, None, axis.stride))] for k in range(axis.stride)]


def _taps(axis: Axis) -> Iterator[tuple[int, slice, int, slice]]:
    """Every tap that sees a pixel: its number, the outputs that do, the phase of the pixels and which of it."""
    for k in range(axis.kernel):
        outputs, pixels = axis.tap(k)
        if outputs.stop > outputs.start:
            yield k, outputs, pixels.start % axis.stride, within_phase(pixels, axis.stride)


def _at(along: int, which: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * along, which)
