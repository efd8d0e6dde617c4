"""What the measures of overlap are made of, each with its gradient by the corners of both boxes.

The corners of `a` and of `b` broadcast: (n, 1) against (1, m) for all pairs, or both of one shape.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from numpycnn.detection.boxes import Corners

Four = list[np.ndarray]
"""Gradients by x1, y1, x2 and y2."""


class Shares(NamedTuple):
    sides: tuple[np.ndarray, np.ndarray]
    intersection: np.ndarray
    areas: tuple[np.ndarray, np.ndarray]
    union: np.ndarray
    iou: np.ndarray


class Penalty(NamedTuple):
    """What a measure takes off IoU, and the gradients of that by the corners of both boxes."""

    value: Callable[[Corners, Corners, Shares], np.ndarray]
    backward: Callable[..., tuple[Four, Four]]


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


def shares_backward(a, b, shares, dintersection, dunion, plus_one=False):
    """From gradients by I and by U = A + B - I to those by the corners of both boxes."""
    width, height = shares.sides
    di = (dintersection - dunion) * ((width > 0) & (height > 0))
    dwidth, dheight = di * height, di * width
    left, top, right, bottom = a.x1 >= b.x1, a.y1 >= b.y1, a.x2 <= b.x2, a.y2 <= b.y2
    inner = (-dwidth, left), (-dheight, top), (dwidth, right), (dheight, bottom)
    da = [d * chosen for d, chosen in inner]
    db = [d * ~chosen for d, chosen in inner]
    for gradient, corners in ((da, a), (db, b)):
        w, h = corners.sides(plus_one)
        for k, d in enumerate((-dunion * h, -dunion * w, dunion * h, dunion * w)):
            gradient[k] = gradient[k] + d
    return da, db


# Penalties: the box around both, the distance of the centres, the difference of the shapes.


def _hull_sides(a, b):
    return np.maximum(a.x2, b.x2) - np.minimum(a.x1, b.x1), np.maximum(a.y2, b.y2) - np.minimum(a.y1, b.y1)


def _hull_backward(a, b, dwidth, dheight) -> tuple[Four, Four]:
    left, top, right, bottom = a.x1 <= b.x1, a.y1 <= b.y1, a.x2 >= b.x2, a.y2 >= b.y2
    outer = (-dwidth, left), (-dheight, top), (dwidth, right), (dheight, bottom)
    da, db = zip(*((d * chosen, d * ~chosen) for d, chosen in outer), strict=True)
    return da, db


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
    return tuple([d + e for d, e in zip(*both, strict=True)] for both in zip(around, within, strict=True))


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
    steps = (dsquare * x, dsquare * y) * 2
    return [d + e for d, e in zip(around[0], steps, strict=True)], [
        d - e for d, e in zip(around[1], steps, strict=True)
    ]


def _shape_difference(a, b):
    return 2 / np.pi * (np.arctan2(*a.sides()) - np.arctan2(*b.sides()))


def _alpha(a, b, shares):
    v = _shape_difference(a, b) ** 2
    return ratio(v, 1 - shares.iou + v)


def _distance_and_shape(a, b, shares):
    return _distance(a, b, shares) + _alpha(a, b, shares) * _shape_difference(a, b) ** 2


def _distance_and_shape_backward(a, b, shares, dy):
    dangle = dy * _alpha(a, b, shares) * 4 / np.pi * _shape_difference(a, b)
    gradients = _distance_backward(a, b, shares, dy)
    for gradient, corners, sign in zip(gradients, (a, b), (1, -1), strict=True):
        width, height = corners.sides()
        square = width**2 + height**2
        dwidth, dheight = ratio(sign * dangle * height, square), ratio(-sign * dangle * width, square)
        for k, d in enumerate((-dwidth, -dheight, dwidth, dheight)):
            gradient[k] = gradient[k] + d
    return gradients


GIOU = Penalty(_empty_share, _empty_share_backward)
DIOU = Penalty(_distance, _distance_backward)
CIOU = Penalty(_distance_and_shape, _distance_and_shape_backward)
