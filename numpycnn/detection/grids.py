"""Grids: the cell that answers for what is in a picture, and what a grid of answers has found.

A picture is cut into rows x columns cells. The cell that holds the centre of a box answers for it. Everything here is
relative to the picture, 0 .. 1 (rel_center_xywh): x counts columns, y counts rows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from numpycnn.detection.boxes import as_boxes, convert_boxes
from numpycnn.detection.nms import non_max_suppression
from numpycnn.detection.overlap import iou
from numpycnn.ops.arguments import check_shape, fail, floating, integer

__all__ = ["yolo_detections"]


class Labelled(NamedTuple):
    """What is in all pictures of a batch, one after the other.

    images: (n,) which picture; boxes: (n, 4) rel_center_xywh; classes: (n,) class numbers.
    """

    images: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray


def yolo_detections(
    boxes,
    scores,
    *,
    score_threshold: float = 0.5,
    iou_threshold: float = 0.5,
    max_detections: int = 100,
    format: str = "rel_center_xywh",
    image_shape=None,
) -> list[dict[str, np.ndarray]]:
    """What is left of the boxes of all cells: scores above a threshold, class by class without those that overlap.

    Args:
        boxes: (batch, ..., 4) as rel_center_xywh and scores: (batch, ..., classes), as the three `yolo_*_decode` give.
            A box is found once for each class whose score is high enough.
        score_threshold: scores must be above it; iou_threshold: as in `non_max_suppression`.
        max_detections: the best so many of a picture.
        format, image_shape: of the boxes that come out, as in `convert_boxes`; formats in pixels need image_shape.

    Returns: for each picture a dict of boxes (k, 4), scores (k,) and classes (k,), best first, as
        `mean_average_precision` takes.

    >>> boxes = [[[0.5, 0.5, 0.4, 0.4], [0.5, 0.5, 0.4, 0.3], [0.1, 0.1, 0.2, 0.2]]]
    >>> (found,) = yolo_detections(boxes, [[[0.9, 0.1], [0.8, 0.7], [0.1, 0.1]]])
    >>> found["classes"], found["scores"]
    (array([0, 1]), array([0.9, 0.7]))
    """
    op = "yolo_detections"
    boxes, scores = floating(op, boxes=boxes, scores=scores)
    if as_boxes(op, boxes=boxes).ndim < 2 or scores.shape[:-1] != boxes.shape[:-1]:
        rule = "boxes must have the axes (batch, ..., 4), and scores (batch, ..., classes)"
        fail(op, rule, boxes=boxes, scores=scores)
    places = int(np.prod(boxes.shape[1:-1]))
    found = []
    for own, score in zip(
        boxes.reshape(len(boxes), places, 4), scores.reshape(len(boxes), places, scores.shape[-1]), strict=True
    ):
        index, classes = np.nonzero(score > score_threshold)
        own, score = own[index], score[index, classes]
        kept = non_max_suppression(
            own, score, max_detections, iou_threshold=iou_threshold, classes=classes, format="rel_center_xywh"
        )
        own = convert_boxes(own[kept], "rel_center_xywh", format, image_shape=image_shape)
        found.append({"boxes": own, "scores": score[kept], "classes": classes[kept]})
    return found


def labelled(op: str, objects: Sequence[dict], classes: int, format: str, image_shape) -> Labelled:
    """The objects of a batch, checked: a dict of boxes and classes for each picture."""
    images, boxes, labels = [np.empty(0, np.intp)], [], [np.empty(0, np.intp)]
    for i, one in enumerate(objects):
        if not {"boxes", "classes"} <= set(one):
            fail(op, f"objects[{i}] must have boxes and classes; it has {', '.join(one) or 'neither'}")
        own = convert_boxes(one["boxes"], format, "rel_center_xywh", image_shape=image_shape).reshape(-1, 4)
        given = np.asarray(one["classes"])
        check_shape(op, own.shape[:1], f"one for each of the boxes of objects[{i}]", classes=given)
        if ((given < 0) | (given >= classes) | (given != np.trunc(given))).any():
            fail(op, f"the classes of objects[{i}] must be whole numbers in [0, {classes})", classes=given.tolist())
        images.append(np.full(len(own), i))
        boxes.append(own)
        labels.append(given.astype(np.intp))
    everything = np.concatenate(boxes) if boxes else np.empty((0, 4))
    return Labelled(np.concatenate(images), everything, np.concatenate(labels))


def cells_of(op: str, boxes: np.ndarray, grid) -> tuple[np.ndarray, np.ndarray]:
    """The cells (n, 2), row and column, that answer for boxes (n, 4); where in its cell each centre lies, x, y, 0 .. 1.

    Raises: ValueError for a centre outside [0, 1) or a side that is not above 0, as boxes in pixels have.
    """
    if not ((boxes[:, :2] >= 0) & (boxes[:, :2] < 1) & (boxes[:, 2:] > 0)).all():
        fail(op, "centres must lie in [0, 1) and sides be above 0, relative to the picture", boxes=boxes)
    rows, columns = grid_size(op, grid)
    scaled = boxes[:, :2] * np.array([columns, rows], boxes.dtype)
    cells = np.minimum(np.floor(scaled).astype(np.intp), [columns - 1, rows - 1])
    return cells[:, ::-1], scaled - cells


def centres_of(places: np.ndarray) -> np.ndarray:
    """From where in its cell each centre lies, (..., rows, columns, k, 2), to where in the picture."""
    rows, columns = places.shape[-4:-2]
    i, j = np.mgrid[:rows, :columns][..., None].astype(places.dtype)
    return np.stack([(j + places[..., 0]) / columns, (i + places[..., 1]) / rows], axis=-1)


def first_in_each(*places: np.ndarray) -> np.ndarray:
    """Indices of those that come first at their place; a place is one number of each array (n,)."""
    return np.sort(np.unique(np.stack(places, axis=1), axis=0, return_index=True)[1])


def most_overlap(boxes: np.ndarray, images: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """The largest IoU of each box (batch, ..., 4) with any of the truths (n, 4) of its picture; 0 without one."""
    most = np.zeros(boxes.shape[:-1], boxes.dtype)
    for image in np.unique(images):
        overlaps = iou(boxes[image].reshape(-1, 4), truths[images == image], format="rel_center_xywh")
        most[image] = overlaps.max(axis=1).reshape(most.shape[1:])
    return most


def grid_size(op: str, grid) -> tuple[int, int]:
    rows, columns = (integer(op, "grid", size) for size in grid)
    return rows, columns
