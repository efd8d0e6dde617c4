"""Objects and outputs of grids as the tests of YOLO draw them, and what answers for them, written as plain loops."""

import numpy as np

CLASSES = 3


def draw_objects(rng: np.random.Generator, batch: int) -> list[dict]:
    """Up to five boxes in each picture, rel_center_xywh, some so near to each other that they share a cell."""
    objects = []
    for _ in range(batch):
        count = rng.integers(0, 6)
        centres = rng.uniform(0.02, 0.98, (count, 2)) if rng.random() < 0.7 else rng.uniform(0.3, 0.5, (count, 2))
        boxes = np.concatenate([centres, rng.uniform(0.05, 1, (count, 2))], axis=1)
        objects.append({"boxes": boxes, "classes": rng.integers(0, CLASSES, count)})
    return objects


def draw_anchors(rng: np.random.Generator, scales: int) -> np.ndarray:
    """(scales, 2, 2)"""
    return rng.uniform(0.05, 0.9, (scales, 2, 2))


def nearest(sides, anchors) -> tuple[int, int]:
    """Scale and number of the anchor of (scales, k, 2) whose shape has the largest IoU with a box."""
    shapes = {(s, k): shape_iou(sides, anchors[s, k]) for s in range(len(anchors)) for k in range(len(anchors[s]))}
    return max(shapes, key=lambda which: shapes[which])


def shape_iou(a, b) -> float:
    both = min(a[0], b[0]) * min(a[1], b[1])
    return both / (a[0] * a[1] + b[0] * b[1] - both)


def kept(one: dict, grids, anchors=None) -> list[tuple]:
    """Place, box and class of each object of a picture, in order, but for those whose place was taken before.

    The place is (row, column) of one grid, or with anchors (scale, row, column, anchor) of several.
    """
    found = {}
    for box, label in zip(one["boxes"], one["classes"], strict=True):
        scale, anchor = (0, 0) if anchors is None else nearest(box[2:], anchors)
        rows, columns = grids if anchors is None else grids[scale]
        i, j = int(box[1] * rows), int(box[0] * columns)
        found.setdefault((i, j) if anchors is None else (scale, i, j, anchor), (box, int(label)))
    return [(place, box, label) for place, (box, label) in found.items()]


def outputs_that_say(targets: np.ndarray) -> np.ndarray:
    """Outputs of a network (..., 5 + classes) whose sigmoids, and softmax, are the targets."""
    said = np.where(targets > 0, 40.0, -40.0)
    said[..., :2] = np.log(np.maximum(targets[..., :2], 1e-12) / np.maximum(1 - targets[..., :2], 1e-12))
    said[..., 2:4] = targets[..., 2:4]
    return said


def iou_of(a, b) -> float:
    """Of two boxes, center_xywh, by plain numbers."""
    sides = [
        max(0.0, min(a[k] + a[k + 2] / 2, b[k] + b[k + 2] / 2) - max(a[k] - a[k + 2] / 2, b[k] - b[k + 2] / 2))
        for k in (0, 1)
    ]
    both = sides[0] * sides[1]
    return float(both / (a[2] * a[3] + b[2] * b[3] - both))
