"""Overlap and suppression of boxes with their conventions as parameters: what rules on boxes are made of."""

from dataclasses import dataclass

import numpy as np

from numpycnn.detection.boxes import Corners, convert_boxes
from numpycnn.detection.overlap_terms import CIOU, DIOU, GIOU, Penalty, Shares

__all__ = ["PENALTIES", "Conventions", "measured", "suppressed"]

PENALTIES: dict[str, Penalty | None] = {"iou": None, "giou": GIOU, "diou": DIOU, "ciou": CIOU}


@dataclass(frozen=True)
class Conventions:
    """How the other side measures and suppresses; the defaults are numpycnn's own.

    Overlap. as_given: corners are not put in order.   nan: 0 / 0 is NaN.   plus_one: a pixel more on each side.
    uncut: negative sides of an intersection are not cut at 0.   whole: what the intersection is divided by.
    root: the distance of the centres is not squared.
    Suppression. order: in which boxes are asked.   at_threshold: an equal overlap suppresses as well.
    double: overlaps of float32 are compared with a double.   by_dropped: boxes that were dropped suppress others.
    at_score: an equal score takes part.   all_classes: boxes suppress those of other classes.   first: the limit is
    on the boxes that are asked.   unlimited: there is none.   gives: which numbers come out.
    """

    as_given: bool = False
    nan: bool = False
    plus_one: bool = False
    uncut: bool = False
    whole: str = "union"
    root: bool = False
    order: str = "best, lower index"
    at_threshold: bool = False
    double: bool = False
    by_dropped: bool = False
    at_score: bool = False
    all_classes: bool = False
    first: bool = False
    unlimited: bool = False
    gives: str = "indices"


def measured(how: Conventions, measure: str, boxes1, boxes2, *, format: str = "xyxy", pairwise: bool = True):
    """iou, giou, diou or ciou of two arrays of boxes."""
    first, second = (convert_boxes(boxes, format, "xyxy") for boxes in (boxes1, boxes2))
    if pairwise:
        first, second = first[:, None], second[None]
    a, b = (_corners(how, boxes) for boxes in (first, second))
    shares, penalty = _shares(how, a, b), PENALTIES[measure]
    if penalty is None:
        return shares.iou
    value = penalty.value(a, b, shares)
    return shares.iou - (np.sqrt(value) if how.root else value)


def _corners(how: Conventions, boxes) -> Corners:
    x1, y1, x2, y2 = np.moveaxis(boxes, -1, 0)
    flipped = x1 > x2, y1 > y2
    if how.as_given:
        return Corners(x1, y1, x2, y2, flipped)
    return Corners(np.minimum(x1, x2), np.minimum(y1, y2), np.maximum(x1, x2), np.maximum(y1, y2), flipped)


def _shares(how: Conventions, a: Corners, b: Corners) -> Shares:
    width, height = (
        np.minimum(high1, high2) - np.maximum(low1, low2) + how.plus_one
        for low1, low2, high1, high2 in ((a.x1, b.x1, a.x2, b.x2), (a.y1, b.y1, a.y2, b.y2))
    )
    if not how.uncut:
        width, height = np.maximum(width, 0), np.maximum(height, 0)
    inside = width * height
    areas = np.multiply(*a.sides(how.plus_one)), np.multiply(*b.sides(how.plus_one))
    union = areas[0] + areas[1] - inside
    wholes = {"union": union, "sum": areas[0] + areas[1], "smaller": np.minimum(*areas), "first": areas[0] + 0 * inside}
    whole = wholes[how.whole]
    with np.errstate(all="ignore"):
        shares = inside / whole
    return Shares((width, height), inside, areas, union, shares if how.nan else np.where(whole == 0, 0, shares))


def suppressed(
    how: Conventions,
    boxes,
    scores,
    max_output_size=None,
    *,
    iou_threshold=0.5,
    score_threshold=-np.inf,
    classes=None,
    format="xyxy",
) -> np.ndarray:
    """The boxes that are kept."""
    taking_part = scores >= score_threshold if how.at_score else scores > score_threshold
    asked = [i for i in _order(how, scores) if taking_part[i]]
    limit = len(scores) if max_output_size is None or how.unlimited else max_output_size
    drops = _drops(how, measured(how, "iou", boxes, boxes, format=format), iou_threshold)
    if classes is not None and not how.all_classes:
        drops &= classes[:, None] == classes
    kept: list[int] = []
    for place, i in enumerate(asked[:limit] if how.first else asked):
        if not drops[i, asked[:place] if how.by_dropped else kept].any():
            kept.append(i)
    kept = kept[:limit]
    numbers = {
        "indices": kept,
        "sorted": sorted(kept),
        "places": [asked.index(i) for i in kept],
        "of those that take part": [int(taking_part[:i].sum()) for i in kept],
    }
    return np.asarray(numbers[how.gives], np.intp)


def _order(how: Conventions, scores) -> list[int]:
    return {
        "best, lower index": np.argsort(-scores, kind="stable"),
        "best, higher index": np.argsort(scores, kind="stable")[::-1],
        "worst": np.argsort(scores, kind="stable"),
        "as they come": np.arange(len(scores)),
    }[how.order].tolist()


def _drops(how: Conventions, overlaps, threshold) -> np.ndarray:
    if how.double:
        overlaps = overlaps.astype(np.float32).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return overlaps >= threshold if how.at_threshold else overlaps > threshold
