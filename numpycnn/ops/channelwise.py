"""Passes over arrays (..., C) with one number a channel, as batch normalization makes them.

Several pixels at a time are one row, and the numbers of the channels stand in it as many times, so that each step runs
through long rows; pieces of rows stay in cache and are shared out over threads. Sums are made piece by piece and the
pieces added in their order, whoever made them.
"""

from collections.abc import Callable

import numpy as np

from numpycnn.ops.arguments import accumulator
from numpycnn.ops.threads import each, slices

ROW = 2048
"""The most numbers in a row, but for more channels than that."""


class Channelwise:
    """What is made of arrays of one shape: `rows` of them and `along` of a number a channel broadcast."""

    def __init__(self, shape, dtype):
        self.dtype, self.channels = accumulator(dtype), shape[-1]
        pixels = int(np.prod(shape[:-1]))
        most = max(1, ROW // max(1, self.channels))
        self.pixels_a_row = next(n for n in range(min(most, max(1, pixels)), 0, -1) if pixels % n == 0)
        self.width = self.pixels_a_row * self.channels
        self.pieces = slices(pixels // self.pixels_a_row if self.channels else 0, 2 * self.width * self.dtype.itemsize)
        self.moved_bytes = 2 * pixels * self.channels * self.dtype.itemsize

    def rows(self, array) -> Callable[[slice], np.ndarray]:
        """Gives the piece of some rows in the dtype of sums; in C order, so that storage does not change a sum."""
        flat = np.asarray(array, order="C").reshape(-1, max(1, self.width))
        return lambda piece: flat[piece].astype(self.dtype, copy=False)

    def along(self, parameter) -> np.ndarray:
        return np.tile(parameter.astype(self.dtype, copy=False), self.pixels_a_row)

    def sums(self, terms) -> list[np.ndarray]:
        """The sums over all pixels, (C,) each, of the arrays of rows that terms(piece) gives."""
        partial: list = [None] * len(self.pieces)

        def work(k):
            partial[k] = [self._by_channel(term) for term in terms(self.pieces[k])]

        each(work, range(len(self.pieces)), self.moved_bytes)
        if not partial:
            return [np.zeros(self.channels, self.dtype) for _ in terms(slice(0, 0))]
        return [np.sum(parts, axis=0) for parts in zip(*partial, strict=True)]

    def made(self, function, shape, dtype) -> np.ndarray:
        """The array whose rows are function(piece, out), which may use `out`, of its rows and the dtype of sums."""
        y = np.empty(shape, dtype)
        flat = y.reshape(-1, max(1, self.width))

        def work(piece):
            into = flat[piece]
            if y.dtype == self.dtype:
                function(piece, into)
            else:
                wide = np.empty(into.shape, self.dtype)
                function(piece, wide)
                into[...] = wide

        each(work, self.pieces, self.moved_bytes)
        return y

    def _by_channel(self, rows) -> np.ndarray:
        total = rows.sum(axis=0).reshape(self.pixels_a_row, self.channels)
        while len(total) > 1 and len(total) % 2 == 0:
            total = total[::2] + total[1::2]
        return total.sum(axis=0)
