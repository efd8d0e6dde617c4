"""Winograd's minimal filtering: the outputs of a 3x3 convolution from fewer products, for who asks for it by name.

Outputs y_i = sum over k < 3 of g_k d_{i+k} are bilinear in kernel and pixels, and so is the product of two polynomials:

    sum over i of p_i y_i  =  sum over j of d_j s_j    where s = p * g, a polynomial of degree m + 1 for i < m

A polynomial of that degree is known from its values at t = m + 2 points, and the value of s at a point is one product,
that of the values of p and g. So with the values at all points as matrices and Lagrange's way back from them,

    y = outputs [(kernel g) * (pixels d)]              t products for m outputs, where 3 m were needed

In two dimensions both axes are transformed: t*t products a channel for m*m outputs, 16 for 2x2 in place of 36, 36 for
4x4 in place of 144. Over all channels and tiles of an image they are t*t matrix products. The points are chosen for
small rounding errors: with +-1, +-2, as published, those of 4x4 are three times as large or more.

What is lost: a pixel meets taps that are not its own, and what cancels leaves its rounding, of the size of the largest
pixel times the largest tap and not of the terms of the output; and sums of integers are exact up to smaller ones. Hence
nothing is computed this way unless its caller says so. A block that comes out with a NaN or an infinity is computed
again from its windows, so that these stay where they belong.

Source: Lavin & Gray, arXiv:1509.09308; Winograd, Arithmetic Complexity of Computations, 1980.
"""

from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from numpycnn.ops.arguments import accumulator, fail
from numpycnn.ops.correlation import columns, correlate_to_input
from numpycnn.ops.scratch import scratch
from numpycnn.ops.windows import Axis, Block, Window, blocks, cut, opposite, window_view

ALGORITHMS = {"winograd_2x2": 2, "winograd_4x4": 4}
"""The outputs of one tile along an axis, m, by the name of the algorithm."""

POINTS = {2: [Fraction(1)], 4: [Fraction(5, 8), Fraction(3, 2)]}
"""Polynomials are evaluated at 0, at these and their negatives, and at infinity, which is their last coefficient."""

TAPS = 3

TIMES = 2
"""Transformed pixels of a block take so many BLOCK_BYTES, and its products as many."""


class Transforms(NamedTuple):
    """What takes pixels (t) and a kernel (3) to where they are multiplied, and the products to outputs (m): rows."""

    pixels: list[list[Fraction]]
    kernel: list[list[Fraction]]
    outputs: list[list[Fraction]]

    def along_both_axes(self, dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each as one matrix over a flattened square: (t*t, t*t), (t*t, 9), (m*m, t*t)."""
        matrices = (np.array(matrix, np.float64) for matrix in self)
        pixels, kernel, outputs = (np.kron(matrix, matrix).astype(dtype) for matrix in matrices)
        return pixels, kernel, outputs


@lru_cache
def transforms(m: int) -> Transforms:
    """The transforms for m outputs, exactly.

    >>> for row in transforms(2).kernel:
    ...     print(*row)
    -1 0 0
    1/2 1/2 1/2
    1/2 -1/2 1/2
    0 0 1
    """
    points = [Fraction(0), *(sign * point for point in POINTS[m] for sign in (1, -1))]
    pixels, kernel, values = [], [], []
    for i, point in enumerate(points):
        others = points[:i] + points[i + 1 :]
        distance = prod(point - other for other in others)
        pixels.append([*_coefficients(others), Fraction(0)])  # 0 at all others: Lagrange's polynomial times distance
        kernel.append([point**k / distance for k in range(TAPS)])
        values.append([point**k for k in range(m)])
    infinity = [Fraction(0)] * (m - 1) + [Fraction(1)]
    pixels.append(_coefficients(points))
    kernel.append([Fraction(0)] * (TAPS - 1) + [Fraction(1)])
    return Transforms(pixels, kernel, [list(column) for column in zip(*values, infinity, strict=True)])


def _coefficients(roots) -> list[Fraction]:
    """Of the polynomial with these roots and the highest coefficient 1, the lowest power first."""
    found = [Fraction(1)]
    for root in roots:
        found = [lower - root * own for lower, own in zip([0, *found], [*found, 0], strict=True)]
    return found


def tile(op, algorithm, window: Window, groups) -> int:
    """The m of a named algorithm; ValueError for a name that is none, or a convolution that it does not know."""
    if algorithm not in ALGORITHMS:
        fail(op, f"algorithm must be None or one of {', '.join(ALGORITHMS)}", algorithm=algorithm)
    received = {
        "kernel_size": (window.rows.kernel, window.columns.kernel),
        "strides": (window.rows.stride, window.columns.stride),
        "dilation_rate": (window.rows.dilation, window.columns.dilation),
        "groups": groups,
    }
    if received != {"kernel_size": (TAPS, TAPS), "strides": (1, 1), "dilation_rate": (1, 1), "groups": 1}:
        fail(op, f"algorithm {algorithm!r} needs a 3x3 kernel and no strides, dilation or groups", **received)
    return ALGORITHMS[algorithm]


def winograd(m: int, x, kernel, bias, window: Window) -> np.ndarray:
    """Images (N, H, W, C) to outputs (N, h, w, O), in tiles of m by m outputs, block by block."""
    dtype, t = accumulator(x.dtype), m + TAPS - 1
    channels, filters = kernel.shape[2:]
    to_pixels, to_kernel, to_outputs = transforms(m).along_both_axes(dtype)
    kernels = (to_kernel @ kernel.reshape(TAPS**2, -1).astype(dtype, copy=False)).reshape(t * t, channels, filters)
    y = np.empty((len(x), *window.output_shape, filters), dtype)
    tiles = Window(*(_tiles(axis, m) for axis in window))
    for block in blocks(tiles, len(x), t * t * max(channels, filters) * dtype.itemsize, TIMES):
        pixels = window_view(x, tiles, block).transpose(3, 4, 0, 1, 2, 5)
        counts, here = pixels.shape[2:5], prod(pixels.shape[2:5])
        flat = scratch("columns", pixels.shape, dtype)
        flat[...] = pixels
        transformed = _times(to_pixels, flat.reshape(t * t, -1), "transformed").reshape(t * t, here, channels)
        products = np.matmul(transformed, kernels, out=scratch("products", (t * t, here, filters), dtype))
        squares = _times(to_outputs, products.reshape(t * t, -1), "columns").reshape(m, m, *counts, filters)
        outputs = _outputs(block, window, m)
        _put(squares, y[outputs])
        if not np.isfinite(y[outputs].sum()):
            _again(x, kernel, window, outputs, y)
    if bias is not None:
        y += bias
    return y.astype(x.dtype, copy=False)


def winograd_to_input(m: int, dy, kernel, window: Window) -> np.ndarray:
    """Outputs (N, h, w, O) to images (N, H, W, C): the same with the kernel turned round."""
    if not np.isfinite(kernel.sum()):  # times the padding of dy it would be a NaN where no output sees the pixel
        return correlate_to_input(dy, kernel, window, 1)
    turned = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    return winograd(m, dy, turned, None, opposite(window))


def _tiles(axis: Axis, m: int) -> Axis:
    """The same pixels under windows of m + 2 of them that slide by m, the last perhaps over the end."""
    count, reach = -(-axis.output // m), m + TAPS - 1
    after = (count - 1) * m + reach - axis.size - axis.before
    return Axis(axis.size, reach, m, 1, axis.before, after, count)


def _outputs(block: Block, window: Window, m: int) -> Block:
    """The outputs of a block of tiles."""
    height, width = window.output_shape
    rows = slice(block.rows.start * m, min(block.rows.stop * m, height))
    return Block(block.images, rows, slice(block.columns.start * m, min(block.columns.stop * m, width)))


def _times(matrix, values, name: str) -> np.ndarray:
    return np.matmul(matrix, values, out=scratch(name, (len(matrix), values.shape[1]), values.dtype))


def _put(squares, part) -> None:
    """Tiles (m, m, images, rows, columns, filters) to their places; what lies over the end is dropped."""
    for i, j in np.ndindex(squares.shape[:2]):
        place = part[:, i :: squares.shape[0], j :: squares.shape[1]]
        place[...] = squares[i, j, :, : place.shape[1], : place.shape[2]]


def _again(x, kernel, window: Window, block: Block, y) -> None:
    """The outputs of a block from their own windows."""
    pixels, own = cut(window, block)
    columns(x[pixels], kernel, own, 1, y[block])
