"""YOLO v2: every cell has a predictor for each of a few anchors, and each predictor a class of its own.

A predictor says tx, ty, tw, th, to and one number for each class, all without bounds: `decode_anchors` makes a box of
the first four, a sigmoid the objectness of to, softmax the classes of the rest. The targets hold what should come out:
where in the cell the centre lies, 0 .. 1 (not tx and ty), then tw and th, then 1 for an object, then 1 for its class.
Source of all: Redmon & Farhadi, YOLO9000, arXiv:1612.08242, section 2; the loss is that of darknet's region_layer.c,
since the paper gives none.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from numpycnn.detection.anchors import anchor_targets, decode_anchors
from numpycnn.detection.grids import labelled, most_overlap
from numpycnn.detection.overlap import iou
from numpycnn.detection.predictors import Answers, answers
from numpycnn.ops.arguments import fail, floating, ieee, integer
from numpycnn.ops.sigmoids import gate
from numpycnn.ops.softmax import log_shares, shares

__all__ = ["yolo_v2_decode", "yolo_v2_loss", "yolo_v2_loss_backward", "yolo_v2_targets"]


def yolo_v2_targets(
    objects: Sequence[dict],
    grid: tuple[int, int],
    anchors,
    *,
    classes: int,
    format: str = "rel_center_xywh",
    image_shape=None,
) -> np.ndarray:
    """What every predictor should say of what is in the pictures.

    A box has one predictor: of the cell that holds its centre the anchor whose shape overlaps it most. Of several that
    have the same one, the first is kept.

    Args:
        objects, format, image_shape: as in `yolo_v1_targets`; grid: rows and columns.
        anchors: (anchors, 2) widths and heights relative to the picture, as of `anchor_boxes`.

    Returns: (batch, rows, columns, anchors, 5 + classes), the dtype of the boxes; 0 where there is no object.

    >>> objects = [{"boxes": [[0.55, 0.3, 0.4, 0.2]], "classes": [1]}]
    >>> targets = yolo_v2_targets(objects, (2, 3), [[0.1, 0.2], [0.4, 0.4]], classes=2)
    >>> targets.shape, np.argwhere(targets[..., 4])
    ((1, 2, 3, 2, 7), array([[0, 0, 1, 1]]))
    >>> targets[0, 0, 1, 1].round(3)
    array([ 0.65 ,  0.6  ,  0.   , -0.693,  1.   ,  0.   ,  1.   ])
    """
    op = "yolo_v2_targets"
    things = labelled(op, objects, integer(op, "classes", classes), format, image_shape)
    (anchors,) = floating(op, anchors=anchors)
    if anchors.ndim != 2 or anchors.shape[1] != 2:
        fail(op, "anchors must have the axes (anchors, 2)", anchors=anchors)
    (targets,) = anchor_targets(op, things, len(objects), [grid], anchors[None], classes)
    return targets


@ieee
def yolo_v2_decode(outputs, anchors) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of all predictors, and how sure each is of each class.

    boxes = decode_anchors(tx, ty, tw, th),   score[k] = sigmoid(to) * softmax(classes)[k]

    Args: outputs: (..., rows, columns, anchors, 5 + classes) of a network; anchors: (anchors, 2).

    Returns: boxes (..., rows, columns, anchors, 4) as rel_center_xywh, scores (..., rows, columns, anchors, classes);
        `yolo_detections` takes both.

    >>> boxes, scores = yolo_v2_decode(np.zeros((1, 2, 3, 1, 7)), [[0.5, 0.25]])
    >>> boxes[0, 1, 1, 0], scores[0, 1, 1, 0]
    (array([0.5 , 0.75, 0.5 , 0.25]), array([0.25, 0.25]))
    """
    (outputs,) = floating("yolo_v2_decode", outputs=outputs)
    boxes = decode_anchors(outputs[..., :4], anchors)
    scores = gate(outputs[..., 4:5]) * shares(outputs[..., 5:], -1)
    return boxes, scores.astype(outputs.dtype, copy=False)


@ieee
def yolo_v2_loss(
    y_true,
    y_pred,
    anchors,
    *,
    coord_scale: float = 1.0,
    object_scale: float = 5.0,
    noobject_scale: float = 1.0,
    class_scale: float = 1.0,
    ignore_threshold: float = 0.6,
    rescore: bool = True,
) -> np.ndarray:
    """The sum over predictors of half the squared errors, and of the cross-entropies of the classes.

    of predictors that answer for an object of class k:
        coord_scale/2 * ((sigmoid(tx) - x)^2 + (sigmoid(ty) - y)^2 + (tw - tw')^2 + (th - th')^2)
        + object_scale/2 * (sigmoid(to) - IoU)^2 - class_scale * log(softmax(classes)[k])
    of the others, unless their box overlaps a true one by more than ignore_threshold:
        noobject_scale/2 * sigmoid(to)^2

    Args:
        y_true: of `yolo_v2_targets`; y_pred: the same shape, (batch, rows, columns, anchors, 5 + classes).
        rescore: whether the objectness should be the IoU of the box with the true one, or else 1. The IoU, like the
            choice of those that are ignored, counts as a constant: no gradient goes through it.

    Returns: (batch,) in the dtype of y_pred.   Raises: ValueError for shapes.
    Source: darknet, region_layer.c and the scales of yolov2.cfg, whose `delta` is minus this gradient; without its pull
    of all boxes to their anchors in the first 12,800 pictures.

    >>> anchors = [[0.4, 0.4]]
    >>> y_true = yolo_v2_targets([{"boxes": [[0.5, 0.25, 0.4, 0.4]], "classes": [1]}], (2, 3), anchors, classes=2)
    >>> y_pred = np.full(y_true.shape, -50.0)
    >>> y_pred[0, 0, 1, 0] = [0, 0, np.log(0.5), 0, 0, 0, 0]            # half as wide, undecided else
    >>> yolo_v2_loss(y_true, y_pred, anchors).round(4)                  # 0.6931^2 / 2 + 0 + log(2)
    array([0.9334])
    """
    scales = coord_scale, object_scale, noobject_scale, class_scale
    terms = _terms("yolo_v2_loss", y_true, y_pred, anchors, scales, ignore_threshold, rescore)
    own, there = terms.own, terms.own.there
    boxes = coord_scale * there * (terms.steps**2).sum(axis=-1)
    objectness = terms.weights * (own.objectness - terms.wanted) ** 2
    classes = there * (own.true[..., 5:] * log_shares(own.pred[..., 5:], -1)).sum(axis=-1)
    total = (boxes + objectness) / 2 - class_scale * classes
    return total.sum(axis=(1, 2, 3)).astype(own.dtype)


@ieee
def yolo_v2_loss_backward(
    dy,
    y_true,
    y_pred,
    anchors,
    *,
    coord_scale: float = 1.0,
    object_scale: float = 5.0,
    noobject_scale: float = 1.0,
    class_scale: float = 1.0,
    ignore_threshold: float = 0.6,
    rescore: bool = True,
) -> np.ndarray:
    """With s = sigmoid: dtx = (s - x) * s * (1 - s),  dtw = tw - tw',  dto = (s - IoU) * s * (1 - s),
    dclasses = softmax(classes) - [k is the class], each times dy and its scale.

    Args: dy: (batch,), as 1/batch each for the mean.   Returns: the shape and dtype of y_pred.
    """
    op, scales = "yolo_v2_loss_backward", (coord_scale, object_scale, noobject_scale, class_scale)
    terms = _terms(op, y_true, y_pred, anchors, scales, ignore_threshold, rescore)
    own, there = terms.own, terms.own.there[..., None]
    bells = np.concatenate([own.places * (1 - own.places), np.ones_like(own.places)], axis=-1)
    objectness = terms.weights * (own.objectness - terms.wanted) * own.objectness * (1 - own.objectness)
    classes = shares(own.pred[..., 5:], -1) - own.true[..., 5:]
    slope = [coord_scale * there * terms.steps * bells, objectness[..., None], class_scale * there * classes]
    return own.times(op, dy, np.concatenate(slope, axis=-1))


class Terms(NamedTuple):
    """steps: (..., 4) how far sigmoid(tx), sigmoid(ty), tw, th are off; what the objectness should be; its weight."""

    own: Answers
    steps: np.ndarray
    wanted: np.ndarray
    weights: np.ndarray


def _terms(op, y_true, y_pred, anchors, scales, ignore_threshold, rescore) -> Terms:
    own = answers(op, y_true, y_pred, anchors)
    steps = np.concatenate([own.places, own.pred[..., 2:4]], axis=-1) - own.true[..., :4]
    _, object_scale, noobject_scale, _ = scales
    free = most_overlap(own.boxes, *own.truths()) <= ignore_threshold
    weights = np.where(own.there > 0, object_scale, noobject_scale * free)
    overlaps = iou(own.true_boxes, own.boxes, format="rel_center_xywh", pairwise=False) if rescore else 1
    return Terms(own, steps, own.there * overlaps, weights)
