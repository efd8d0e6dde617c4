"""YOLO v3: as v2 on several grids, each with anchors of its own; classes that do not exclude each other.

Targets and outputs are lists with one array for each grid, in the form of `yolo_v2`; a sigmoid makes the classes.
Source of all: Redmon & Farhadi, YOLOv3, arXiv:1804.02767, section 2.
"""

from collections.abc import Sequence

import numpy as np

from numpycnn.detection.anchors import anchor_targets, decode_anchors
from numpycnn.detection.grids import labelled, most_overlap
from numpycnn.detection.predictors import Answers, answers
from numpycnn.ops.arguments import fail, floating, ieee, integer
from numpycnn.ops.sigmoids import gate

__all__ = ["YOLO_V3_ANCHORS", "yolo_v3_decode", "yolo_v3_loss", "yolo_v3_loss_backward", "yolo_v3_targets"]

YOLO_V3_ANCHORS = (
    np.array(
        [
            [[116, 90], [156, 198], [373, 326]],
            [[30, 61], [62, 45], [59, 119]],
            [[10, 13], [16, 30], [33, 23]],
        ]
    )
    / 416
)
"""The nine of the paper, (3, 3, 2), found on COCO at 416 pixels: relative to the picture, the coarsest grid first."""


def yolo_v3_targets(
    objects: Sequence[dict],
    grids: Sequence[tuple[int, int]],
    anchors=YOLO_V3_ANCHORS,
    *,
    classes: int,
    format: str = "rel_center_xywh",
    image_shape=None,
) -> list[np.ndarray]:
    """What every predictor of every grid should say of what is in the pictures.

    A box has one predictor in all: the anchor of any grid whose shape overlaps it most says which grid answers, the
    centre which cell of it. Of several boxes that have the same one, the first is kept.

    Args:
        objects, format, image_shape: as in `yolo_v1_targets`.
        grids: rows and columns of each, as [(13, 13), (26, 26), (52, 52)].
        anchors: (grids, anchors, 2) relative to the picture.

    Returns: a list of (batch, rows, columns, anchors, 5 + classes), the dtype of the boxes.

    >>> objects = [{"boxes": [[0.5, 0.5, 0.9, 0.8], [0.3, 0.2, 0.05, 0.1]], "classes": [1, 0]}]
    >>> targets = yolo_v3_targets(objects, [(2, 3), (4, 6), (8, 12)], classes=2)
    >>> [np.argwhere(t[0, ..., 4]).tolist() for t in targets]           # row, column, anchor
    [[[1, 1, 2]], [], [[1, 3, 1]]]
    """
    op = "yolo_v3_targets"
    things = labelled(op, objects, integer(op, "classes", classes), format, image_shape)
    (anchors,) = floating(op, anchors=anchors)
    if anchors.ndim != 3 or anchors.shape[2] != 2 or len(anchors) != len(grids):
        fail(op, "anchors must have the axes (grids, anchors, 2)", anchors=anchors, grids=grids)
    return anchor_targets(op, things, len(objects), grids, anchors, classes)


@ieee
def yolo_v3_decode(outputs: Sequence, anchors=YOLO_V3_ANCHORS) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of all predictors of all grids, and how sure each is of each class.

    boxes = decode_anchors(tx, ty, tw, th),   score[k] = sigmoid(to) * sigmoid(classes)[k]

    Args: outputs: a list of (..., rows, columns, anchors, 5 + classes) of a network; anchors: (grids, anchors, 2).

    Returns: boxes (..., n, 4) as rel_center_xywh and scores (..., n, classes), n the predictors of all grids, one grid
        after the other; `yolo_detections` takes both.

    >>> boxes, scores = yolo_v3_decode([np.zeros((1, 2 * k, 3 * k, 3, 7)) for k in (1, 2, 4)])
    >>> boxes.shape, scores.shape, scores[0, 0]
    ((1, 378, 4), (1, 378, 2), array([0.25, 0.25]))
    """
    boxes, scores = [], []
    for own, own_anchors in _each("yolo_v3_decode", anchors, outputs):
        (own,) = floating("yolo_v3_decode", outputs=own)
        flat = *own.shape[:-4], int(np.prod(own.shape[-4:-1]))
        boxes.append(decode_anchors(own[..., :4], own_anchors).reshape(*flat, 4))
        own_scores = (gate(own[..., 4:5]) * gate(own[..., 5:])).astype(own.dtype, copy=False)
        scores.append(own_scores.reshape(*flat, own.shape[-1] - 5))
    return np.concatenate(boxes, axis=-2), np.concatenate(scores, axis=-2)


@ieee
def yolo_v3_loss(y_true: Sequence, y_pred: Sequence, anchors=YOLO_V3_ANCHORS, *, ignore_threshold=0.5) -> np.ndarray:
    """The sum over the predictors of all grids of cross-entropies H, and of squared errors of tw and th.

    of predictors that answer for an object:
        (2 - w * h) * (H(x, sigmoid(tx)) + H(y, sigmoid(ty)) + (tw - tw')^2 / 2 + (th - th')^2 / 2)
        + H(1, sigmoid(to)) + sum over classes of H(p, sigmoid(class))
    of the others, unless their box overlaps a true one by more than ignore_threshold:
        H(0, sigmoid(to))
    where H(t, q) = -t * log(q) - (1 - t) * log(1 - q)

    The gradient of every number is what the network says less what it should say, as section 2.1 of the paper has it
    for boxes; that this is so of sigmoid(tx), and the weight that favours small boxes, are darknet's. H(x, .) is not 0
    where x is met.

    Args:
        y_true: of `yolo_v3_targets`; y_pred: arrays of the same shapes, (batch, rows, columns, anchors, 5 + classes).
        ignore_threshold: for the predicted box and the true boxes of the whole picture, whatever grid they are on; the
            paper speaks of the anchor there, darknet takes the prediction. Which are ignored counts as a constant.

    Returns: (batch,) in the dtype of y_pred.   Raises: ValueError for shapes.
    Source: the paper; darknet, yolo_layer.c, whose `delta` is minus this gradient.

    >>> anchors = [[[0.4, 0.4]]]
    >>> y_true = yolo_v3_targets([{"boxes": [[0.5, 0.25, 0.4, 0.4]], "classes": [1]}], [(2, 3)], anchors, classes=2)
    >>> y_pred = np.full(y_true[0].shape, -50.0)
    >>> y_pred[0, 0, 1, 0] = 0                                          # the right box, undecided else
    >>> yolo_v3_loss(y_true, [y_pred], anchors).round(4)                # (1.84 * 2 + 1 + 2) * log(2)
    array([4.6302])
    """
    totals, grids = [], _grids("yolo_v3_loss", y_true, y_pred, anchors, ignore_threshold)
    for own, weights in grids:
        errors = np.maximum(own.pred, 0) - own.pred * own.true + np.log1p(np.exp(-np.abs(own.pred)))
        errors[..., 2:4] = (own.pred - own.true)[..., 2:4] ** 2 / 2
        totals.append((weights * errors).sum(axis=(1, 2, 3, 4)))
    return sum(totals[1:], totals[0]).astype(grids[0][0].dtype)


@ieee
def yolo_v3_loss_backward(
    dy, y_true: Sequence, y_pred: Sequence, anchors=YOLO_V3_ANCHORS, *, ignore_threshold=0.5
) -> list[np.ndarray]:
    """dy_pred = dy * weight * (said - wanted): sigmoid(y_pred) - y_true, and y_pred - y_true for tw and th.

    Args: dy: (batch,), as 1/batch each for the mean.   Returns: a list of the shapes and dtypes of y_pred.
    """
    op, gradients = "yolo_v3_loss_backward", []
    for own, weights in _grids(op, y_true, y_pred, anchors, ignore_threshold):
        said = gate(own.pred)
        said[..., 2:4] = own.pred[..., 2:4]
        gradients.append(own.times(op, dy, weights * (said - own.true)))
    return gradients


def _grids(op, y_true, y_pred, anchors, ignore_threshold) -> list[tuple[Answers, np.ndarray]]:
    """For each grid its answers, and what the error of each of their numbers weighs."""
    each = [answers(op, true, pred, own) for true, pred, own in _each(op, anchors, y_true, y_pred)]
    images, truths = (np.concatenate(parts) for parts in zip(*(own.truths() for own in each), strict=True))
    found = []
    for own in each:
        weights = np.repeat(own.there[..., None], own.pred.shape[-1], axis=-1)
        weights[..., :4] *= 2 - own.true_boxes[..., 2:3] * own.true_boxes[..., 3:4]
        weights[..., 4] = (own.there > 0) | (most_overlap(own.boxes, images, truths) <= ignore_threshold)
        found.append((own, weights))
    return found


def _each(op, anchors, *lists):
    """What belongs to each grid; ValueError where the lists are not as long as the anchors are many."""
    anchors = np.asarray(anchors)
    if anchors.ndim != 3 or not len(anchors) or any(len(one) != len(anchors) for one in lists):
        lengths = " and ".join(str(len(one)) for one in lists)
        fail(
            op, f"anchors (grids, anchors, 2) must be for as many grids as there are arrays, {lengths}", anchors=anchors
        )
    return zip(*lists, anchors, strict=True)
