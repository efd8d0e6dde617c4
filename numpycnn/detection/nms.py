"""Non-max suppression: of boxes that overlap, keep the one with the best score."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from numpycnn.detection.boxes import Corners, as_boxes
from numpycnn.detection.greedy import keep
from numpycnn.detection.overlap import iou_matrix
from numpycnn.detection.soft_nms import SPARED, ZEROED, by_queue, checked, hard, output_size, unit
from numpycnn.ops.arguments import check_rank, check_shape, fail, floating, ieee, integer

__all__ = [
    "CombinedDetections",
    "Suppression",
    "combined_non_max_suppression",
    "non_max_suppression",
    "non_max_suppression_padded",
]


@ieee
def non_max_suppression(
    boxes,
    scores,
    max_output_size: int | None = None,
    *,
    iou_threshold: float = 0.5,
    score_threshold: float = -np.inf,
    classes=None,
    format: str = "xyxy",
    explain: bool = False,
) -> Any:
    """Drop boxes of low score; keep the best, drop what overlaps it by more than the threshold, and go on.

    Args:
        boxes: (n, 4) in `format`, any two opposite corners. A box without area overlaps nothing.
        scores: (n,), as objectness; a NaN is dropped. Of equal scores the lower index comes first.
        max_output_size: how many to keep at most, None for all.
        iou_threshold: in [0, 1]; only an IoU above it suppresses, one equal to it does not.
        score_threshold: only scores above it take part.
        classes: (n,) class numbers, so that boxes suppress only those of their own class; None for one class.
        explain: give a Suppression, which also tells who suppressed whom.

    Returns: indices (k,) of the kept boxes, best first; or a Suppression. In float16 and float32 the very indices
    that TensorFlow selects: overlaps are made in float32, in the same order. float64 is not rounded.

    Raises: ValueError for shapes, a threshold out of [0, 1] or an unknown format; TypeError for what holds no numbers.

    Source: Géron, Hands-On Machine Learning, 3rd ed., chapter 14, "Object Detection"; tf.image.non_max_suppression,
    which takes yxyx.

    >>> boxes, scores = [[0, 0, 4, 4], [0, 0, 4, 3], [5, 5, 6, 6]], [0.9, 0.8, 0.7]
    >>> non_max_suppression(boxes, scores)
    array([0, 2])
    >>> print(non_max_suppression(boxes, scores, explain=True))
    box 0, score 0.9: kept
    box 1, score 0.8: suppressed by box 0, IoU 0.75
    box 2, score 0.7: kept
    """
    op = "non_max_suppression"
    corners, scores = checked(op, boxes, scores, format)
    limit = output_size(op, max_output_size, len(scores))
    threshold, least = scores.dtype.type(unit(op, iou_threshold)), scores.dtype.type(score_threshold)
    labels = np.zeros(len(scores), np.intp) if classes is None else np.asarray(classes)
    check_shape(op, scores.shape, "a class for each box", classes=labels)
    if classes is None:
        indices = _select(corners, scores, threshold, least, limit)
    else:
        kept = [np.empty(0, np.intp)]
        for own in (np.flatnonzero(labels == label) for label in np.unique(labels)):
            kept.append(own[_select(_some(corners, own), scores[own], threshold, least, limit)])
        indices = np.sort(np.concatenate(kept))
        indices = indices[_best_first(scores[indices])][:limit]
    return _explained(corners, scores, labels, threshold, least, indices) if explain else indices


class Suppression(NamedTuple):
    """What became of each box; printed, a line for each, best first.

    indices: (k,) of the kept boxes, best first.   scores: (n,) as given.
    suppressed_by: (n,) the first kept box that overlaps each dropped one by more than the threshold; -1 where none
        does: the box was kept, its score was too low, or enough boxes had been found.
    overlap: (n,) IoU with that box; 0 where there is none.
    low: (n,) whether the score was not above the threshold.
    """

    indices: np.ndarray
    scores: np.ndarray
    suppressed_by: np.ndarray
    overlap: np.ndarray
    low: np.ndarray

    def __str__(self):
        order = _best_first(self.scores)
        return "\n".join(f"box {i}, score {self.scores[i]:.4g}: {self.fate(i)}" for i in order)

    def fate(self, i: int) -> str:
        """What became of box i, in words."""
        if i in self.indices:
            return "kept"
        if self.suppressed_by[i] >= 0:
            return f"suppressed by box {self.suppressed_by[i]}, IoU {self.overlap[i]:.4g}"
        return "dropped, score too low" if self.low[i] else "dropped, enough boxes were kept"


def non_max_suppression_padded(boxes, scores, max_output_size: int, **options) -> tuple[np.ndarray, int]:
    """`non_max_suppression` with a result of one size: indices (max_output_size,), zeros at the end; how many are real.

    Args: as `non_max_suppression`.   Source: tf.image.non_max_suppression_padded with pad_to_max_output_size.

    >>> non_max_suppression_padded([[0, 0, 4, 4], [5, 5, 6, 6]], [0.7, 0.8], 3)
    (array([1, 0, 0]), 2)
    """
    size = integer("non_max_suppression_padded", "max_output_size", max_output_size, least=0)
    indices = non_max_suppression(boxes, scores, size, **options)
    return np.append(indices, np.zeros(size - len(indices), np.intp)), len(indices)


class CombinedDetections(NamedTuple):
    """boxes (batch, k, 4), scores (batch, k) and classes (batch, k), zeros at the end; how many are real (batch,)."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    valid_detections: np.ndarray


@ieee
def combined_non_max_suppression(
    boxes,
    scores,
    *,
    max_output_size_per_class: int,
    max_total_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -np.inf,
    pad_per_class: bool = False,
    clip_boxes: bool = True,
    format: str = "xyxy",
) -> CombinedDetections:
    """Non-max suppression of every class of every picture of a batch, and the best of all classes together.

    Args:
        boxes: (batch, n, q, 4) in `format`, with q = 1 box for all classes or one for each.
        scores: (batch, n, classes).
        max_output_size_per_class, max_total_size: how many to keep at most of a class, and of a picture.
        iou_threshold, score_threshold: as in `non_max_suppression`.
        pad_per_class: give at most max_output_size_per_class * classes, where that is less than max_total_size.
        clip_boxes: cut the numbers of the boxes to 0 .. 1.

    Returns: CombinedDetections, of the dtype of the arrays; the classes are floats, as TensorFlow has them.
    Of equal scores the lower class and then the lower index comes first; TensorFlow has no rule.

    Raises: as `non_max_suppression`.   Source: tf.image.combined_non_max_suppression, which takes yxyx.

    >>> found = combined_non_max_suppression([[[[0, 0, 1, 1]], [[0, 0, 1, 0.5]]]], [[[0.1, 0.9], [0.3, 0.8]]],
    ...                                      max_output_size_per_class=2, max_total_size=3)
    >>> found.scores, found.classes, found.valid_detections
    (array([[0.9, 0.8, 0.3]]), array([[1., 1., 0.]]), array([3]))
    """
    op = "combined_non_max_suppression"
    boxes, scores = floating(op, boxes=boxes, scores=scores)
    check_rank(op, "(batch, n, 1 or classes, 4)", boxes=as_boxes(op, boxes=boxes))
    check_rank(op, "(batch, n, classes)", scores=scores)
    if boxes.shape[:2] != scores.shape[:2]:
        fail(op, "boxes and scores must have the same batch and n", boxes=boxes, scores=scores)
    if boxes.shape[2] not in (1, scores.shape[2]):
        fail(op, "boxes must have one box for all classes or one for each", boxes=boxes, scores=scores)
    total = integer(op, "max_total_size", max_total_size)
    of_a_class = integer(op, "max_output_size_per_class", max_output_size_per_class)
    size = min(total, of_a_class * scores.shape[2]) if pad_per_class else total
    result = CombinedDetections(
        np.zeros((len(boxes), size, 4), boxes.dtype),
        np.zeros((len(boxes), size), boxes.dtype),
        np.zeros((len(boxes), size), boxes.dtype),
        np.zeros(len(boxes), np.intp),
    )
    threshold, least = scores.dtype.type(unit(op, iou_threshold)), scores.dtype.type(score_threshold)
    for n in range(len(boxes)):
        index, classes = _of_every_class(op, boxes[n], scores[n], threshold, least, of_a_class, format)
        best = _best_first(scores[n, index, classes])[:size]
        index, classes, count = index[best], classes[best], len(best)
        found = boxes[n, index, classes if boxes.shape[2] > 1 else 0]
        result.boxes[n, :count] = np.clip(found, 0, 1) if clip_boxes else found
        result.scores[n, :count] = scores[n, index, classes]
        result.classes[n, :count], result.valid_detections[n] = classes, count
    return result


def _of_every_class(op, boxes, scores, threshold, least, limit, format) -> tuple[np.ndarray, np.ndarray]:
    """The kept boxes of one picture: their indices, and the class that each was kept for."""
    kept = [np.empty((2, 0), np.intp)]
    for k in range(scores.shape[1]):
        corners, own_scores = checked(op, boxes[:, k if boxes.shape[1] > 1 else 0], scores[:, k], format)
        indices = _select(corners, own_scores, threshold, least, limit, SPARED)
        kept.append(np.stack([indices, np.full(len(indices), k)]))
    index, classes = np.concatenate(kept, axis=1)
    return index, classes


def _select(corners: Corners, scores, threshold, least, limit: int, unknown=ZEROED) -> np.ndarray:
    areas = np.multiply(*corners.sides())
    if scores.dtype == np.float16 or not np.isfinite(areas).all():
        return by_queue(corners, scores, hard(threshold, unknown), least, limit)[0]
    for order in _prefixes(scores, least, limit):
        kept = keep(_some(corners, order), areas[order], threshold, limit)
        if len(kept) == limit:
            break
    return order[kept]


def _prefixes(scores, least, limit: int) -> Iterator[np.ndarray]:
    """Indices best first: of some of the best where few are wanted, then of all whose score is above the least."""
    count = 4 * limit + 64
    if count < len(scores) // 4:
        last = np.partition(np.nan_to_num(-scores, nan=np.inf), count)[count]
        best = np.flatnonzero(-scores <= last)
        best = best[_best_first(scores[best])]
        yield best[scores[best] > least]
    order = _best_first(scores)
    yield order[scores[order] > least]


def _best_first(scores) -> np.ndarray:
    """Indices by falling score, the lower first of equal ones; NaN at the end."""
    order = np.argsort(-scores)  # several times as fast as a stable sort, and the same where no two are equal
    ordered = scores[order]
    return np.argsort(-scores, kind="stable") if (ordered[1:] == ordered[:-1]).any() else order


def _some(corners: Corners, chosen) -> Corners:
    return corners.each(lambda array: array[chosen])


def _explained(corners: Corners, scores, labels, threshold, least, indices) -> Suppression:
    low = ~(scores > least)
    dropped = np.setdiff1d(np.flatnonzero(~low), indices)
    by, overlap = np.full(len(scores), -1, np.intp), np.zeros(len(scores), scores.dtype)
    kept = _some(corners, indices)
    for rows in np.array_split(dropped, 1 + len(dropped) // 256) if len(indices) else ():
        own = _some(corners, rows)
        overlaps = iou_matrix(own, kept, np.multiply(*own.sides()), np.multiply(*kept.sides())).astype(scores.dtype)
        counts = (overlaps > threshold) & (labels[rows, None] == labels[indices])
        found, first = counts.any(axis=1), counts.argmax(axis=1)
        by[rows[found]] = indices[first[found]]
        overlap[rows[found]] = overlaps[found, first[found]]
    return Suppression(indices, scores, by, overlap, low)
