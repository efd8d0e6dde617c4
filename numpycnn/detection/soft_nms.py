"""Non-max suppression that lowers the scores of overlapping boxes instead of dropping them."""

import heapq

import numpy as np

from numpycnn.detection.boxes import Corners, as_boxes, as_xyxy, corners_of
from numpycnn.detection.overlap import iou_matrix
from numpycnn.ops.arguments import check_shape, fail, floating, ieee, integer
from numpycnn.ops.scalars import real

__all__ = ["soft_non_max_suppression"]


ZEROED, SPARED = 0, 1
"""What TensorFlow's non_max_suppression and its combined_non_max_suppression do to a score at an overlap of NaN."""


@ieee
def soft_non_max_suppression(
    boxes,
    scores,
    max_output_size: int | None = None,
    *,
    soft_nms_sigma: float = 0.5,
    iou_threshold: float = 0.5,
    score_threshold: float = -np.inf,
    method: str = "gaussian",
    format: str = "xyxy",
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the best box, multiply the scores of the others by a weight of their overlap with it, and go on.

    "gaussian"   weight = exp(-iou^2 / (2 * soft_nms_sigma)); iou_threshold does nothing
    "linear"     weight = 1 - iou where iou > iou_threshold, else 1

    A box is dropped once its score is not above score_threshold. With soft_nms_sigma=0, "gaussian" is
    `non_max_suppression`.

    Args:
        boxes: (n, 4) in `format`; scores: (n,), at least 0 (a weight makes a negative one larger); a NaN is dropped.
        max_output_size: how many to keep at most, None for all.

    Returns: indices (k,) of the kept boxes in the order in which they were kept, and their scores (k,) then.

    Raises: ValueError for shapes, thresholds out of [0, 1], a negative sigma, an unknown method or format.

    Source: Bodla et al., arXiv:1704.04503; tf.image.non_max_suppression_with_scores, which has the 2 in the exponent
    (row 44 of the traps) and no linear method.

    >>> soft_non_max_suppression([[0, 0, 4, 4], [0, 0, 4, 3], [5, 5, 6, 6]], [0.9, 0.8, 0.7])
    (array([0, 2, 1]), array([0.9       , 0.7       , 0.45582626]))
    """
    op = "soft_non_max_suppression"
    corners, scores = checked(op, boxes, scores, format)
    limit = output_size(op, max_output_size, len(scores))
    if method not in ("gaussian", "linear"):
        fail(op, 'method must be "gaussian" or "linear"', method=method)
    sigma = real(op, "soft_nms_sigma", soft_nms_sigma, rule="a number of at least 0", low=0)
    threshold, least = scores.dtype.type(unit(op, iou_threshold)), scores.dtype.type(score_threshold)
    if method == "linear":
        return by_queue(corners, scores, lambda overlap: np.where(overlap > threshold, 1 - overlap, 1), least, limit)
    if sigma == 0:
        return by_queue(corners, scores, hard(threshold, ZEROED), least, limit)
    scale = scores.dtype.type(-0.5) / scores.dtype.type(sigma)
    return by_queue(corners, scores, lambda overlap: _exp(scale * overlap * overlap), least, limit)


def by_queue(corners: Corners, scores, weight, least, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """The best box is kept if no box kept since it was last looked at lowers its score, else it waits again.

    weight: what each overlap multiplies a score by.   least: scores must stay above.
    """
    queue = [(-score, i, 0) for i, score in enumerate(scores) if score > least]
    heapq.heapify(queue)
    kept, kept_scores = [], []
    while queue and len(kept) < limit:
        negative, i, seen = heapq.heappop(queue)
        overlaps = _overlaps(corners, i, kept[seen:][::-1]).astype(scores.dtype)
        score = np.multiply.accumulate(np.append(-negative, weight(overlaps)), dtype=scores.dtype)[-1]
        if score == -negative:
            kept.append(i)
            kept_scores.append(score)
        elif score > least:
            heapq.heappush(queue, (-score, i, len(kept)))
    return np.asarray(kept, np.intp), np.asarray(kept_scores, scores.dtype)


def hard(threshold, unknown: int):
    """Weights that drop what overlaps by more than the threshold: NaN, which makes a score fail every comparison.

    unknown: the weight of an overlap that is NaN itself, that of a box that is not finite.
    """
    kept = np.asarray([unknown, 1], threshold.dtype)
    return lambda overlap: np.where(overlap > threshold, np.nan, kept[(overlap <= threshold).astype(int)])


def checked(op: str, boxes, scores, format: str) -> tuple[Corners, np.ndarray]:
    """Corners (n,) and scores (n,), both of the wider of their dtypes.

    A NaN in the second corner leaves a box without extent, as TensorFlow's comparisons do; one in the first stays.
    """
    boxes, scores = floating(op, boxes=boxes, scores=scores)
    boxes = as_boxes(op, boxes=boxes)
    if boxes.ndim != 2:
        fail(op, "boxes must have the axes (n, 4)", boxes=boxes)
    if scores is None:
        raise TypeError(f"{op}: scores must be an array; got scores None.")
    check_shape(op, boxes.shape[:1], "a score for each box", scores=scores)
    given = as_xyxy(op, boxes, format)
    given[:, 2:] = np.where(np.isnan(given[:, 2:]), given[:, :2], given[:, 2:])
    return corners_of(op, given, "xyxy"), scores


def output_size(op: str, value, boxes: int) -> int:
    return boxes if value is None else min(boxes, integer(op, "max_output_size", value, least=0))


def unit(op: str, threshold) -> float:
    return real(op, "iou_threshold", threshold, rule="a number in [0, 1]", low=0, high=1)


def _overlaps(corners: Corners, i: int, others: list[int]) -> np.ndarray:
    """IoU of box i with each of the others; a box without area overlaps nothing, not even what is not finite."""
    a, b = corners.each(lambda array: array[[i]]), corners.each(lambda array: array[others])
    areas = [np.multiply(*side.sides()) for side in (a, b)]
    return np.where((areas[0] == 0) | (areas[1] == 0), 0, iou_matrix(a, b, *areas)[0])


def _exp(x):
    """e^x, rounded once to the dtype of x."""
    return np.exp(x.astype(np.float64)).astype(x.dtype)
