"""One object in a picture: the losses of a network that tells its class and its box, and how good its boxes are."""

import numpy as np

from numpycnn import ops
from numpycnn.detection.boxes import as_boxes
from numpycnn.detection.overlap import iou
from numpycnn.ops.arguments import accumulator, check_shape, fail, floating, ieee

__all__ = [
    "localization_loss",
    "localization_loss_backward",
    "mean_box_iou",
    "square_root_box_loss",
    "square_root_box_loss_backward",
]


def localization_loss(
    labels, boxes, class_output, box_output, *, loss_weights=(0.8, 0.2), box_loss: str = "mean_squared_error"
):
    """loss_weights[0] * sparse_categorical_crossentropy(labels, class_output) + loss_weights[1] * box_loss

    Args:
        labels: (batch,) class numbers; class_output: (batch, classes) probabilities.
        boxes, box_output: (batch, 4), normalized to 0 .. 1, that is in a `rel_` format; "square_root" takes
            rel_center_xywh.
        box_loss: "mean_squared_error" or "square_root", `square_root_box_loss`.

    Returns: (batch,), as the losses of `ops`.   Raises: ValueError as those, or for another box_loss.
    Source: Géron, Hands-On Machine Learning, 3rd ed., chapter 14, "Classification and Localization".

    >>> localization_loss([0], [[0.5, 0.5, 0.2, 0.4]], [[0.5, 0.5]], [[0.5, 0.5, 0.2, 0.2]]).round(4)
    array([0.5565])
    """
    of_boxes, _ = _box_loss("localization_loss", box_loss)
    classes = ops.sparse_categorical_crossentropy(labels, class_output)
    return loss_weights[0] * classes + loss_weights[1] * of_boxes(boxes, box_output)


def localization_loss_backward(
    dy, labels, boxes, class_output, box_output, *, loss_weights=(0.8, 0.2), box_loss: str = "mean_squared_error"
):
    """The gradients of `localization_loss` by what the two heads gave.

    Args: dy: (batch,), as 1/batch each for the mean.   Returns: dclass_output, dbox_output, as `Model.backward` takes.
    """
    _, of_boxes_backward = _box_loss("localization_loss_backward", box_loss)
    (dy,) = floating("localization_loss_backward", dy=dy)
    return [
        ops.sparse_categorical_crossentropy_backward(loss_weights[0] * dy, labels, class_output),
        of_boxes_backward(loss_weights[1] * dy, boxes, box_output),
    ]


@ieee
def square_root_box_loss(y_true, y_pred):
    """(cx - cx')^2 + (cy - cy')^2 + (sqrt(w) - sqrt(w'))^2 + (sqrt(h) - sqrt(h'))^2

    A few pixels matter more in a small box than in a large one, which the root makes up for in part. A predicted side
    below 0 counts as 0.

    Args: y_true, y_pred: boxes (..., 4) of one shape as rel_center_xywh.   Returns: (...), the dtype of y_pred.
    Raises: ValueError for shapes, or a true side below 0.   Source: Redmon et al., arXiv:1506.02640, equation 3.

    >>> wide = square_root_box_loss([[0.5, 0.5, 200 / 400, 0.1]], [[0.5, 0.5, 210 / 400, 0.1]])
    >>> narrow = square_root_box_loss([[0.5, 0.5, 50 / 400, 0.1]], [[0.5, 0.5, 60 / 400, 0.1]])
    >>> f"{wide.item():.2e} {narrow.item():.2e}"
    '3.05e-04 1.14e-03'
    """
    steps, _ = _rooted("square_root_box_loss", y_true, y_pred)
    (y_pred,) = floating("square_root_box_loss", y_pred=y_pred)
    return np.asarray((steps**2).sum(axis=-1), y_pred.dtype)


@ieee
def square_root_box_loss_backward(dy, y_true, y_pred):
    """dcx' = 2 * dy * (cx' - cx),   dw' = dy * (sqrt(w') - sqrt(w)) / sqrt(w'),   0 where w' is not above 0

    Returns: dy_pred, the shape of y_pred, the dtype that dy and y_pred have in common.
    """
    op = "square_root_box_loss_backward"
    steps, roots = _rooted(op, y_true, y_pred)
    dy, y_pred = floating(op, dy=dy, y_pred=y_pred)
    check_shape(op, steps.shape[:-1], "the shape of the loss", dy=dy)
    slope = 2 * steps * dy[..., None]
    sides = slope[..., 2:] / (2 * np.where(roots > 0, roots, np.inf))
    return np.concatenate([slope[..., :2], sides], axis=-1).astype(y_pred.dtype, copy=False)


def mean_box_iou(y_true, y_pred, *, format: str = "xyxy") -> float:
    """The mean over all boxes of IoU with the true box: how well a network localizes.

    Args: y_true, y_pred: boxes (..., 4) of one shape in `format`.   Returns: a float in [0, 1]; NaN without boxes.
    `segmentation.mean_iou` is another thing by the same name: of class numbers, pixel by pixel (row 46 of the traps).

    >>> mean_box_iou([[0, 0, 2, 2], [0, 0, 1, 1]], [[0, 0, 2, 1], [0, 0, 1, 1]])
    0.75
    """
    overlaps = iou(y_true, y_pred, format=format, pairwise=False)
    return float(overlaps.mean(dtype=accumulator(overlaps.dtype))) if overlaps.size else float("nan")


def _rooted(op, y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    """Prediction less truth, sides under the root, and the roots of the predicted sides."""
    y_true, y_pred = as_boxes(op, y_true=y_true), as_boxes(op, y_pred=y_pred)
    check_shape(op, y_pred.shape, "the shape of y_pred", y_true=y_true)
    if (y_true[..., 2:] < 0).any():
        fail(op, "the sides of y_true must be at least 0", y_true=y_true)
    y_true, y_pred = (boxes.astype(accumulator(y_pred.dtype)) for boxes in (y_true, y_pred))
    roots = np.sqrt(np.maximum(y_pred[..., 2:], 0))
    steps = np.concatenate([y_pred[..., :2] - y_true[..., :2], roots - np.sqrt(y_true[..., 2:])], axis=-1)
    return steps, roots


def _box_loss(op, name):
    losses = {
        "mean_squared_error": (ops.mean_squared_error, ops.mean_squared_error_backward),
        "square_root": (square_root_box_loss, square_root_box_loss_backward),
    }
    if name not in losses:
        fail(op, f"box_loss must be one of {', '.join(losses)}", box_loss=name)
    return losses[name]
