"""YOLO: what grids should say of what is in a picture, what is found in what they say, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from numpycnn.detection import (
    YOLO_V3_ANCHORS,
    convert_boxes,
    mean_average_precision,
    yolo_detections,
    yolo_v1_decode,
    yolo_v1_targets,
    yolo_v2_decode,
    yolo_v2_targets,
    yolo_v3_decode,
    yolo_v3_loss,
    yolo_v3_targets,
)
from reference_tests.drawn_grids import CLASSES, draw_anchors, draw_objects, kept, nearest, outputs_that_say

SEEDS = st.integers(0, 2**32 - 1)
GRID = (3, 5)
SHAPE = (60, 40)  # of the picture, in pixels


@given(SEEDS, st.integers(0, 3), st.integers(1, 3))
def test_targets_of_v1_cell_by_cell(seed, batch, predictors):
    objects = draw_objects(np.random.default_rng(seed), batch)
    targets = yolo_v1_targets(objects, grid=GRID, predictors=predictors, classes=CLASSES)
    assert targets.shape == (batch, *GRID, 5 * predictors + CLASSES)
    wanted = np.zeros(targets.shape)
    for n, one in enumerate(objects):
        for (i, j), (cx, cy, w, h), label in kept(one, GRID):
            box = [cx * 5 - j, cy * 3 - i, w**0.5, h**0.5, 1]
            wanted[n, i, j] = [*box * predictors, *(label == k for k in range(CLASSES))]
    np.testing.assert_allclose(targets, wanted, rtol=1e-12, atol=1e-12)


@given(SEEDS, st.integers(0, 3), st.sampled_from([1, 3]))
def test_targets_of_v2_and_v3_predictor_by_predictor(seed, batch, scales):
    rng = np.random.default_rng(seed)
    objects, anchors = draw_objects(rng, batch), draw_anchors(rng, scales)
    grids = [(3 * k, 5 * k) for k in (1, 2, 4)][:scales]
    targets = yolo_v3_targets(objects, grids, anchors, classes=CLASSES)
    if scales == 1:
        np.testing.assert_array_equal(targets[0], yolo_v2_targets(objects, grids[0], anchors[0], classes=CLASSES))
    wanted = [np.zeros((batch, *grid, 2, 5 + CLASSES)) for grid in grids]
    for n, one in enumerate(objects):
        for (s, i, j, k), (cx, cy, w, h), label in kept(one, grids, anchors):
            rows, columns = grids[s]
            logs = np.log([w / anchors[s, k, 0], h / anchors[s, k, 1]])
            numbers = [cx * columns - j, cy * rows - i, *logs, 1, *(label == c for c in range(CLASSES))]
            wanted[s][n, i, j, k] = numbers
    for ours, theirs in zip(targets, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@given(SEEDS, st.integers(0, 3), st.sampled_from(["v1", "v2", "v3"]))
def test_what_the_targets_say_is_found_in_pixels(seed, batch, version):
    """Objects in pixels to targets, to outputs that say just that, to boxes in pixels of the same picture."""
    rng = np.random.default_rng(seed)
    given_boxes, anchors = draw_objects(rng, batch), draw_anchors(rng, 3)
    objects = [
        {**one, "boxes": convert_boxes(one["boxes"], "rel_center_xywh", "xywh", image_shape=SHAPE)}
        for one in given_boxes
    ]
    pixels = {"format": "xywh", "image_shape": SHAPE, "classes": CLASSES}
    if version == "v1":
        places = [kept(one, GRID) for one in given_boxes]
        decoded = yolo_v1_decode(yolo_v1_targets(objects, grid=GRID, **pixels))
    elif version == "v2":
        places = [kept(one, [GRID], anchors[:1]) for one in given_boxes]
        decoded = yolo_v2_decode(outputs_that_say(yolo_v2_targets(objects, GRID, anchors[0], **pixels)), anchors[0])
    else:
        grids = [(3, 5), (6, 10), (7, 9)]
        places = [kept(one, grids, anchors) for one in given_boxes]
        said = yolo_v3_targets(objects, grids, anchors, **pixels)
        decoded = yolo_v3_decode([outputs_that_say(one) for one in said], anchors)
    found = yolo_detections(*decoded, iou_threshold=0.9999, format="xyxy", image_shape=SHAPE)
    assert len(found) == batch
    for one, own in zip(found, places, strict=True):
        rows = [[*box, label] for _, box, label in own]
        wanted = np.array(rows).reshape(-1, 5)
        boxes = convert_boxes(one["boxes"], "xyxy", "rel_center_xywh", image_shape=SHAPE)
        ours = np.column_stack([boxes, one["classes"]]).reshape(-1, 5)
        assert len(ours) == len(wanted)
        np.testing.assert_allclose(ours[np.lexsort(ours.T)], wanted[np.lexsort(wanted.T)], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(one["scores"], 1, atol=1e-6)


@given(SEEDS, st.sampled_from([0.0, 0.4]), st.sampled_from([0.3, 0.6]))
def test_detections_are_tensorflows_class_by_class(seed, score_threshold, iou_threshold):
    rng = np.random.default_rng(seed)
    centres, sides = rng.uniform(0.2, 0.8, (2, 3, 4, 2)), rng.uniform(0.1, 0.6, (2, 3, 4, 2))
    boxes, scores = np.concatenate([centres, sides], axis=-1).astype(np.float32), rng.random((2, 3, 4, 5))
    scores = scores.astype(np.float32)
    found = yolo_detections(
        boxes, scores, score_threshold=score_threshold, iou_threshold=iou_threshold, max_detections=7
    )
    for own, score, one in zip(boxes.reshape(2, 12, 4), scores.reshape(2, 12, 5), found, strict=True):
        corners = convert_boxes(own, "rel_center_xywh", "rel_yxyx")
        wanted = []
        for k in range(5):
            picked = tf.image.non_max_suppression(corners, score[:, k], 12, iou_threshold, score_threshold).numpy()
            wanted += [(score[i, k], k, i) for i in picked]
        wanted = sorted(wanted, reverse=True)[:7]
        np.testing.assert_array_equal(one["scores"], [score for score, _, _ in wanted])
        np.testing.assert_array_equal(one["classes"], [k for _, k, _ in wanted])
        np.testing.assert_array_equal(one["boxes"], own[[i for _, _, i in wanted]])


def test_a_score_is_objectness_times_class():
    v1 = np.zeros((2, 3, 13))
    v1[1, 2, 4], v1[1, 2, 9], v1[1, 2, 11] = 0.5, 0.25, 0.8
    assert yolo_v1_decode(v1)[1][1, 2].tolist() == [[0, 0.4, 0], [0, 0.2, 0]]
    outputs = np.zeros((2, 3, 1, 7))
    outputs[1, 2, 0, 4:] = np.log([3, 4, 1])  # sigmoid(log 3) = 3/4, softmax (4/5, 1/5), sigmoids (4/5, 1/2)
    np.testing.assert_allclose(yolo_v2_decode(outputs, [[0.1, 0.1]])[1][1, 2, 0], [0.6, 0.15])
    np.testing.assert_allclose(yolo_v3_decode([outputs], [[[0.1, 0.1]]])[1][5], [0.6, 0.375])


def test_row_43_a_score_must_be_above_the_threshold():
    boxes = [[[0.2, 0.2, 0.1, 0.1], [0.8, 0.8, 0.1, 0.1]]]
    (found,) = yolo_detections(boxes, [[[0.5, 0.25], [0.5001, 0.5]]])
    assert (found["scores"].tolist(), found["classes"].tolist()) == ([0.5001], [0])


def test_the_anchors_of_the_paper_are_shared_out_over_grids():
    """Of the nine, the largest three belong to the coarsest grid; each finds its own box."""
    pixels = YOLO_V3_ANCHORS.reshape(-1, 2) * 416
    assert (pixels[0] == [116, 90]).all()
    assert (np.sort(pixels.prod(axis=1))[-3:] == np.sort(pixels[:3].prod(axis=1))).all()
    for index, sides in enumerate(pixels):
        objects = [{"boxes": [[200, 100, *sides]], "classes": [0]}]
        shape = {"format": "center_xywh", "image_shape": (416, 416)}
        targets = yolo_v3_targets(objects, [(13, 13), (26, 26), (52, 52)], classes=80, **shape)
        (found,) = ([*np.argwhere(one[..., 4]).tolist(), [s]] for s, one in enumerate(targets) if one.any())
        scale, anchor = divmod(index, 3)
        stride = 32 // 2**scale
        assert found == [[0, 100 // stride, 200 // stride, anchor], [scale]]
        assert nearest(sides / 416, YOLO_V3_ANCHORS) == (scale, anchor)


def test_nothing_in_a_picture_and_no_pictures():
    nothing = [{"boxes": [], "classes": []}]
    anchors = [[0.2, 0.3]]
    for batch in (0, 2):
        objects = nothing * batch
        v1 = yolo_v1_targets(objects, grid=GRID, classes=3)
        v2 = yolo_v2_targets(objects, GRID, anchors, classes=3)
        (v3,) = yolo_v3_targets(objects, [GRID], [anchors], classes=3)
        assert (v1.shape, v2.shape, v3.shape) == ((batch, *GRID, 13), (batch, *GRID, 1, 8), (batch, *GRID, 1, 8))
        assert not any(one.any() for one in (v1, v2, v3))
        assert yolo_v3_loss([v3], [v3 - 50], [anchors]).shape == (batch,)
        for decoded in (yolo_v1_decode(v1), yolo_v2_decode(v2 - 50, anchors), yolo_v3_decode([v3 - 50], [anchors])):
            found = yolo_detections(*decoded, format="xyxy", image_shape=SHAPE)
            assert [one["boxes"].shape for one in found] == [(0, 4)] * batch
            assert [one["classes"].dtype.kind for one in found] == ["i"] * batch
            assert np.isnan(mean_average_precision(objects, found).mean)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: yolo_v1_targets([{"boxes": [[100, 50, 20, 10]], "classes": [0]}]),
            r"yolo_v1_targets: centres must lie in \[0, 1\) and sides be above 0, relative to the picture; got boxes",
        ),
        (
            lambda: yolo_v1_targets([{"boxes": [[0.5, 0.5, 0.2, 0.1]], "classes": [20]}]),
            r"yolo_v1_targets: the classes of objects\[0\] must be whole numbers in \[0, 20\); got classes \[20\]",
        ),
        (
            lambda: yolo_v2_targets([{"boxes": [[0.5, 0.5, 0.2, 0.1]]}], GRID, [[0.1, 0.1]], classes=3),
            r"yolo_v2_targets: objects\[0\] must have boxes and classes; it has boxes",
        ),
        (
            lambda: yolo_v1_targets([{"boxes": [[1, 2, 3, 4]], "classes": [0]}], format="xyxy"),
            r"image_shape \(height, width\) must be given between pixels and rel_ formats",
        ),
        (
            lambda: yolo_v2_targets([], GRID, [0.1, 0.1], classes=3),
            r"yolo_v2_targets: anchors must have the axes \(anchors, 2\)",
        ),
        (
            lambda: yolo_v3_targets([], [GRID], YOLO_V3_ANCHORS, classes=3),
            r"yolo_v3_targets: anchors must have the axes \(grids, anchors, 2\)",
        ),
        (
            lambda: yolo_v1_decode(np.zeros((2, 3, 10))),
            r"yolo_v1_decode: outputs must have the axes \(..., rows, columns, 10 \+ classes\); got outputs",
        ),
        (
            lambda: yolo_v3_decode([np.zeros((2, 3, 1, 7))], np.ones((2, 1, 2))),
            r"yolo_v3_decode: anchors \(grids, anchors, 2\) must be for as many grids as there are arrays, 1",
        ),
        (
            lambda: yolo_detections(np.zeros((2, 3, 4)), np.zeros((2, 5, 6))),
            r"yolo_detections: boxes must have the axes \(batch, ..., 4\), and scores \(batch, ..., classes\)",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
