"""Non-max suppression: the selection of TensorFlow on every input, who suppressed whom, all ways to the same answer."""
# ruff: noqa: E501 - a message is one line, here as for the user

import warnings

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from numpycnn.detection import (
    combined_non_max_suppression,
    iou,
    non_max_suppression,
    non_max_suppression_padded,
    soft_non_max_suppression,
)
from numpycnn.detection import greedy as greedy_module
from numpycnn.detection.boxes import corners_of
from numpycnn.testing.strategies import with_specials
from reference_tests.drawn_boxes import boxes as draw_boxes
from reference_tests.drawn_boxes import scored_boxes

FLUSHED = float(np.finfo(np.float32).tiny)
"""Scores and overlaps below this, float32's smallest normal number, TensorFlow's kernel takes for 0."""

THRESHOLDS = st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 0.75, 1.0])
LEAST = st.sampled_from([-np.inf, 0.0, 0.25])


def tensorflows(boxes, scores, size=None, **options):
    size = len(scores) if size is None else size
    return tf.image.non_max_suppression(boxes[:, [1, 0, 3, 2]], scores, size, **options).numpy()


@given(scored_boxes(), THRESHOLDS, LEAST, st.sampled_from([None, 0, 1, 3]))
def test_selects_what_tensorflow_selects(scored, threshold, least, size):
    options = {"iou_threshold": threshold, "score_threshold": least}
    np.testing.assert_array_equal(non_max_suppression(*scored, size, **options), tensorflows(*scored, size, **options))


@given(scored_boxes(), THRESHOLDS, LEAST, st.integers(0, 2**32 - 1), st.sampled_from([np.float16, np.float32]))
def test_selects_what_tensorflow_selects_of_what_is_not_finite_and_in_half_precision(
    scored, threshold, least, seed, dtype
):
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        boxes, scores = (with_specials(rng, array, int(rng.integers(0, 5))).astype(dtype) for array in scored)
    options = {"iou_threshold": threshold, "score_threshold": least}
    np.testing.assert_array_equal(non_max_suppression(boxes, scores, **options), tensorflows(boxes, scores, **options))


@pytest.mark.parametrize("kind", ["uniform", "grid", "clustered", "same", "thin", "extreme"])
@pytest.mark.parametrize("spread", [1, 30])
def test_many_boxes_every_way(kind, spread, monkeypatch):
    """The sweep, the blocks and the definition keep the same of boxes that lie close and far apart, as TensorFlow."""
    rng = np.random.default_rng(7)
    boxes = draw_boxes(rng, 700, kind) + rng.uniform(0, 10 * spread, (700, 1)).round().astype(np.float32)
    scores = rng.integers(0, 300, 700).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    corners = corners_of("test", boxes[order], "xyxy")
    areas = np.multiply(*corners.sides())
    sweep = greedy_module._Sweep(corners.y1, corners.y2)
    for threshold in np.float32([0, 0.3, 1]):
        plain = greedy_module.plainly(corners, areas, threshold, 700)
        np.testing.assert_array_equal(greedy_module._swept(corners, areas, threshold, sweep), plain)
        np.testing.assert_array_equal(greedy_module._in_blocks(corners, areas, threshold, 700), plain)
        np.testing.assert_array_equal(greedy_module._in_blocks(corners, areas, threshold, 50), plain[:50])
        np.testing.assert_array_equal(greedy_module.keep(corners, areas, threshold, 50), plain[:50])
        np.testing.assert_array_equal(order[plain], tensorflows(boxes, scores, iou_threshold=threshold))


@pytest.mark.parametrize("spread", [1, 40])
@pytest.mark.parametrize("levels", [7, 1000, 10**6])
@pytest.mark.parametrize("size", [0, 1, 5, 30])
def test_few_of_many_are_found_among_the_best(spread, levels, size):
    """Ties across the cut, and crowds in which the best do not suffice, as TensorFlow."""
    rng = np.random.default_rng(11)
    boxes = draw_boxes(rng, 3000, "clustered") + rng.uniform(0, 10 * spread, (3000, 1)).round().astype(np.float32)
    scores = rng.integers(0, levels, 3000).astype(np.float32)
    scores[::97] = np.nan
    for options in ({"iou_threshold": 0.0}, {"iou_threshold": 0.5, "score_threshold": levels * 0.9}):
        ours = non_max_suppression(boxes, scores, size, **options)
        np.testing.assert_array_equal(ours, tensorflows(boxes, scores, size, **options))


def test_float64_is_not_rounded():
    boxes = np.array([[0, 0, 2, 2], [0, 1 - 1e-12, 2, 3 - 1e-12]])
    assert non_max_suppression(boxes, [2, 1], iou_threshold=1 / 3).tolist() == [0]
    assert non_max_suppression(boxes.astype(np.float32), np.float32([2, 1]), iou_threshold=1 / 3).tolist() == [0, 1]


@given(scored_boxes(), THRESHOLDS, LEAST, st.sampled_from([None, 2]), st.integers(1, 3))
def test_explain_tells_who_suppressed_whom(scored, threshold, least, size, classes):
    boxes, scores = scored
    labels = np.arange(len(scores)) % classes
    options = {"iou_threshold": threshold, "score_threshold": least, "classes": labels}
    told = non_max_suppression(boxes, scores, size, **options, explain=True)
    np.testing.assert_array_equal(told.indices, non_max_suppression(boxes, scores, size, **options))
    overlaps = iou(boxes, boxes)
    assert len(str(told).splitlines()) == len(scores)
    for i in set(range(len(scores))) - set(told.indices):
        suppressors = [k for k in told.indices if labels[k] == labels[i] and overlaps[i, k] > np.float32(threshold)]
        assert told.low[i] == (not scores[i] > least)
        if told.low[i] or not suppressors:
            assert told.suppressed_by[i] == -1
            assert told.low[i] or size == len(told.indices)
            assert "dropped" in told.fate(i)
        else:
            assert told.suppressed_by[i] == suppressors[0]
            assert told.overlap[i] == overlaps[i, suppressors[0]]


@given(scored_boxes(), THRESHOLDS, st.sampled_from([None, 3]))
def test_classes_suppress_only_their_own(scored, threshold, size):
    boxes, scores = scored
    labels = np.arange(len(scores)) * 7 % 3
    kept = [
        np.flatnonzero(labels == k)[
            non_max_suppression(boxes[labels == k], scores[labels == k], iou_threshold=threshold)
        ]
        for k in range(3)
    ]
    apart = sorted(np.concatenate(kept), key=lambda i: (-scores[i], i))
    together = non_max_suppression(boxes, scores, size, iou_threshold=threshold, classes=labels)
    assert together.tolist() == apart[:size]


def test_an_overlap_below_the_normal_numbers_is_one():
    boxes = np.float32([[0, 0, 1e10, 1e10], [0, 0, 5e-10, 5e-10]])
    assert 0 < iou(boxes, boxes)[0, 1] < FLUSHED
    assert non_max_suppression(boxes, np.float32([2, 1]), iou_threshold=0.0).tolist() == [0]
    assert tensorflows(boxes, np.float32([2, 1]), iou_threshold=0.0).tolist() == [0, 1]


@given(
    scored_boxes(most=25),
    st.sampled_from([0.0, 0.1, 0.5, 2.0]),
    THRESHOLDS,
    LEAST,
    st.sampled_from([None, 4]),
    st.booleans(),
)
def test_soft_suppression_is_tensorflows(scored, sigma, threshold, least, size, special):
    boxes, scores = scored
    if special:
        boxes = with_specials(np.random.default_rng(len(scores)), boxes, 2)
    options = {"soft_nms_sigma": sigma, "iou_threshold": threshold, "score_threshold": least}
    indices, kept_scores = soft_non_max_suppression(boxes, scores, size, **options)
    theirs = tf.image.non_max_suppression_with_scores(
        boxes[:, [1, 0, 3, 2]], scores, len(scores) if size is None else size, **options
    )
    np.testing.assert_array_equal(indices, theirs[0])
    np.testing.assert_allclose(kept_scores, theirs[1], rtol=4e-7, atol=FLUSHED)


@given(scored_boxes(most=25), THRESHOLDS)
def test_linear_soft_suppression_against_its_formula(scored, threshold):
    """Bodla et al., figure 3: as long as boxes are left, the best is taken and the others are weighed."""
    boxes, scores = scored[0].astype(np.float64), np.abs(scored[1].astype(np.float64))
    overlaps, left, taken, taken_scores = iou(boxes, boxes), scores.copy(), [], []
    for _ in scores:
        best = max(set(range(len(scores))) - set(taken), key=lambda i: (left[i], -i))
        taken.append(best)
        taken_scores.append(left[best])
        left *= np.where(overlaps[best] > threshold, 1 - overlaps[best], 1)
    indices, kept_scores = soft_non_max_suppression(boxes, scores, iou_threshold=threshold, method="linear")
    np.testing.assert_allclose(kept_scores, taken_scores, rtol=1e-12)
    assert sorted(indices) == sorted(taken)


@given(scored_boxes(most=12, kinds=("uniform", "clustered", "thin")), st.data())
def test_combined_suppression_is_tensorflows(scored, data):
    classes, q_is_one = data.draw(st.integers(1, 4)), data.draw(st.booleans())
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    count = len(scored[1])
    boxes = np.stack([rng.permutation(scored[0]) for _ in range(2 * (1 if q_is_one else classes))])
    boxes = boxes.reshape(2, 1 if q_is_one else classes, count, 4).transpose(0, 2, 1, 3) / 8
    if data.draw(st.booleans()):
        boxes = with_specials(rng, boxes, 3)
    scores = rng.permutation(2 * count * classes).reshape(2, count, classes).astype(np.float32) / 8
    options = {
        "max_output_size_per_class": data.draw(st.integers(1, 4)), "max_total_size": data.draw(st.integers(1, 9)),
        "iou_threshold": data.draw(THRESHOLDS), "score_threshold": data.draw(LEAST),
        "pad_per_class": data.draw(st.booleans()), "clip_boxes": data.draw(st.booleans()),
    }  # fmt: skip
    ours = combined_non_max_suppression(boxes, scores, **options)
    if count:  # TensorFlow reads beyond its arrays where there is no box
        theirs = tf.image.combined_non_max_suppression(boxes[..., [1, 0, 3, 2]], scores, **options)
        np.testing.assert_array_equal(ours.boxes[..., [1, 0, 3, 2]], theirs[0])
        for mine, their in zip(ours[1:], theirs[1:], strict=True):
            np.testing.assert_array_equal(mine, their)
    assert ours.boxes.shape[:2] == ours.scores.shape == ours.classes.shape


@given(scored_boxes(kinds=("uniform", "grid", "clustered")), st.integers(0, 50))
def test_padded_is_tensorflows(scored, size):
    boxes, scores = scored
    indices, valid = non_max_suppression_padded(boxes, scores, size)
    theirs, count = tf.raw_ops.NonMaxSuppressionV4(
        boxes=boxes[:, [1, 0, 3, 2]], scores=scores, max_output_size=size, iou_threshold=0.5,
        score_threshold=-np.inf, pad_to_max_output_size=True,
    )  # fmt: skip
    np.testing.assert_array_equal(indices, theirs)
    assert valid == count


def test_nothing_in_nothing_out():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert non_max_suppression([], []).tolist() == []
        assert str(non_max_suppression([], [], explain=True)) == ""
        assert [a.tolist() for a in soft_non_max_suppression(np.zeros((0, 4)), [])] == [[], []]
        assert non_max_suppression_padded([], [], 2)[0].tolist() == [0, 0]
        options = {"max_output_size_per_class": 2, "max_total_size": 3}
        assert combined_non_max_suppression(np.zeros((0, 5, 1, 4)), np.zeros((0, 5, 2)), **options).boxes.shape == (
            0,
            3,
            4,
        )
        assert combined_non_max_suppression(np.zeros((2, 0, 1, 4)), np.zeros((2, 0, 3)), **options).scores.shape == (
            2,
            3,
        )


ERRORS = [
    (((np.zeros((3, 4)), np.zeros(2)), {}), ValueError, "non_max_suppression: scores must have a score for each box, (3,); got scores (2,)."),
    (((np.zeros((3, 5)), np.zeros(3)), {}), ValueError, "non_max_suppression: boxes must have the axes (..., 4); got boxes (3, 5)."),
    (((np.zeros((2, 3, 4)), np.zeros(3)), {}), ValueError, "non_max_suppression: boxes must have the axes (n, 4); got boxes (2, 3, 4)."),
    (((np.zeros((3, 4)), np.zeros(3)), {"iou_threshold": 1.5}), ValueError, "non_max_suppression: iou_threshold must be a number in [0, 1]; got iou_threshold 1.5."),
    (((np.zeros((3, 4)), np.zeros(3), -1), {}), ValueError, "non_max_suppression: max_output_size must be at least 0; got max_output_size -1."),
    (((np.zeros((3, 4)), np.zeros(3)), {"format": "xxyy"}), ValueError, "non_max_suppression: format must be one of xyxy, yxyx, xywh, center_xywh, rel_xyxy, rel_yxyx, rel_xywh, rel_center_xywh; got format 'xxyy'."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS, ids=[e[2][21:70] for e in ERRORS])
def test_errors(call, error, message):
    with pytest.raises(error) as raised:
        non_max_suppression(*call[0], **call[1])
    assert str(raised.value) == message
