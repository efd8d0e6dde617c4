"""Without boxes, masks, pictures or frames, all of detection and segmentation give what is empty, and no warning."""

import warnings

import numpy as np
import pytest

from numpycnn import detection as d
from numpycnn import segmentation as s
from numpycnn.layers import Conv2D, Input
from numpycnn.models import Sequential

NONE, ANCHORS = np.zeros((0, 4)), np.array([[0.2, 0.3], [0.5, 0.4], [0.7, 0.9]])
SIX, MASKS, IMAGES = np.ones((6, 4)), np.zeros((0, 5, 7)), np.ones((2, 5, 7, 3))
MAPS, V1, V2 = np.zeros((0, 5, 7, 3)), np.zeros((0, 2, 3, 14)), np.zeros((0, 2, 3, 3, 9))
V3 = [np.zeros((0, 2 * k, 3 * k, 3, 9)) for k in (1, 2, 4)]
TINY = Sequential([Input((3, 2, 1)), Conv2D(4, (3, 2))])

NOTHING, NUMBER = (0,), ()
OVERLAPS = ("iou", "giou", "diou", "ciou")
EMPTY = {
    **{name: (lambda f: f(NONE, SIX), (0, 6)) for name in (*OVERLAPS, "intersection_over_smaller")},
    **{f"{name}_backward": (lambda f: f(np.zeros((0, 6)), NONE, SIX), [(0, 4), (6, 4)]) for name in OVERLAPS},
    **{f"{name}_loss": (lambda f: f(NONE, NONE), NOTHING) for name in OVERLAPS},
    **{f"{name}_loss_backward": (lambda f: f([], NONE, NONE), (0, 4)) for name in OVERLAPS},
    "anchor_boxes": (lambda f: f(np.zeros((0, 2)), 1), ValueError),  # there is no shape to find
    "assign": (lambda f: f(np.zeros((0, 5))), (0, 2)),
    "average_precision": (lambda f: f([], []), NUMBER),
    "box_area": (lambda f: f(NONE), NOTHING),
    "clip_boxes": (lambda f: f(NONE, image_shape=(5, 7)), (0, 4)),
    "coco_summary": (lambda f: list(f([], []).values()), [NUMBER] * 12),
    "combined_non_max_suppression": (
        lambda f: list(f(np.zeros((0, 6, 1, 4)), np.zeros((0, 6, 3)), max_output_size_per_class=2, max_total_size=5)),
        [(0, 5, 4), (0, 5), (0, 5), NOTHING],
    ),
    "convert_boxes": (lambda f: f(NONE, "xywh", "rel_yxyx", image_shape=(5, 7)), (0, 4)),
    "convert_boxes_backward": (lambda f: f(NONE, NONE, "xywh", "yxyx"), (0, 4)),
    "decode_anchors": (lambda f: f(np.zeros((0, 2, 5, 3, 4)), ANCHORS), (0, 2, 5, 3, 4)),
    "encode_anchors": (lambda f: f(NONE, (2, 5), ANCHORS), [(0, 3), (0, 4)]),
    "interpolate_precision": (lambda f: f([]), NOTHING),
    "kalman_predict": (lambda f: f(np.zeros((0, 7)), np.zeros((0, 7, 7))), [(0, 7), (0, 7, 7)]),
    "kalman_update": (lambda f: f(np.zeros((0, 7)), np.zeros((0, 7, 7)), NONE), [(0, 7), (0, 7, 7)]),
    "localization_loss": (lambda f: f(np.zeros(0, int), NONE, np.zeros((0, 3)), NONE), NOTHING),
    "localization_loss_backward": (lambda f: f([], np.zeros(0, int), NONE, np.zeros((0, 3)), NONE), [(0, 3), (0, 4)]),
    "mean_average_precision": (lambda f: f([], []).mean, NUMBER),
    "mean_box_iou": (lambda f: f(NONE, NONE), NUMBER),
    "non_max_suppression": (lambda f: f(NONE, []), NOTHING),
    "non_max_suppression_padded": (lambda f: f(NONE, [], 5), [(5,), NUMBER]),
    "slide": (lambda f: f(TINY, np.zeros((0, 5, 7, 1)), 1), (0, 3, 6, 4)),
    "soft_non_max_suppression": (lambda f: f(NONE, []), [NOTHING, NOTHING]),
    "square_root_box_loss": (lambda f: f(NONE, NONE), NOTHING),
    "square_root_box_loss_backward": (lambda f: f([], NONE, NONE), (0, 4)),
    "track_boxes": (lambda f: [list(found.values()) for found in f([[], NONE])], [[(0, 4), NOTHING, NOTHING]] * 2),
    "tracking_metrics": (lambda f: f([], []).mota, NUMBER),
    "valid_boxes": (lambda f: f(NONE), NOTHING),
    "yolo_detections": (lambda f: f(np.zeros((0, 6, 4)), np.zeros((0, 6, 3))), []),
    "yolo_v1_decode": (lambda f: f(V1), [(0, 2, 3, 2, 4)] * 2),
    "yolo_v1_loss": (lambda f: f(V1, V1), NOTHING),
    "yolo_v1_loss_backward": (lambda f: f([], V1, V1), V1.shape),
    "yolo_v1_targets": (lambda f: f([], grid=(2, 3), classes=4), V1.shape),
    "yolo_v2_decode": (lambda f: f(V2, ANCHORS), [(0, 2, 3, 3, 4)] * 2),
    "yolo_v2_loss": (lambda f: f(V2, V2, ANCHORS), NOTHING),
    "yolo_v2_loss_backward": (lambda f: f([], V2, V2, ANCHORS), V2.shape),
    "yolo_v2_targets": (lambda f: f([], (2, 3), ANCHORS, classes=4), V2.shape),
    "yolo_v3_decode": (lambda f: f(V3), [(0, 378, 4), (0, 378, 4)]),
    "yolo_v3_loss": (lambda f: f(V3, V3), NOTHING),
    "yolo_v3_loss_backward": (lambda f: f([], V3, V3), [v.shape for v in V3]),
    "yolo_v3_targets": (lambda f: f([], [(2, 3), (4, 6), (8, 12)], classes=4), [v.shape for v in V3]),
    "class_map": (lambda f: f(MASKS, []), (5, 7)),
    "bilinear_kernel": (lambda f: f(2, 0), (4, 4, 0, 0)),
    "confusion_matrix": (lambda f: f([], [], 3), (3, 3)),
    "conv2d_transpose_by_zeros": (lambda f: f(MAPS, np.ones((2, 3, 4, 3)), strides=2), (0, 10, 15, 4)),
    "crop_and_resize": (lambda f: f(IMAGES, NONE, [], (2, 4)), (0, 2, 4, 3)),
    "crop_and_resize_backward": (lambda f: f(np.zeros((0, 2, 4, 3)), IMAGES, NONE, [], (2, 4)), [IMAGES.shape, (0, 4)]),
    "dice_loss": (lambda f: f(MAPS, MAPS), (0, 3)),
    "dice_loss_backward": (lambda f: f(np.zeros((0, 3)), MAPS, MAPS), MAPS.shape),
    "insert_zeros": (lambda f: f(MAPS, 2), (0, 9, 13, 3)),
    "mask_iou": (lambda f: f(MASKS, np.ones((6, 5, 7))), (0, 6)),
    "masks_to_boxes": (lambda f: f(MASKS), (0, 4)),
    "mean_iou": (lambda f: f([], [], 3), NUMBER),
    "roi_align": (lambda f: f(IMAGES, NONE, [], (2, 4)), (0, 2, 4, 3)),
    "roi_align_backward": (lambda f: f(np.zeros((0, 2, 4, 3)), IMAGES, NONE, [], (2, 4)), [IMAGES.shape, (0, 4)]),
}  # fmt: skip
"""A call without anything in it, and the shapes of what it gives."""


def public_functions():
    found = {name: getattr(room, name) for room in (d, s) for name in dir(room) if name[0].islower()}
    return {name: f for name, f in found.items() if callable(f)}


def shapes(result):
    if isinstance(result, list | tuple):
        return [shapes(part) for part in result]
    return np.shape(result)


def test_no_function_is_left_out():
    assert set(public_functions()) - {"cell_windows"} == set(EMPTY)  # which takes a model


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_in_nothing_out(name):
    call, expected = EMPTY[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if expected is ValueError:
            with pytest.raises(ValueError, match=rf"^{name}: "):
                call(public_functions()[name])
        else:
            assert shapes(call(public_functions()[name])) == expected
