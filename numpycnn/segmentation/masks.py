"""Instance masks: one picture of true and false for each thing."""

import numpy as np

from numpycnn.detection.overlap_terms import ratio
from numpycnn.ops.arguments import check_rank, check_shape, fail

__all__ = ["class_map", "mask_iou", "masks_to_boxes"]


def class_map(masks, classes, *, background: int = 0) -> np.ndarray:
    """The class of every pixel, as networks for segmentation learn it: int (height, width).

    Args: masks: (n, height, width), true where the thing is, a later one over those before; classes: (n,) the number of
        each; background: the number of pixels without a thing.

    >>> class_map([[[0, 1, 1], [0, 0, 1]]], [7])
    array([[0, 7, 7],
           [0, 0, 7]])
    """
    masks, classes = np.asarray(masks), np.asarray(classes)
    check_rank("class_map", "(n, height, width)", masks=masks)
    check_shape("class_map", masks.shape[:1], "a number for each mask", classes=classes)
    numbers = np.full(masks.shape[1:], background)
    for mask, number in zip(masks, classes, strict=True):
        numbers[mask.astype(bool)] = number
    return numbers


def masks_to_boxes(masks) -> np.ndarray:
    """The smallest box around each mask: float64 (n, 4), xyxy in pixels; zeros for an empty mask.

    Args: masks: (n, height, width), true where the thing is.

    >>> masks_to_boxes([[[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]]])
    array([[2., 1., 4., 3.]])
    """
    masks = np.asarray(masks)
    if masks.shape == (0,):
        return np.zeros((0, 4))
    check_rank("masks_to_boxes", "(n, height, width)", masks=masks)
    boxes = np.zeros((len(masks), 4))
    for k, axis in enumerate((1, 2)):  # columns, then rows
        seen = np.asarray(masks.astype(bool).any(axis=axis))
        places = np.arange(seen.shape[-1])
        boxes[:, k] = np.where(seen, places, np.inf).min(axis=-1, initial=np.inf)
        boxes[:, k + 2] = np.where(seen, places + 1, 0).max(axis=-1, initial=0)
    return np.where(np.isfinite(boxes), boxes, 0)


def mask_iou(masks1, masks2) -> np.ndarray:
    """IoU of all pairs of masks (n, height, width) and (m, height, width): float64 (n, m), 0 for two empty masks.

    >>> mask_iou([[[1, 1, 0]]], [[[0, 1, 1]], [[1, 1, 0]]]).round(4)
    array([[0.3333, 1.    ]])
    """
    a, b = np.asarray(masks1), np.asarray(masks2)
    if a.ndim != 3 or b.ndim != 3 or a.shape[1:] != b.shape[1:]:
        fail("mask_iou", "masks must have the axes (n, height, width), of one size", masks1=a, masks2=b)
    pixels = a.shape[1] * a.shape[2]
    a, b = (masks.astype(bool).reshape(len(masks), pixels).astype(np.float64) for masks in (a, b))
    both = a @ b.T
    return ratio(both, a.sum(axis=1)[:, None] + b.sum(axis=1) - both)
