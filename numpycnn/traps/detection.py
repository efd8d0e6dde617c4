"""Rows on boxes: when they overlap, which is suppressed, and how a detector is scored."""

import numpy as np

from numpycnn.detection import average_precision, mean_box_iou
from numpycnn.segmentation import mean_iou
from numpycnn.traps.row import Row, Shown, under
from numpycnn.verification.calls import Call

__all__ = ["ROWS"]

BOX, HALF, SHIFTED = [0.0, 0, 2, 2], [0.0, 0, 2, 1], [0.0, 1, 2, 3]
"""IoU of the first with the others: 1/2 and 1/3."""

ONE, TWO, THREE = [0.0, 0, 1, 1], [2.0, 0, 3, 1], [4.0, 0, 5, 1]
TURNED = [4.0, 7, 1, 2]


def suppression(boxes, scores, **options) -> Call:
    arrays = {"boxes": np.array(boxes, np.float32), "scores": np.array(scores, np.float32), "classes": None}
    return Call("non_max_suppression", arrays, options)


def pairs(boxes1, boxes2, **options) -> Call:
    return Call("iou", {"boxes1": np.array(boxes1, float), "boxes2": np.array(boxes2, float)}, options)


def at_the_threshold():
    call = suppression([BOX, HALF], [0.9, 0.8], iou_threshold=0.5)
    return [
        Shown("all: kept boxes", under(call)),
        Shown("IoU >= threshold", under(call, "suppressed at the threshold")),
    ]


def a_third():
    call = suppression([BOX, SHIFTED], [0.9, 0.8], iou_threshold=1 / 3)
    return [Shown("TensorFlow, ONNX: kept boxes", under(call)), Shown("PyTorch", under(call, "double threshold"))]


def equal_scores():
    call = suppression([ONE, TWO, THREE], [0.5, 0.5, 0.9])
    return [
        Shown("TensorFlow: kept boxes, best first", under(call)),
        Shown("np.argsort(scores)[::-1]", under(call, "higher index first")),
    ]


def two_corners():
    turned, sides = pairs([[1, 2, 4, 7]], [TURNED]), pairs([[1, 2, 4, 7]], [[2, 3, 5, 7]])
    return [
        Shown("any two corners: IoU with 4 7 1 2", under(turned)),
        Shown("first corner taken for the upper left one", under(turned, "corners as given")),
        Shown("two corners: IoU with 2 3 5 7", under(sides)),
        Shown("both read as x, y, width, height", under(sides, "boxes as xywh")),
    ]


def without_area():
    call = pairs([[1, 1, 1, 1]], [[1, 1, 1, 1]])
    return [Shown("TensorFlow, ONNX: IoU", under(call)), Shown("PyTorch's box_iou", under(call, "NaN without area"))]


def defaults():
    call = suppression([BOX, HALF, SHIFTED], [0.75, 0.5, 0.25], score_threshold=0.25)
    clipped = Call(
        "combined_non_max_suppression",
        {"boxes": np.array([[[BOX]]], float) - 0.5, "scores": np.ones((1, 1, 1))},
        {"max_output_size_per_class": 1, "max_total_size": 1},
    )
    return [
        Shown("TensorFlow: kept boxes", under(call)),
        Shown("score >= score_threshold", under(call, "score at the threshold")),
        Shown("ONNX's IoU threshold of 0", under(call, "iou_threshold 0")),
        Shown("combined, -0.5 -0.5 1.5 1.5 comes out as", under(clipped, output="boxes")),
        Shown("without clipping", under(clipped, "boxes not clipped", output="boxes")),
    ]


def boxes_as_classes():
    one, other = np.array([BOX]), np.array([SHIFTED])
    classes = (boxes.astype(int) for boxes in (one, other))
    return [
        Shown("mean IoU of the boxes", mean_box_iou(one, other)),
        Shown("their numbers taken for classes", mean_iou(*classes, num_classes=4)),
    ]


def two_challenges():
    recall, precision = [0.25, 0.5, 0.5, 0.75], [1.0, 1.0, 2 / 3, 0.75]
    names = {"coco101": "COCO, 101 recalls", "voc11": "VOC 2007, 11 recalls", "voc_all": "VOC 2010, all points"}
    return [Shown(name, average_precision(recall, precision, mode=mode)) for mode, name in names.items()]


def decay():
    score, overlap, sigma = 0.8, 0.5, 0.5
    return [
        Shown("TensorFlow: exp(-IoU^2 / (2 sigma))", float(score * np.exp(-0.5 * overlap**2 / sigma))),
        Shown("without the half: exp(-IoU^2 / sigma)", float(score * np.exp(-(overlap**2) / sigma))),
    ]


def one_pixel():
    call = pairs([[0, 0, 10, 10]], [[5, 5, 15, 15]])
    return [Shown("width = x2 - x1", under(call)), Shown("width = x2 - x1 + 1", under(call, "one pixel more"))]


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
        ops=("non_max_suppression",),
        given="boxes 0 0 2 2 and 0 0 2 1 (IoU 1/2), threshold 0.5",
        example=at_the_threshold,
    ),
    Row(
        39,
        "IoU of one third against a threshold of one third",
        "kept",
        "suppressed: float beside double",
        "kept",
        "thresholds that binary numbers cannot hold",
        "R*",
        ops=("non_max_suppression",),
        given="boxes 0 0 2 2 and 0 1 2 3 (IoU 1/3), float32, threshold 1/3",
        example=a_third,
    ),
    Row(
        40,
        "Equal scores",
        "the lower index first; combined_non_max_suppression has no rule",
        "an unstable sort: another order from 17 boxes on",
        "as TensorFlow in four of four trials",
        "scores of a real network rarely tie, those of a quantized one often",
        "R*/S",
        ops=("non_max_suppression",),
        given="three boxes apart, scores 0.5, 0.5, 0.9",
        example=equal_scores,
    ),
    Row(
        41,
        "Corners of a box",
        "y1, x1, y2, x2, any two opposite corners",
        "x1, y1, x2, y2; a flipped pair is never suppressed",
        "y1, x1, y2, x2 in any order, or centre and size",
        "square boxes on the diagonal",
        "R*/S",
        ops=("iou",),
        given="box 1 2 4 7",
        example=two_corners,
    ),
    Row(
        42,
        "Boxes without area, scores that are NaN",
        "IoU 0; dropped",
        "IoU NaN; kept in front",
        "IoU 0",
        "broken boxes",
        "R*",
        ops=("iou",),
        given="the box 1 1 1 1 with itself",
        example=without_area,
    ),
    Row(
        43,
        "Defaults of suppression",
        "IoU 0.5; scores strictly above; the combined form clips to 0..1",
        "none",
        "IoU 0, at most 0 boxes: empty",
        "an empty answer is noticed, a clipped one is not",
        "R",
        ops=("non_max_suppression", "combined_non_max_suppression"),
        given="boxes 0 0 2 2, 0 0 2 1, 0 1 2 3, scores 0.75, 0.5, 0.25, score_threshold 0.25",
        example=defaults,
    ),
    Row(
        44,
        "Decay of soft suppression",
        "exp(-IoU^2 / (2 sigma))",
        "-",
        "-",
        "sigma is tuned to the one that is used",
        "R",
        ops=("soft_non_max_suppression",),
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
        ops=("iou",),
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
        ops=("mean_box_iou",),
        given="boxes 0 0 2 2 and 0 1 2 3",
        example=boxes_as_classes,
    ),
    Row(
        47,
        "Matching in average precision",
        "COCO: IoU >= t, 101 recalls, a stable sort, at most 1, 10, 100 detections; VOC 2007: 11 points",
        "-",
        "-",
        "figures of the two are not comparable",
        "S",
        ops=("average_precision",),
        given="recalls 0.25, 0.5, 0.5, 0.75 with precisions 1, 1, 2/3, 3/4",
        example=two_challenges,
    ),
]
