"""YOLO, the original: every cell of a grid says what class is in it, and a few predictors each give a box.

The channels of a cell are, for each predictor, x, y, root_w, root_h and its confidence, and after them one number for
each class. x and y are where in the cell the centre lies, 0 .. 1; root_w and root_h are the square roots of the sides,
relative to the picture. Source of all: Redmon et al., You Only Look Once, arXiv:1506.02640, section 2.
"""

from collections.abc import Sequence

import numpy as np

from numpycnn.detection.grids import cells_of, centres_of, first_in_each, grid_size, labelled
from numpycnn.detection.overlap import iou
from numpycnn.ops.arguments import accumulator, check_shape, fail, floating, ieee, integer

__all__ = ["yolo_v1_decode", "yolo_v1_loss", "yolo_v1_loss_backward", "yolo_v1_targets"]


def yolo_v1_targets(
    objects: Sequence[dict],
    *,
    grid: tuple[int, int] = (7, 7),
    predictors: int = 2,
    classes: int = 20,
    format: str = "rel_center_xywh",
    image_shape=None,
) -> np.ndarray:
    """What every cell should say of what is in the pictures.

    The cell that holds the centre of an object has its box in every predictor, confidence 1, and 1 for its class; all
    else is 0. Which predictor answers depends on what they say, and is decided in `yolo_v1_loss`. A cell has one
    object: of several whose centres share a cell the first is kept.

    Args:
        objects: for each picture a dict of boxes (k, 4), in `format`, and classes (k,), as `data.scenes` gives.
        grid: rows and columns; predictors: of each cell; classes: how many there are.
        image_shape: (height, width) of the pictures in pixels, for formats in pixels.

    Returns: (batch, rows, columns, 5 * predictors + classes), the dtype of the boxes.
    Raises: ValueError for a missing key, a class number out of range, a centre outside the picture.

    >>> targets = yolo_v1_targets([{"boxes": [[0.5, 0.3, 0.25, 0.16]], "classes": [2]}], grid=(2, 3), classes=3)
    >>> targets.shape, np.argwhere(targets[..., 4])
    ((1, 2, 3, 13), array([[0, 0, 1]]))
    >>> targets[0, 0, 1].round(3)
    array([0.5, 0.6, 0.5, 0.4, 1. , 0.5, 0.6, 0.5, 0.4, 1. , 0. , 0. , 1. ])
    """
    op = "yolo_v1_targets"
    things = labelled(op, objects, integer(op, "classes", classes), format, image_shape)
    cells, places = cells_of(op, things.boxes, grid)
    first = first_in_each(things.images, *cells.T)
    images, rows, columns = things.images[first], *cells[first].T
    box = np.concatenate([places, np.sqrt(things.boxes[:, 2:]), np.ones((len(places), 1))], axis=1)[first]
    count = integer(op, "predictors", predictors)
    targets = np.zeros((len(objects), *grid_size(op, grid), 5 * count + classes), things.boxes.dtype)
    targets[images, rows, columns, : 5 * count] = np.tile(box, count)
    targets[images, rows, columns, 5 * count + things.classes[first]] = 1
    return targets


@ieee
def yolo_v1_decode(outputs, *, predictors: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of all predictors, and how sure each is of each class.

    cx = (j + x) / columns,   cy = (i + y) / rows,   w = root_w^2,   h = root_h^2,   score[k] = confidence * class[k]

    Args: outputs: (..., rows, columns, 5 * predictors + classes), as `yolo_v1_targets` or a network gives them.

    Returns: boxes (..., rows, columns, predictors, 4) as rel_center_xywh; scores (..., rows, columns, predictors,
        classes): the class is conditional on there being an object. `yolo_detections` takes both.

    >>> targets = yolo_v1_targets([{"boxes": [[0.5, 0.3, 0.25, 0.16]], "classes": [2]}], grid=(2, 3), classes=3)
    >>> boxes, scores = yolo_v1_decode(targets)
    >>> boxes[0, 0, 1, 0], scores[0, 0, 1, 0]
    (array([0.5 , 0.3 , 0.25, 0.16]), array([0., 0., 1.]))
    """
    (outputs,) = floating("yolo_v1_decode", outputs=outputs)
    own, classes = _split("yolo_v1_decode", outputs, predictors)
    return _boxes(own), own[..., 4:] * classes[..., None, :]


@ieee
def yolo_v1_loss(
    y_true, y_pred, *, predictors: int = 2, lambda_coord=5.0, lambda_noobj=0.5, rescore: bool = True
) -> np.ndarray:
    """The sum over cells of squared errors; equation 3 of the paper.

    lambda_coord * ((x - x')^2 + (y - y')^2 + (root_w - root_w')^2 + (root_h - root_h')^2)   where a predictor answers
    + (confidence - IoU)^2                                                                   where a predictor answers
    + lambda_noobj * confidence^2                                                            of all other predictors
    + sum over classes of (p - p')^2                                                         where a cell has an object

    In a cell with an object the predictor answers whose box has the largest IoU with the true one; where none overlaps
    it, the one whose box is nearest in its four numbers.

    Args:
        y_true: of `yolo_v1_targets`; y_pred: the same shape, (batch, rows, columns, 5 * predictors + classes).
        rescore: whether confidence should be the IoU of its box with the true one, or else 1. The IoU, like the choice
            of the predictor, counts as a constant: no gradient goes through it.

    Returns: (batch,) in the dtype of y_pred.   Raises: ValueError for shapes.
    Source: the paper; darknet's detection_layer.c for the nearest box, the IoU as a constant and rescore.

    >>> y_true = yolo_v1_targets([{"boxes": [[0.5, 0.3, 0.25, 0.16]], "classes": [2]}], grid=(2, 3), classes=3)
    >>> y_pred = y_true.copy()
    >>> y_pred[0, 0, 1, 5:10] = 0                                       # the second predictor keeps silent
    >>> y_pred[0, 0, 1, 2] = 0.4                                        # a root of 0.4, not 0.5: 64% of the width
    >>> yolo_v1_loss(y_true, y_pred).round(4)                           # 5 * 0.1^2 + (1 - 0.64)^2
    array([0.1796])
    """
    lambdas = lambda_coord, lambda_noobj
    dtype, wanted, weights, y_pred = _wanted("yolo_v1_loss", y_true, y_pred, predictors, lambdas, rescore)
    return (weights * (y_pred - wanted) ** 2).sum(axis=(1, 2, 3)).astype(dtype)


@ieee
def yolo_v1_loss_backward(
    dy, y_true, y_pred, *, predictors: int = 2, lambda_coord=5.0, lambda_noobj=0.5, rescore: bool = True
) -> np.ndarray:
    """dy_pred = 2 * dy * weight * (y_pred - wanted), number by number, with the weights and wants of the loss.

    Args: dy: (batch,), as 1/batch each for the mean.   Returns: the shape and dtype of y_pred.
    """
    op, lambdas = "yolo_v1_loss_backward", (lambda_coord, lambda_noobj)
    dtype, wanted, weights, y_pred = _wanted(op, y_true, y_pred, predictors, lambdas, rescore)
    (dy,) = floating(op, dy=dy)
    check_shape(op, y_pred.shape[:1], "one number for each picture", dy=dy)
    return (2 * dy[:, None, None, None] * weights * (y_pred - wanted)).astype(dtype)


def _wanted(op, y_true, y_pred, predictors, lambdas, rescore) -> tuple:
    """The dtype of the result; what each number should be; what its squared error weighs; the numbers, widened."""
    (y_pred,) = floating(op, y_pred=y_pred)
    if y_pred.ndim != 4:
        fail(op, "y_pred must have the axes (batch, rows, columns, channels)", y_pred=y_pred)
    y_true, dtype = np.asarray(y_true, accumulator(y_pred.dtype)), y_pred.dtype
    check_shape(op, y_pred.shape, "the shape of y_pred", y_true=y_true)
    y_pred = y_pred.astype(y_true.dtype)
    true, classes = _split(op, y_true, predictors)
    overlaps, answers = _responsible(true, _split(op, y_pred, predictors)[0])
    there = true[..., :1, 4]  # (batch, rows, columns, 1)
    confidence = answers * overlaps if rescore else answers
    wanted = np.concatenate([true[..., :4], confidence[..., None]], axis=-1)
    box = np.repeat(lambdas[0] * answers[..., None], 4, axis=-1)
    weights = np.concatenate([box, np.where(answers, 1, lambdas[1])[..., None]], axis=-1)
    numbers = *there.shape[:-1], 5 * predictors
    return (
        dtype,
        np.concatenate([wanted.reshape(numbers), classes], axis=-1),
        np.concatenate([weights.reshape(numbers), np.broadcast_to(there, classes.shape)], axis=-1),
        y_pred,
    )


def _responsible(true, own) -> tuple[np.ndarray, np.ndarray]:
    """IoU of each predictor's box with the true one of its cell, and which predictor answers, (..., predictors)."""
    boxes, wanted = _boxes(own), _boxes(true)
    overlaps = iou(wanted, boxes, format="rel_center_xywh", pairwise=False)
    nearness = -((boxes - wanted) ** 2).sum(axis=-1)
    best = np.where(overlaps.any(axis=-1, keepdims=True), overlaps, nearness).argmax(axis=-1)
    return overlaps, (best[..., None] == np.arange(own.shape[-2])) & (true[..., 4] > 0)


def _boxes(own) -> np.ndarray:
    return np.concatenate([centres_of(own[..., :2]), own[..., 2:4] ** 2], axis=-1)


def _split(op, outputs, predictors) -> tuple[np.ndarray, np.ndarray]:
    """The channels as those of the predictors (..., predictors, 5) and of the classes (..., classes)."""
    boxes = 5 * integer(op, "predictors", predictors)
    if outputs.ndim < 3 or outputs.shape[-1] <= boxes:
        fail(op, f"outputs must have the axes (..., rows, columns, {boxes} + classes)", outputs=outputs)
    return outputs[..., :boxes].reshape(*outputs.shape[:-1], predictors, 5), outputs[..., boxes:]
