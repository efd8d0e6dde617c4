"""Average precision: the area under precision over recall, as the VOC and COCO challenges measure it."""

import numpy as np

from numpycnn.ops.arguments import check_shape, fail, floating

__all__ = ["average_precision", "interpolate_precision"]

VOC11 = np.arange(11) / 10
COCO101 = np.linspace(0, 1, 101)
"""The recalls at which COCO looks, to the bit those of pycocotools."""


def average_precision(recall, precision, *, mode: str = "coco101") -> float:
    """One number for a curve of precision over recall, after `interpolate_precision`.

    "coco101"   the mean of the precisions at the recalls 0, 0.01, .. 1
    "voc11"     the mean of the precisions at the recalls 0, 0.1, .. 1
    "voc_all"   the area under the curve: the sum over all points of (step in recall) * precision

    The precision at a recall r is that of the first point whose recall is at least r; 0 where no point has it.

    Args: recall, precision: (n,) in the order of falling scores, so that recall never falls.

    Returns: a float in [0, 1]; 0 without points.
    Raises: ValueError for shapes, a falling recall or an unknown mode.
    Source: Everingham et al., The Pascal Visual Object Classes Challenge, 2010, section 4.2 (voc11), and its devkit of
    2010 (voc_all); pycocotools (coco101).

    >>> average_precision([0.5, 0.5, 1.0], [1.0, 0.5, 2 / 3], mode="voc_all")
    0.8333333333333333
    """
    op = "average_precision"
    recall, precision = floating(op, recall=recall, precision=precision)
    if recall.ndim != 1:
        fail(op, "recall must have the axes (n,)", recall=recall)
    check_shape(op, recall.shape, "the shape of recall", precision=precision)
    if (np.diff(recall) < 0).any():
        fail(op, "recall must never fall from one point to the next", recall=recall)
    best = interpolate_precision(precision)
    if check_mode(op, mode) == "voc_all":
        return float(np.sum(np.diff(recall, prepend=0) * best))
    return float(np.mean(sampled(recall, best, VOC11 if mode == "voc11" else COCO101)))


def interpolate_precision(precision) -> np.ndarray:
    """The best precision at each recall or above it: the curve without its dips.

    best[i] = max over k >= i of precision[k]

    Lowering the threshold, so that more is found, may make a detector more precise again; then nobody would choose
    the threshold before.   Args: precision (..., n) by rising recall.   Returns: the same shape and dtype.

    >>> interpolate_precision([1.0, 0.5, 2 / 3, 0.5]).round(2)
    array([1.  , 0.67, 0.67, 0.5 ])
    """
    (precision,) = floating("interpolate_precision", precision=precision)
    return np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1].copy()


def sampled(recall, best, recalls) -> np.ndarray:
    """The interpolated precision at each of the recalls."""
    return np.append(best, 0.0)[np.searchsorted(recall, recalls)]


def check_mode(op: str, mode: str) -> str:
    if mode not in ("coco101", "voc11", "voc_all"):
        fail(op, 'mode must be "coco101", "voc11" or "voc_all"', mode=mode)
    return mode
