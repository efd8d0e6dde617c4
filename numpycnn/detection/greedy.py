"""Which of many boxes a greedy suppression keeps, found without comparing all with all.

Boxes come in the order in which they are asked, best first, as corners of finite numbers; what comes back are positions
in that order. `plainly` is the definition; `keep` gives the same.
"""

import numpy as np

from numpycnn.detection.boxes import Corners
from numpycnn.detection.overlap import iou_matrix

FEW = 16
"""Up to so many boxes the plain way is the fastest."""

SWEEP_ROWS, BLOCK_ROWS = 32, 128


def plainly(corners: Corners, areas, threshold, limit: int) -> np.ndarray:
    """Keep the best, drop what overlaps it by more than the threshold, go on with the best of the rest."""
    kept, rest = [], np.arange(len(areas))
    while len(rest) and len(kept) < limit:
        best, others = rest[:1], rest[1:]
        kept.append(int(best[0]))
        rest = others[_overlaps(corners, areas, best, others)[0] <= threshold]
    return np.asarray(kept, np.intp)


def keep(corners: Corners, areas, threshold, limit: int) -> np.ndarray:
    """What `plainly` keeps, in blocks where few are kept or many lie side by side, else by a sweep."""
    count = len(areas)
    if count <= FEW:
        return plainly(corners, areas, threshold, limit)
    if limit <= count // 64:
        return _in_blocks(corners, areas, threshold, limit)
    sweeps = [_Sweep(low, high) for low, high in ((corners.x1, corners.x2), (corners.y1, corners.y2))]
    shorter = min(sweeps, key=lambda sweep: sweep.pairs)
    if shorter.pairs <= count * min(limit, count // 8):
        return _swept(corners, areas, threshold, shorter)[:limit]
    return _in_blocks(corners, areas, threshold, limit)


class _Sweep:
    """Boxes in the order of where they begin along one axis, and for each the end of those that begin within it."""

    def __init__(self, low, high):
        self.order = np.argsort(low)
        self.ends = np.searchsorted(low[self.order], high[self.order])
        self.pairs = int(np.maximum(self.ends - np.arange(len(low)), 0).sum())


def _swept(corners, areas, threshold, sweep: _Sweep) -> np.ndarray:
    order, found = sweep.order, [np.empty((2, 0), np.intp)]
    ranked, ranked_areas = corners.each(lambda array: array[order]), areas[order]
    for start in range(0, len(order), SWEEP_ROWS):
        rows = slice(start, start + SWEEP_ROWS)
        columns = slice(start, max(start + 1, int(sweep.ends[rows].max())))
        a, b = (ranked.each(lambda array, part=part: array[part]) for part in (rows, columns))
        i, j = np.nonzero(iou_matrix(a, b, ranked_areas[rows], ranked_areas[columns]) > threshold)
        later = j > i
        found.append(np.stack([order[start + i[later]], order[start + j[later]]]))
    pairs = np.concatenate(found, axis=1)
    return _survivors(len(order), pairs.min(axis=0), pairs.max(axis=0))


def _in_blocks(corners, areas, threshold, limit) -> np.ndarray:
    kept = np.empty(0, np.intp)
    for start in range(0, len(areas), BLOCK_ROWS):
        block = np.arange(start, min(start + BLOCK_ROWS, len(areas)))
        block = block[~(_overlaps(corners, areas, block, kept) > threshold).any(axis=1)]
        i, j = np.nonzero(_overlaps(corners, areas, block, block) > threshold)
        kept = np.append(kept, block[_survivors(len(block), i[j > i], j[j > i])])
        if len(kept) >= limit:
            break
    return kept[:limit]


def _survivors(count: int, first, second) -> np.ndarray:
    """Who is left of `count` when in each pair the first, if it is left itself, drops the second."""
    by_first = np.argsort(first, kind="stable")
    second = second[by_first]
    suppressors, starts = np.unique(first[by_first], return_index=True)
    left = np.ones(count, bool)
    stops = np.append(starts, len(second))[1:]
    for i, start, stop in zip(suppressors.tolist(), starts.tolist(), stops.tolist(), strict=True):
        if left[i]:
            left[second[start:stop]] = False
    return np.flatnonzero(left)


def _overlaps(corners, areas, rows, columns) -> np.ndarray:
    a, b = (corners.each(lambda array, part=part: array[part]) for part in (rows, columns))
    return iou_matrix(a, b, areas[rows], areas[columns])
