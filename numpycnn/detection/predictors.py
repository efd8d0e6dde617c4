"""Predictors, one for each anchor of each cell of a grid: what they should say, what they do say, what follows from it.

Shared by the losses of YOLO v2 and v3.
"""

from typing import NamedTuple

import numpy as np

from numpycnn.detection.anchors import boxes_in_cells
from numpycnn.ops.arguments import accumulator, check_shape, fail, floating
from numpycnn.ops.sigmoids import gate


class Answers(NamedTuple):
    """What predictors should say and do say, widened, and what follows from it.

    true, pred: (batch, rows, columns, anchors, 5 + classes); dtype: of the result.
    there: 1 where a predictor answers for an object.
    places: (..., 2) where in its cell each predicted centre lies; objectness: sigmoid(to).
    boxes, true_boxes: (..., 4) rel_center_xywh, the true ones only where there is an object.
    """

    dtype: np.dtype
    true: np.ndarray
    pred: np.ndarray
    there: np.ndarray
    places: np.ndarray
    objectness: np.ndarray
    boxes: np.ndarray
    true_boxes: np.ndarray

    def truths(self) -> tuple[np.ndarray, np.ndarray]:
        """Which picture, and the box, of every object: (n,) and (n, 4)."""
        found = self.there > 0
        return np.nonzero(found)[0], self.true_boxes[found]

    def times(self, op, dy, slope) -> np.ndarray:
        """A gradient of the sum of each picture, times dy (batch,), in the dtype of the result."""
        (dy,) = floating(op, dy=dy)
        check_shape(op, slope.shape[:1], "one number for each picture", dy=dy)
        return (dy.reshape(-1, 1, 1, 1, 1) * slope).astype(self.dtype)


def answers(op, y_true, y_pred, anchors) -> Answers:
    """Checked and decoded; ValueError where the shapes do not go together."""
    (y_pred,) = floating(op, y_pred=y_pred)
    if y_pred.ndim != 5 or y_pred.shape[-1] < 6:
        fail(op, "y_pred must have the axes (batch, rows, columns, anchors, 5 + classes)", y_pred=y_pred)
    wide = accumulator(y_pred.dtype)
    y_true, anchors = np.asarray(y_true, wide), np.asarray(anchors, wide)
    check_shape(op, y_pred.shape, "the shape of y_pred", y_true=y_true)
    check_shape(op, (y_pred.shape[-2], 2), "a width and a height for each anchor", anchors=anchors)
    pred = y_pred.astype(wide)
    places = gate(pred[..., :2])
    return Answers(
        y_pred.dtype, y_true, pred, y_true[..., 4], places, gate(pred[..., 4]),
        boxes_in_cells(places, pred[..., 2:4], anchors), boxes_in_cells(y_true[..., :2], y_true[..., 2:4], anchors),
    )  # fmt: skip
