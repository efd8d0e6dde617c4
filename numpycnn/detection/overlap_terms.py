"""What the measures of overlap are made of, each with its gradient by the corners of both boxes.

The corners of `a` and of `b` broadcast: (n, 1) against (1, m) for all pairs, or both of one shape.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from numpycnn.detection.boxes import Corners

Gradients = tuple[np.ndarray, np.ndarray]
"""Of a and of b, each by x1, y1, x2 and y2: (4, ...)."""


class Shares(NamedTuple):
    sides: tuple[np.ndarray, np.ndarray]
    intersection: np.ndarray
    areas: tuple[np.ndarray, np.ndarray]
    union: np.ndarray
    iou: np.ndarray


class Penalty(NamedTuple):
    """What a measure takes off IoU, and the gradients of that by the corners of both boxes."""

    value: Callable[[Corners, Corners, Shares], np.ndarray]
    backward: Callable[..., Gradients]


def shares_of(a: Corners, b: Corners, plus_one=False) -> Shares:
    added = 1 if plus_one else 0
    width = np.maximum(np.minimum(a.x2, b.x2) - np.maximum(a.x1, b.x1) + added, 0)
    height = np.maximum(np.minimum(a.y2, b.y2) - np.maximum(a.y1, b.y1) + added, 0)
    intersection = width * height
    areas = np.multiply(*a.sides(plus_one)), np.multiply(*b.sides(plus_one))
    union = areas[0] + areas[1] - intersection
    return Shares((width, height), intersection, areas, union, ratio(intersection, union))


def ratio(part, whole):
    """part / whole, and 0 where whole is 0."""
    nothing = whole == 0
    return np.where(nothing, 0, part / np.where(nothing, 1, whole))


def shares_backward(a, b, shares, dintersection, dunion, plus_one=False) -> Gradients:
    """From gradients by I and by U = A + B - I to those by the corners of both boxes."""
    width, height = shares.sides
    di = (dintersection - dunion) * ((width > 0) & (height > 0))
    inner = from_sides(di * height, di * width)
    ends = np.stack((a.x1 >= b.x1, a.y1 >= b.y1, a.x2 <= b.x2, a.y2 <= b.y2))
    (wa, ha), (wb, hb) = a.sides(plus_one), b.sides(plus_one)
    return inner * ends + from_sides(dunion * ha, dunion * wa), inner * ~ends + from_sides(dunion * hb, dunion * wb)


def from_sides(dwidth, dheight) -> np.ndarray:
    """The gradients by x1, y1, x2 and y2 (4, ...) of those by x2 - x1 and y2 - y1."""
    return np.stack((-dwidth, -dheight, dwidth, dheight))


# Penalties: the box around both, the distance of the centres, the difference of the shapes.


def _hull_sides(a, b):
    return np.maximum(a.x2, b.x2) - np.minimum(a.x1, b.x1), np.maximum(a.y2, b.y2) - np.minimum(a.y1, b.y1)


def _hull_backward(a, b, dwidth, dheight) -> Gradients:
    outer = from_sides(dwidth, dheight)
    ends = np.stack((a.x1 <= b.x1, a.y1 <= b.y1, a.x2 >= b.x2, a.y2 >= b.y2))
    return outer * ends, outer * ~ends


def _empty_share(a, b, shares):
    """The part of the box around both that neither covers."""
    width, height = _hull_sides(a, b)
    return ratio(width * height - shares.union, width * height)


def _empty_share_backward(a, b, shares, dy):
    width, height = _hull_sides(a, b)
    hull = width * height
    dhull = ratio(ratio(dy * shares.union, hull), hull)
    around = _hull_backward(a, b, dhull * height, dhull * width)
    within = shares_backward(a, b, shares, np.zeros_like(dy), ratio(-dy, hull))
    return around[0] + within[0], around[1] + within[1]


def _centre_steps(a, b):
    return (a.x1 + a.x2 - b.x1 - b.x2) / 2, (a.y1 + a.y2 - b.y1 - b.y2) / 2


def _distance(a, b, shares):
    """The squared distance of the centres in units of the squared diagonal of the box around both."""
    (dx, dy), (width, height) = _centre_steps(a, b), _hull_sides(a, b)
    return ratio(dx**2 + dy**2, width**2 + height**2)


def _distance_backward(a, b, shares, dy):
    (x, y), (width, height) = _centre_steps(a, b), _hull_sides(a, b)
    diagonal = width**2 + height**2
    dsquare = ratio(dy, diagonal)
    ddiagonal = -2 * dsquare * _distance(a, b, shares)
    around = _hull_backward(a, b, ddiagonal * width, ddiagonal * height)
    step = np.stack((dsquare * x, dsquare * y) * 2)
    return around[0] + step, around[1] - step


def _shape_difference(a, b):
    return 2 / np.pi * (np.arctan2(*a.sides()) - np.arctan2(*b.sides()))


def _alpha(a, b, shares):
    v = _shape_difference(a, b) ** 2
    return ratio(v, 1 - shares.iou + v)


def _distance_and_shape(a, b, shares):
    return _distance(a, b, shares) + _alpha(a, b, shares) * _shape_difference(a, b) ** 2


def _distance_and_shape_backward(a, b, shares, dy):
    dangle = dy * _alpha(a, b, shares) * 4 / np.pi * _shape_difference(a, b)
    da, db = _distance_backward(a, b, shares, dy)
    return da + _angle_backward(a, dangle), db + _angle_backward(b, -dangle)


def _angle_backward(corners, dangle) -> np.ndarray:
    width, height = corners.sides()
    square = width**2 + height**2
    return from_sides(ratio(dangle * height, square), ratio(-dangle * width, square))


def measure_backward(dy, a, b, shares, penalty: Penalty | None, plus_one=False) -> Gradients:
    """From the gradient by IoU without its penalty, or by IoU itself, to those by the corners of both boxes."""
    dunion = ratio(-dy * shares.iou, shares.union)
    da, db = shares_backward(a, b, shares, ratio(dy, shares.union), dunion, plus_one)
    if penalty is None:
        return da, db
    more = penalty.backward(a, b, shares, -dy)
    return da + more[0], db + more[1]


GIOU = Penalty(_empty_share, _empty_share_backward)
DIOU = Penalty(_distance, _distance_backward)
CIOU = Penalty(_distance_and_shape, _distance_and_shape_backward)
