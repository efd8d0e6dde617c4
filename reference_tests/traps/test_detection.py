"""Rows 38 to 45 and 47 of the traps: boxes. What PyTorch and ONNX give is written down, not run."""

import numpy as np
import pytest
import tensorflow as tf

from numpycnn.detection import (
    combined_non_max_suppression,
    iou,
    mean_average_precision,
    non_max_suppression,
    soft_non_max_suppression,
)

YXYX = [1, 0, 3, 2]


def test_row_38_an_overlap_equal_to_the_threshold_stays():
    boxes, scores = np.float32([[0, 0, 2, 2], [0, 0, 2, 1]]), np.float32([2, 1])  # IoU 1/2
    for threshold, kept in ((0.5, [0, 1]), (np.nextafter(np.float32(0.5), np.float32(0)), [0])):
        assert non_max_suppression(boxes, scores, iou_threshold=threshold).tolist() == kept
        assert tf.image.non_max_suppression(boxes[:, YXYX], scores, 2, iou_threshold=threshold).numpy().tolist() == kept


def test_row_39_a_third_in_float32_is_a_third():
    """PyTorch compares the float32 overlap with a double, and suppresses."""
    boxes, scores = np.float32([[0, 0, 2, 2], [0, 1, 2, 3]]), np.float32([2, 1])
    assert float(iou(boxes, boxes)[0, 1]) > 1 / 3
    assert non_max_suppression(boxes, scores, iou_threshold=1 / 3).tolist() == [0, 1]
    assert tf.image.non_max_suppression(boxes[:, YXYX], scores, 2, iou_threshold=1 / 3).numpy().tolist() == [0, 1]


def test_row_40_of_equal_scores_the_lower_index():
    boxes = np.float32([[i // 2, 0, i // 2 + 1, 1] for i in range(100)])
    kept = non_max_suppression(boxes, np.zeros(100, np.float32))
    assert kept.tolist() == list(range(0, 100, 2))
    theirs = tf.image.non_max_suppression(boxes[:, YXYX], np.zeros(100, np.float32), 100)
    np.testing.assert_array_equal(kept, theirs)


def test_row_41_any_two_corners_make_a_box():
    box = np.float32([[1, 2, 4, 7]])
    for turned in ([4, 7, 1, 2], [4, 2, 1, 7], [1, 7, 4, 2]):
        assert iou(box, [turned]).item() == 1
        assert non_max_suppression([*box, turned], [0.5, 0.6]).tolist() == [1]


def test_row_42_no_area_overlaps_nothing_and_a_nan_has_no_score():
    boxes = np.float32([[0, 0, 2, 2], [1, 1, 1, 1], [1, 1, 1, 1], [5, 5, 6, 6]])
    assert non_max_suppression(boxes, np.float32([0.5, 0.5, 0.5, np.nan])).tolist() == [0, 1, 2]
    assert iou(boxes[1:2], boxes[1:2]).item() == 0


def test_row_43_scores_lie_above_the_threshold_and_combined_cuts_boxes():
    boxes = np.float32([[-1, 0, 0.5, 2], [2, 2, 3, 3]])
    assert non_max_suppression(boxes, np.float32([0.5, 0.25]), score_threshold=0.25).tolist() == [0]
    sizes = {"max_output_size_per_class": 1, "max_total_size": 1}
    scores = np.float32([[[0.5], [0.25]]])
    assert combined_non_max_suppression(boxes[None, :, None], scores, **sizes).boxes.tolist() == [[[0, 0, 0.5, 1]]]
    whole = combined_non_max_suppression(boxes[None, :, None], scores, **sizes, clip_boxes=False)
    assert whole.boxes.tolist() == [[[-1, 0, 0.5, 2]]]


def test_row_44_the_decay_has_a_half():
    boxes, scores = np.float32([[0, 0, 1, 10], [0, 1, 1, 9]]), np.float32([1, 1])
    overlap = iou(boxes[:1], boxes[1:]).item()
    decay = soft_non_max_suppression(boxes, scores, soft_nms_sigma=0.5)[1][1]
    assert decay == pytest.approx(np.exp(-0.5 * overlap**2 / 0.5))


def test_row_45_the_extra_pixel():
    a, b = [[0, 0, 10, 10]], [[5, 5, 15, 15]]
    assert iou(a, b).item() == pytest.approx(25 / 175)
    assert round(iou(a, b, plus_one=True).item(), 4) == 0.1748


def test_row_47_an_overlap_equal_to_the_threshold_is_found():
    truth = [{"boxes": [[0, 0, 2, 2]], "classes": [1]}]
    found = [{"boxes": [[0, 0, 2, 1]], "classes": [1], "scores": [0.9]}]
    assert mean_average_precision(truth, found, iou_thresholds=0.5).mean == 1
    assert mean_average_precision(truth, found, iou_thresholds=0.5 + 1e-9).mean == 0
    assert mean_average_precision(truth, found).iou_thresholds.tolist() == np.linspace(0.5, 0.95, 10).tolist()
