"""Anchor boxes and grids: how YOLO v2 and v3 write a box as numbers of the cell that holds its centre."""

import numpy as np

from numpycnn.detection.grids import Labelled, cells_of, centres_of, first_in_each, grid_size
from numpycnn.ops.arguments import check_shape, fail, floating, ieee, integer
from numpycnn.ops.sigmoids import sigmoid

__all__ = ["anchor_boxes", "decode_anchors", "encode_anchors"]


def anchor_boxes(sides, count: int, *, seed: int = 0, rounds: int = 300) -> np.ndarray:
    """The shapes that boxes have most often: k-means under the distance 1 - IoU of boxes laid on one centre.

    Args: sides: (n, 2) widths and heights above 0; count: how many shapes, at most n.

    Returns: (count, 2) widths and heights by rising area: means of those nearest to each. The same seed gives the same.
    Raises: ValueError for shapes or sides.   Source: Redmon & Farhadi, arXiv:1612.08242, section 2.

    >>> anchor_boxes([[1, 1], [1, 1], [8, 2], [8, 2]], 2)
    array([[1., 1.],
           [8., 2.]])
    """
    op = "anchor_boxes"
    (sides,) = floating(op, sides=sides)
    if sides.ndim != 2 or sides.shape[1] != 2 or not (sides > 0).all():
        fail(op, "sides must have the axes (n, 2), all above 0", sides=sides)
    if integer(op, "count", count) > len(np.unique(sides, axis=0)):
        fail(op, f"count ({count}) must be at most the number of different boxes", sides=sides)
    rng = np.random.default_rng(seed)
    centres = rng.permutation(np.unique(sides, axis=0))[:count]
    nearest = None
    for _ in range(rounds):
        before, nearest = nearest, _shape_iou(sides, centres).argmax(axis=1)
        if before is not None and (before == nearest).all():
            break
        for k in np.unique(nearest):
            centres[k] = sides[nearest == k].mean(axis=0)
    return centres[np.argsort(centres.prod(axis=1), kind="stable")]


@ieee
def decode_anchors(outputs, anchors) -> np.ndarray:
    """Boxes of what a network says in each cell, as YOLO v2 and v3.

    cx = (j + sigmoid(tx)) / columns,   cy = (i + sigmoid(ty)) / rows,   w = anchor_w * exp(tw),   h alike

    Args: outputs: (..., rows, columns, anchors, 4), tx, ty, tw, th; anchors: (anchors, 2), relative to the picture.

    Returns: the same shape, rel_center_xywh.   Source: Redmon & Farhadi, arXiv:1804.02767, section 2.1.

    >>> decode_anchors(np.zeros((1, 2, 1, 4)), [[0.5, 0.25]])[0, 1, 0]
    array([0.75, 0.5 , 0.5 , 0.25])
    """
    outputs, anchors = _checked("decode_anchors", outputs, anchors)
    boxes = boxes_in_cells(sigmoid(outputs[..., :2]), outputs[..., 2:], anchors)
    return boxes.astype(outputs.dtype, copy=False)


def encode_anchors(boxes, grid: tuple[int, int], anchors) -> tuple[np.ndarray, np.ndarray]:
    """For each box the cell and the anchor that answer for it, and what they should say.

    The cell is the one that holds the centre, the anchor the one whose shape overlaps the box most.

    Args: boxes: (n, 4) as rel_center_xywh, centres in [0, 1), sides above 0; grid: (rows, columns).

    Returns: places (n, 3), row, column and anchor; targets (n, 4): where in the cell the centre lies, from 0 to 1 (what
    sigmoid(tx) and sigmoid(ty) should be), then tw and th.
    """
    op = "encode_anchors"
    boxes, anchors = floating(op, boxes=boxes, anchors=anchors)
    boxes = boxes.reshape(-1, 4)
    cells, places = cells_of(op, boxes, grid)
    best = nearest_anchors(boxes[:, 2:], anchors)
    targets = np.concatenate([places, np.log(boxes[:, 2:] / anchors[best])], axis=1)
    return np.column_stack([cells, best]), targets.astype(boxes.dtype, copy=False)


def anchor_targets(op: str, things: Labelled, batch: int, grids, anchors: np.ndarray, classes: int) -> list[np.ndarray]:
    """What the predictors of several grids should say, (batch, rows, columns, anchors, 5 + classes) for each grid.

    A box has one predictor of one grid: its anchor is the one of all (scales, k, 2) whose shape overlaps it most.
    """
    scale = nearest_anchors(things.boxes[:, 2:], anchors.reshape(-1, 2)) // anchors.shape[1]
    targets = []
    for number, (grid, own_anchors) in enumerate(zip(grids, anchors, strict=True)):
        images, boxes, labels = (array[scale == number] for array in things)
        places, numbers = encode_anchors(boxes, grid, own_anchors)
        first = first_in_each(images, *places.T)
        images, places = images[first], tuple(places[first].T)
        made = np.zeros((batch, *grid_size(op, grid), len(own_anchors), 5 + classes), things.boxes.dtype)
        made[images, *places, :4] = numbers[first]
        made[images, *places, 4] = made[images, *places, 5 + labels[first]] = 1
        targets.append(made)
    return targets


def boxes_in_cells(places, logs, anchors) -> np.ndarray:
    """rel_center_xywh of centres in cells, 0 .. 1, and logarithms of sides beside anchors, both (..., anchors, 2)."""
    return np.concatenate([centres_of(places), anchors * np.exp(logs)], axis=-1)


def nearest_anchors(sides, anchors) -> np.ndarray:
    """The index of the anchor whose shape overlaps each of the boxes (n, 2) most, the lower of equal ones."""
    return _shape_iou(sides, anchors).argmax(axis=1) if len(sides) else np.empty(0, np.intp)


def _shape_iou(sides, anchors) -> np.ndarray:
    """IoU (n, k) of boxes with one centre."""
    both = np.minimum(sides[:, None], anchors).prod(axis=-1)
    return both / (sides.prod(axis=1)[:, None] + anchors.prod(axis=1) - both)


def _checked(op, outputs, anchors):
    outputs, anchors = floating(op, outputs=outputs, anchors=anchors)
    if outputs.ndim < 4 or outputs.shape[-1] != 4:
        fail(op, "outputs must have the axes (..., rows, columns, anchors, 4)", outputs=outputs)
    check_shape(op, (outputs.shape[-2], 2), "a width and a height for each anchor", anchors=anchors)
    return outputs, anchors
