"""Losses of predicted boxes, 1 minus a measure of overlap, box by box and without a reduction.

Targets are constants: each backward gives the gradient by y_pred alone.
"""

from numpycnn.detection.overlap import (
    ciou,
    ciou_backward,
    diou,
    diou_backward,
    giou,
    giou_backward,
    iou,
    iou_backward,
)

__all__ = [
    "ciou_loss",
    "ciou_loss_backward",
    "diou_loss",
    "diou_loss_backward",
    "giou_loss",
    "giou_loss_backward",
    "iou_loss",
    "iou_loss_backward",
]


def iou_loss(y_true, y_pred, *, format: str = "xyxy"):
    """1 - iou(y_true, y_pred), from 0 to 1; boxes that do not meet get no gradient.

    Args: y_true, y_pred: boxes (..., 4) of one shape in `format`.   Returns: (...).   Source: as `iou`.

    >>> iou_loss([[0, 0, 2, 2]], [[0, 0, 2, 4]])
    array([0.5])
    """
    return 1 - iou(y_true, y_pred, format=format, pairwise=False)


def iou_loss_backward(dy, y_true, y_pred, *, format: str = "xyxy"):
    """dy_pred = -iou_backward(dy)"""
    return -iou_backward(dy, y_true, y_pred, format=format, pairwise=False)[1]


def giou_loss(y_true, y_pred, *, format: str = "xyxy"):
    """1 - giou(y_true, y_pred), from 0 to 2.   Args and Returns: as `iou_loss`.   Source: as `giou`."""
    return 1 - giou(y_true, y_pred, format=format, pairwise=False)


def giou_loss_backward(dy, y_true, y_pred, *, format: str = "xyxy"):
    """dy_pred = -giou_backward(dy)"""
    return -giou_backward(dy, y_true, y_pred, format=format, pairwise=False)[1]


def diou_loss(y_true, y_pred, *, format: str = "xyxy"):
    """1 - diou(y_true, y_pred), from 0 to 2.   Args and Returns: as `iou_loss`.   Source: as `diou`."""
    return 1 - diou(y_true, y_pred, format=format, pairwise=False)


def diou_loss_backward(dy, y_true, y_pred, *, format: str = "xyxy"):
    """dy_pred = -diou_backward(dy)"""
    return -diou_backward(dy, y_true, y_pred, format=format, pairwise=False)[1]


def ciou_loss(y_true, y_pred, *, format: str = "xyxy"):
    """1 - ciou(y_true, y_pred).   Args and Returns: as `iou_loss`.   Source: as `ciou`."""
    return 1 - ciou(y_true, y_pred, format=format, pairwise=False)


def ciou_loss_backward(dy, y_true, y_pred, *, format: str = "xyxy"):
    """dy_pred = -ciou_backward(dy), alpha a constant"""
    return -ciou_backward(dy, y_true, y_pred, format=format, pairwise=False)[1]
