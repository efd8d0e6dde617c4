"""How much two boxes overlap: intersection over union and what was made of it.

Every measure takes boxes1 and boxes2 and compares all pairs, or with `pairwise=False` element by element. Any two
opposite corners make a box. Where an area or a distance is divided by 0 (both boxes are the same point) the quotient
counts as 0, so that a box without area overlaps nothing; a NaN or a difference of infinities makes its pairs NaN.
"""

from typing import NamedTuple

import numpy as np

from numpycnn.detection.boxes import Corners, as_boxes, corners_backward, corners_of
from numpycnn.detection.overlap_terms import CIOU, DIOU, GIOU, Penalty, measure_backward, ratio, shares_of
from numpycnn.ops.arguments import accumulator, check_shape, fail, floating, ieee
from numpycnn.ops.threads import each, slices

__all__ = [
    "ciou",
    "ciou_backward",
    "diou",
    "diou_backward",
    "giou",
    "giou_backward",
    "intersection_over_smaller",
    "iou",
    "iou_backward",
]


@ieee
def iou(boxes1, boxes2, *, format: str = "xyxy", pairwise: bool = True, plus_one: bool = False) -> np.ndarray:
    """Intersection over union, the Jaccard index of two boxes.

    iou[i,j] = I / (A[i] + B[j] - I),   I = w * h,
    w = max(min(x2[i], x2[j]) - max(x1[i], x1[j]), 0), h alike, A and B the areas

    Args:
        boxes1: (n, 4) in `format`; boxes2: (m, 4). For rel_ formats IoU is the same as in pixels.
        pairwise: False compares element by element: both (..., 4) of one shape.
        plus_one: corners name the first and the last pixel, sides are a pixel longer (row 45 of the traps).

    Returns: (n, m), or (...) element by element; float16, float32 or float64 as the boxes, integers give float64.
    Sums and quotients are made in the order of TensorFlow's non_max_suppression, to the bit in float32.

    Raises: ValueError for shapes or an unknown format; TypeError for what holds no numbers.
    Source: Jaccard, 1912; Everingham et al., The Pascal Visual Object Classes Challenge, 2010, section 4.2.

    >>> iou([[0, 0, 2, 2]], [[1, 1, 3, 3], [0, 0, 2, 4], [5, 5, 6, 6]]).round(4)
    array([[0.1429, 0.5   , 0.    ]])
    """
    pair = _pair("iou", boxes1, boxes2, format, pairwise)
    if pairwise:
        flat = [corners.each(np.ravel) for corners in (pair.a, pair.b)]
        areas = [np.multiply(*corners.sides(plus_one)) for corners in flat]
        return iou_matrix(*flat, *areas, plus_one=plus_one).astype(pair.dtype, copy=False)
    return np.asarray(shares_of(pair.a, pair.b, plus_one).iou, pair.dtype)


@ieee
def iou_backward(dy, boxes1, boxes2, *, format: str = "xyxy", pairwise: bool = True, plus_one: bool = False):
    """dI = dy * (A + B) / U^2,   dA = dB = -dy * I / U^2,   and from there to the corners that bound each side.

    Where two corners coincide, the one of boxes1 takes the gradient; touching boxes get none.
    Args: dy of the output's shape.   Returns: dboxes1, dboxes2 in `format`.
    """
    return _backward("iou_backward", dy, boxes1, boxes2, format, pairwise, None, plus_one)


def intersection_over_smaller(boxes1, boxes2, *, format="xyxy", pairwise=True, plus_one=False) -> np.ndarray:
    """I / min(A, B): 1 where one box lies within the other, however small it is.   Args and Returns: as `iou`.

    >>> intersection_over_smaller([[0, 0, 10, 10]], [[2, 2, 4, 4], [9, 9, 11, 11]])
    array([[1.  , 0.25]])
    """
    pair = _pair("intersection_over_smaller", boxes1, boxes2, format, pairwise)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        shares = shares_of(pair.a, pair.b, plus_one)
        return np.asarray(ratio(shares.intersection, np.minimum(*shares.areas)), pair.dtype)


@ieee
def giou(boxes1, boxes2, *, format: str = "xyxy", pairwise: bool = True) -> np.ndarray:
    """Generalized IoU: iou - (H - U) / H, with H the area of the smallest box around both and U that of their union.

    From -1 (far apart) to 1, so that boxes that do not meet have a gradient.   Args and Returns: as `iou`.
    Source: Rezatofighi et al., arXiv:1902.09630.

    >>> giou([[0, 0, 2, 2]], [[1, 1, 3, 3], [3, 0, 5, 2]]).round(4)
    array([[-0.0794, -0.2   ]])
    """
    return _forward("giou", boxes1, boxes2, format, pairwise, GIOU)


@ieee
def giou_backward(dy, boxes1, boxes2, *, format: str = "xyxy", pairwise: bool = True):
    """dU = dy / H,   dH = -dy * U / H^2,   beside what goes through iou.   Args and Returns: as `iou_backward`."""
    return _backward("giou_backward", dy, boxes1, boxes2, format, pairwise, GIOU)


@ieee
def diou(boxes1, boxes2, *, format: str = "xyxy", pairwise: bool = True) -> np.ndarray:
    """Distance IoU: iou - d^2 / c^2, d between the centres and c the diagonal of the smallest box around both.

    Args and Returns: as `iou`; in rel_ formats distances are relative too, so that the result differs from pixels.
    Source: Zheng et al., arXiv:1911.08287, equation 7.

    >>> diou([[0, 0, 2, 2]], [[1, 1, 3, 3], [3, 0, 5, 2]]).round(4)
    array([[ 0.0317, -0.3103]])
    """
    return _forward("diou", boxes1, boxes2, format, pairwise, DIOU)


@ieee
def diou_backward(dy, boxes1, boxes2, *, format: str = "xyxy", pairwise: bool = True):
    """dd^2 = -dy / c^2,   dc^2 = dy * d^2 / c^4,   beside what goes through iou.

    Args and Returns: as `iou_backward`.
    """
    return _backward("diou_backward", dy, boxes1, boxes2, format, pairwise, DIOU)


@ieee
def ciou(boxes1, boxes2, *, format: str = "xyxy", pairwise: bool = True) -> np.ndarray:
    """Complete IoU: diou - alpha * v, which also tells how much the shapes of the two differ.

    v = 4/pi^2 * (atan(w1/h1) - atan(w2/h2))^2,   alpha = v / (1 - iou + v), 0 where v is

    Args and Returns: as `diou`.   Source: Zheng et al., arXiv:1911.08287, equations 8 to 11.

    >>> ciou([[0, 0, 2, 2]], [[1, 1, 3, 3], [0, 0, 2, 4]]).round(4)
    array([[0.0317, 0.4468]])
    """
    return _forward("ciou", boxes1, boxes2, format, pairwise, CIOU)


@ieee
def ciou_backward(dy, boxes1, boxes2, *, format: str = "xyxy", pairwise: bool = True):
    """dv = -dy * alpha,   beside what goes through diou; alpha counts as a constant, as in the paper.

    Args and Returns: as `iou_backward`.
    """
    return _backward("ciou_backward", dy, boxes1, boxes2, format, pairwise, CIOU)


ARRAYS = 2
"""A block of rows of overlaps takes a piece of work by so much: what is made of it are four such arrays."""


def iou_matrix(a: Corners, b: Corners, area_a, area_b, *, plus_one=False, out=None) -> np.ndarray:
    """IoU of all pairs of boxes (n,) and (m,), in blocks of rows that stay in a core's cache."""
    out = np.empty((len(area_a), len(area_b)), area_b.dtype) if out is None else out
    area_b = np.where(area_b == 0, 1, area_b)  # no 0 / 0 between boxes without area: their intersection is 0

    def rows(block):
        result = out[block]
        width, height, low = (np.empty(result.shape, out.dtype) for _ in range(3))
        for side, low1, low2, high1, high2 in ((width, a.x1, b.x1, a.x2, b.x2), (height, a.y1, b.y1, a.y2, b.y2)):
            side[...] = high1[block, None]  # NumPy's loops for two arrays are several times as fast as for a number
            np.minimum(side, high2, out=side)
            low[...] = low1[block, None]
            np.maximum(low, low2, out=low)
            side -= low
            if plus_one:
                side += 1
            np.clip(side, 0, np.inf, out=side)
        width *= height
        np.add(area_a[block, None], area_b, out=low)
        low -= width
        np.divide(width, low, out=result)

    each(rows, slices(len(out), ARRAYS * area_b.nbytes), 4 * out.nbytes)
    return out


class Pair(NamedTuple):
    """Two arrays of boxes whose shapes broadcast to that of the result, and the dtype of the result."""

    a: Corners
    b: Corners
    dtype: np.dtype


def _pair(op, boxes1, boxes2, format, pairwise) -> Pair:
    boxes1, boxes2 = floating(op, boxes1=boxes1, boxes2=boxes2)
    boxes1, boxes2 = as_boxes(op, boxes1=boxes1), as_boxes(op, boxes2=boxes2)
    if pairwise and (boxes1.ndim != 2 or boxes2.ndim != 2):
        fail(op, "boxes1 and boxes2 must have the axes (n, 4) and (m, 4)", boxes1=boxes1, boxes2=boxes2)
    if not pairwise:
        check_shape(op, boxes1.shape, "the shape of boxes1", boxes2=boxes2)
        return Pair(corners_of(op, boxes1, format), corners_of(op, boxes2, format), boxes1.dtype)
    a, b = corners_of(op, boxes1[:, None], format), corners_of(op, boxes2[None], format)
    return Pair(a, b, boxes1.dtype)


def _forward(op, boxes1, boxes2, format, pairwise, penalty: Penalty) -> np.ndarray:
    pair = _pair(op, boxes1, boxes2, format, pairwise)
    shares = shares_of(pair.a, pair.b)
    return np.asarray(shares.iou - penalty.value(pair.a, pair.b, shares), pair.dtype)


def _backward(op, dy, boxes1, boxes2, format, pairwise, penalty: Penalty | None, plus_one=False):
    pair = _pair(op, boxes1, boxes2, format, pairwise)
    a, b, dtype = pair
    shares = shares_of(a, b, plus_one)
    (dy,) = floating(op, dy=dy)
    check_shape(op, shares.iou.shape, "the shape of the output", dy=dy)
    dy = dy.astype(accumulator(dtype), copy=False)
    da, db = measure_backward(dy, a, b, shares, penalty, plus_one)
    return tuple(
        _brought_back(gradient, corners, format, pairwise, axis).astype(dtype, copy=False)
        for gradient, corners, axis in ((da, a, 1), (db, b, 0))
    )


def _brought_back(gradient, corners: Corners, format, pairwise, axis) -> np.ndarray:
    """The gradients by four corners of the pairs as one by the boxes that were given."""
    if pairwise:
        gradient, corners = gradient.sum(axis=1 + axis), corners.each(np.ravel)
    return corners_backward(gradient, corners, format)
