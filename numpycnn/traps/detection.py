"""Rows on boxes: when they overlap, which is suppressed, and how a detector is scored."""

import numpy as np

from numpycnn.traps.row import Row, Shown

__all__ = ["ROWS"]


def decay():
    score, overlap, sigma = 0.8, 0.5, 0.5
    return [
        Shown("TensorFlow: exp(-IoU^2 / (2 sigma))", float(score * np.exp(-0.5 * overlap**2 / sigma))),
        Shown("without the half: exp(-IoU^2 / sigma)", float(score * np.exp(-(overlap**2) / sigma))),
    ]


def one_pixel():
    """Boxes 0, 0, 10, 10 and 5, 5, 15, 15."""

    def iou(extra: int) -> float:
        inside, area = (5 + extra) ** 2, (10 + extra) ** 2
        return inside / (2 * area - inside)

    return [Shown("width = x2 - x1", iou(0)), Shown("width = x2 - x1 + 1", iou(1))]


ROWS = [
    Row(
        38,
        "Suppression at exactly the threshold",
        "only IoU above it suppresses",
        "the same",
        "the same",
        "round thresholds meet round boxes",
        "R*/S",
        sources=("onnx issue 7615",),
    ),
    Row(
        39,
        "IoU of one third against a threshold of one third",
        "kept",
        "suppressed: float beside double",
        "kept",
        "thresholds that binary numbers cannot hold",
        "R*",
    ),
    Row(
        40,
        "Equal scores",
        "the lower index first; combined_non_max_suppression has no rule",
        "an unstable sort: another order from 17 boxes on",
        "as TensorFlow in four of four trials",
        "scores of a real network rarely tie, those of a quantized one often",
        "R*/S",
    ),
    Row(
        41,
        "Corners of a box",
        "y1, x1, y2, x2, any two opposite corners",
        "x1, y1, x2, y2; a flipped pair is never suppressed",
        "y1, x1, y2, x2 in any order, or centre and size",
        "square boxes on the diagonal",
        "R*/S",
    ),
    Row(
        42,
        "Boxes without area, scores that are NaN",
        "IoU 0; dropped",
        "IoU NaN; kept in front",
        "IoU 0",
        "broken boxes",
        "R*",
    ),
    Row(
        43,
        "Defaults of suppression",
        "IoU 0.5; scores strictly above; the combined form clips to 0..1",
        "none",
        "IoU 0, at most 0 boxes: empty",
        "an empty answer is noticed, a clipped one is not",
        "R",
    ),
    Row(
        44,
        "Decay of soft suppression",
        "exp(-IoU^2 / (2 sigma))",
        "-",
        "-",
        "sigma is tuned to the one that is used",
        "R",
        given="score 0.8, IoU 0.5, sigma 0.5",
        example=decay,
    ),
    Row(
        45,
        "The legacy pixel in box sizes",
        "no + 1",
        "no + 1",
        "no + 1",
        "large boxes hide a pixel",
        "R",
        given="boxes 0 0 10 10 and 5 5 15 15",
        example=one_pixel,
        sources=("cocoapi issue 5",),
    ),
    Row(
        46,
        "keras.metrics.MeanIoU",
        "a confusion matrix of class numbers; absent classes are left out; floats and boxes "
        "are read as numbers without an error",
        "-",
        "-",
        "a figure comes out all the same",
        "R",
    ),
    Row(
        47,
        "Matching in average precision",
        "COCO: IoU >= t, 101 recalls, a stable sort, at most 1, 10, 100 detections; VOC 2007: 11 points",
        "-",
        "-",
        "figures of the two are not comparable",
        "S",
    ),
]
