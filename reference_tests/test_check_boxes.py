"""check on boxes: overlap and suppression as somebody might write them, right, and wrong in ways that have a name."""
# ruff: noqa: E501 - a function a line

import numpy as np
import pytest
import tensorflow as tf

import numpycnn
from numpycnn import detection
from reference_tests.library.command_line import refused, run


def sides(low1, low2, high1, high2, more=0):
    return np.minimum(high1, high2) - np.maximum(low1, low2) + more


def area(boxes, more=0):
    return (boxes[..., 2] - boxes[..., 0] + more) * (boxes[..., 3] - boxes[..., 1] + more)


def plain_iou(a, b, more=0, cut=True):
    """What most people write: corners in order, all pairs, 0 / 0 where nothing is."""
    a, b = a[:, None], b[None]
    width, height = (sides(a[..., k], b[..., k], a[..., k + 2], b[..., k + 2], more) for k in (0, 1))
    inside = (np.maximum(width, 0) * np.maximum(height, 0)) if cut else width * height
    with np.errstate(invalid="ignore", divide="ignore"):
        return inside / (area(a, more) + area(b, more) - inside)


def iou_of_two(box1, box2):
    """Four numbers each, in Python's own arithmetic."""
    width, height = (max(min(box1[k + 2], box2[k + 2]) - max(box1[k], box2[k]), 0) for k in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (box1, box2)]
    with np.errstate(invalid="ignore"):
        return width * height / (areas[0] + areas[1] - width * height)


def diou_of_two(box1, box2):
    return np.float32(detection.diou(box1[None], box2[None])[0, 0])


def iou_side_by_side(a, b):
    assert a.shape == b.shape
    return detection.iou(a, b, pairwise=False)


def careful_iou(boxes1, boxes2, bounding_box_format="xyxy"):
    a, b = (detection.convert_boxes(x, bounding_box_format, "xyxy") for x in (boxes1, boxes2))
    a, b = (np.concatenate([np.minimum(x[:, :2], x[:, 2:]), np.maximum(x[:, :2], x[:, 2:])], 1) for x in (a, b))
    return np.nan_to_num(plain_iou(a, b))


def greedy(
    boxes,
    scores,
    *,
    iou_threshold=0.5,
    score_threshold=-np.inf,
    max_output_size=None,
    more=0,
    drop=np.greater,
    order=None,
):
    order = np.argsort(-scores, kind="stable") if order is None else order
    order, kept = [i for i in order if scores[i] > score_threshold], []
    for i in order:
        if not any(drop(plain_iou(boxes[[i]], boxes[[k]], more)[0, 0], boxes.dtype.type(iou_threshold)) for k in kept):
            kept.append(i)
    return kept[:max_output_size]


def tensorflow_nms(boxes, scores, max_output_size, iou_threshold, score_threshold):
    return tf.image.non_max_suppression(boxes, scores, max_output_size, iou_threshold, score_threshold).numpy()


RIGHT = [
    (careful_iou, "iou", {}),
    (plain_iou, "iou", {"plain": True}),
    (lambda a, b: plain_iou(a[:, [1, 0, 3, 2]], b[:, [1, 0, 3, 2]]), "iou", {"plain": True, "options": {"format": "yxyx"}}),
    (tensorflow_nms, "non_max_suppression", {"options": {"format": "yxyx"}}),
    (lambda b, s, iou_threshold: tensorflow_nms(b, s, len(s), iou_threshold, -np.inf).tolist(), "non_max_suppression", {}),
    (greedy, "non_max_suppression", {"plain": True}),
]  # fmt: skip


@pytest.mark.parametrize(("function", "op", "options"), RIGHT)
def test_right_functions_hold(function, op, options):
    report = numpycnn.check(function, op, **options)
    assert report.holds, "\n".join([*report.lines, report.summary])
    assert report.examples > 40


ONE_TO_ONE = [
    (iou_of_two, "iou", True, "two boxes at a time"),
    (diou_of_two, "diou", False, "two boxes at a time"),
    (iou_side_by_side, "iou", False, "boxes side by side"),
    (lambda dy, a, b: detection.iou_backward(np.float32([[dy]]), a[None], b[None])[0][0], "iou_backward", False, "two boxes at a time"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "op", "plain", "takes"), ONE_TO_ONE)
def test_boxes_that_are_not_taken_in_pairs(function, op, plain, takes):
    report = numpycnn.check(function, op, plain=plain, examples=80)
    assert report.holds, "\n".join([*report.lines, report.summary])
    assert report.examples > 20
    assert f"takes {takes}" in report.lines


def backward_of_a_loss(dy, boxes1, boxes2):
    return detection.giou_backward(-dy, boxes1, boxes2)


WRONG = [
    (plain_iou, "iou", {}, {41, 42}),
    (lambda a, b: plain_iou(a, b, more=1), "iou", {"plain": True}, {45}),
    (lambda a, b: careful_iou(a, b[:, [1, 0, 3, 2]]), "iou", {}, {41}),
    (lambda a, b: detection.iou(a, b, format="center_xywh"), "iou", {}, {41}),
    (lambda a, b: plain_iou(a, b, cut=False), "iou", {"plain": True}, "sides below 0"),
    (iou_of_two, "iou", {}, {41, 42}),
    (lambda a, b: plain_iou(a[None], b[None], more=1)[0, 0], "iou", {"plain": True}, {45}),
    (lambda a, b: 1 - detection.diou(a, b), "diou", {}, "loss for measure"),
    (backward_of_a_loss, "giou_backward", {}, "loss for measure"),
    (lambda b, s, iou_threshold: greedy(b, s, iou_threshold=iou_threshold, drop=np.greater_equal), "non_max_suppression", {"plain": True}, {38}),
    (lambda b, s, iou_threshold: greedy(b, s, iou_threshold=iou_threshold, drop=lambda v, t: float(v) > 1 / 3 if abs(t - 1 / 3) < 1e-6 else v > t), "non_max_suppression", {"plain": True}, {39}),
    (lambda b, s: greedy(b, s, order=np.argsort(s, kind="stable")[::-1]), "non_max_suppression", {"plain": True}, {40}),
    (lambda b, s, iou_threshold: greedy(b, s, iou_threshold=iou_threshold), "non_max_suppression", {}, {41}),
    (lambda b, s, iou_threshold: greedy(b, s, iou_threshold=iou_threshold, more=1), "non_max_suppression", {"plain": True}, {45}),
    (lambda b, s, score_threshold: greedy(b, s, score_threshold=score_threshold - 1e-6), "non_max_suppression", {"plain": True}, {43}),
    (lambda b, s: sorted(greedy(b, s)), "non_max_suppression", {"plain": True}, "indices in order"),
    (lambda b, s: greedy(b, s, order=np.arange(len(s))), "non_max_suppression", {"plain": True}, "boxes as they come"),
    (lambda b, s, soft_nms_sigma: detection.soft_non_max_suppression(b, s, soft_nms_sigma=soft_nms_sigma / 2), "soft_non_max_suppression", {}, {44}),
]  # fmt: skip


@pytest.mark.parametrize(("function", "op", "options", "named"), WRONG)
def test_wrong_ones_are_explained_by_name(function, op, options, named):
    report = numpycnn.check(function, op, **options)
    assert not report.holds
    reasons = report.failure.explanation.reasons
    assert reasons, report.summary
    assert {row for rule in reasons[0].rules for row in rule.rows} == named or reasons[0].rules[0].name == named
    assert "from numpycnn import detection" in report.snippet


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda kept, scores: kept.astype(np.float32), "dtype", "indices is float32; it must hold integers"),
        (lambda kept, scores: np.isin(np.arange(len(scores)), kept), "values", "indices is [True"),
        (lambda kept, scores: kept[:1], "values", ", and must be ["),
        (lambda kept, scores: (kept, scores), "count", "gave 2 arrays, not 1"),
    ],
)
def test_indices_are_compared_to_the_number(change, kind, words):
    report = numpycnn.check(lambda b, s: change(detection.non_max_suppression(b, s), s), "non_max_suppression")
    assert report.failure.kind == kind
    assert words in report.summary
    assert len(report.failure.call.arrays["scores"]) <= 2  # shrunk


def test_the_command(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import tensorflow as tf\n"
        "def nms(boxes, scores, max_output_size, iou_threshold):\n"
        "    return tf.image.non_max_suppression(boxes, scores, max_output_size, iou_threshold)\n"
        "def iou(a, b):\n    return a + b\n"
    )
    result = run(f"check {file}:nms --op non_max_suppression --set format=yxyx --examples 60")
    assert result.exit_code == 0, result.output
    assert run(f"check {file}:nms --op non_max_suppression --set format=xywh --examples 60").exit_code == 1
    refused(f"check {file}:iou --op iou --set format=ltrb", "format must be one of xyxy")
    refused(f"check {file}:iou --op iou --set shape=3", "iou has no option 'shape'; it has format, pairwise")
    refused(f"check {file}:iou --op iou --set format", "--set must be OPTION=VALUE")
    refused(f"check {file}:iou --op relu --plain", "all cases of relu are plain")
    refused(f"check {file}:nms --op non_max_suppression_backward", "non_max_suppression has no backward")
