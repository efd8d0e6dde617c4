"""Boxes: formats, areas, the measures of overlap and their losses, against formulas of their own and TensorFlow's tape."""
# ruff: noqa: E501 - a message is one line, here as for the user

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpycnn import detection
from numpycnn.detection import (
    BOX_FORMATS,
    box_area,
    clip_boxes,
    convert_boxes,
    convert_boxes_backward,
    intersection_over_smaller,
    iou,
    iou_backward,
    valid_boxes,
)
from numpycnn.verification.tolerances import scaled_error
from reference_tests.drawn_boxes import KINDS
from reference_tests.drawn_boxes import boxes as draw_boxes

MEASURES = ("iou", "giou", "diou", "ciou")
FORMATS = st.sampled_from(BOX_FORMATS)
SEEDS = st.integers(0, 2**32 - 1)
PICTURE = (37, 59)


# Formats


def by_hand(box, source, target):
    """One box, number by number, in pixels between."""
    height, width = PICTURE
    kind, relative = source.removeprefix("rel_"), source.startswith("rel_")
    a, b, c, d = box
    if kind == "yxyx":
        a, b, c, d = b, a, d, c
    if relative:
        a, b, c, d = a * width, b * height, c * width, d * height
    if kind == "center_xywh":
        a, b = a - c / 2, b - d / 2
    if kind in ("center_xywh", "xywh"):
        c, d = a + c, b + d
    kind, relative = target.removeprefix("rel_"), target.startswith("rel_")
    if kind in ("center_xywh", "xywh"):
        c, d = c - a, d - b
    if kind == "center_xywh":
        a, b = a + c / 2, b + d / 2
    if relative:
        a, b, c, d = a / width, b / height, c / width, d / height
    return (b, a, d, c) if kind == "yxyx" else (a, b, c, d)


@given(SEEDS, FORMATS, FORMATS, st.sampled_from([np.float16, np.float32, np.float64]))
def test_conversion(seed, source, target, dtype):
    rng = np.random.default_rng(seed)
    boxes = rng.normal(0, 20, (3, 2, 4)).astype(dtype)
    before = boxes.copy()
    converted = convert_boxes(boxes, source, target, image_shape=PICTURE)
    reference = np.array([by_hand(box, source, target) for box in boxes.astype(float).reshape(-1, 4)]).reshape(3, 2, 4)
    assert converted.dtype == dtype
    assert scaled_error(converted, reference, np.abs(reference).max() + 60, length=3) <= 1
    np.testing.assert_array_equal(boxes, before)
    if source.startswith("rel_") == target.startswith("rel_") and "xywh" in source and "xywh" in target:
        axis = slice(2, 4)  # sides are copied, not made anew of corners
        np.testing.assert_array_equal(converted[..., axis], boxes[..., axis])
    dy = rng.normal(size=boxes.shape)
    dboxes = convert_boxes_backward(dy, boxes.astype(float), source, target, image_shape=PICTURE)
    step = rng.normal(size=boxes.shape)
    moved = [
        np.array([by_hand(box, source, target) for box in (boxes.astype(float) + sign * step).reshape(-1, 4)])
        for sign in (1, -1)
    ]
    np.testing.assert_allclose(np.vdot(dboxes, step), np.vdot(dy, (moved[0] - moved[1]) / 2), rtol=1e-9, atol=1e-9)


def test_what_stays_keeps_its_bits():
    boxes = np.array([[0.1, 1e9, 0.3, 1e-9]])
    np.testing.assert_array_equal(convert_boxes(boxes, "xywh", "center_xywh")[:, 2:], boxes[:, 2:])
    for name in BOX_FORMATS:
        np.testing.assert_array_equal(convert_boxes(boxes, name, name), boxes)
    nan = convert_boxes([[np.nan, 2, 3, np.inf]], "xyxy", "yxyx")
    np.testing.assert_array_equal(nan, [[2, np.nan, np.inf, 3]])


@given(SEEDS, FORMATS, st.sampled_from(KINDS))
def test_area_clipping_and_validity(seed, name, kind):
    rng = np.random.default_rng(seed)
    corners = draw_boxes(rng, 7, kind).astype(np.float64)
    height, width = (8, 5) if not name.startswith("rel_") else (1, 1)
    boxes = convert_boxes(corners, "xyxy", name.removeprefix("rel_"))
    x1, y1, x2, y2 = corners.T
    np.testing.assert_allclose(box_area(boxes, format=name), abs(x2 - x1) * abs(y2 - y1), rtol=1e-9, atol=1e-12)
    if kind != "extreme":
        np.testing.assert_array_equal(valid_boxes(corners), (x2 > x1) & (y2 > y1))
        clipped = convert_boxes(clip_boxes(boxes, format=name, image_shape=(8, 5)), name.removeprefix("rel_"), "xyxy")
        np.testing.assert_allclose(clipped, np.clip(corners, 0, [width, height] * 2), atol=1e-12)


# Overlap: one pair at a time, from the definitions, in float64


def one(measure, a, b, plus_one=0):
    (ax1, ax2), (ay1, ay2), (bx1, bx2), (by1, by2) = (sorted((box[k], box[k + 2])) for box in (a, b) for k in (0, 1))
    width = max(0.0, min(ax2, bx2) - max(ax1, bx1) + plus_one)
    height = max(0.0, min(ay2, by2) - max(ay1, by1) + plus_one)
    area_a, area_b = (
        ((ax2 - ax1 + plus_one) * (ay2 - ay1 + plus_one)),
        ((bx2 - bx1 + plus_one) * (by2 - by1 + plus_one)),
    )
    union = area_a + area_b - width * height
    if measure == "smaller":
        return width * height / min(area_a, area_b) if min(area_a, area_b) else 0.0
    value = width * height / union if union else 0.0
    hull = max(ax2, bx2) - min(ax1, bx1), max(ay2, by2) - min(ay1, by1)
    if measure == "giou":
        return value - ((hull[0] * hull[1] - union) / (hull[0] * hull[1]) if hull[0] * hull[1] else 0.0)
    if measure in ("diou", "ciou"):
        distance = ((ax1 + ax2 - bx1 - bx2) / 2) ** 2 + ((ay1 + ay2 - by1 - by2) / 2) ** 2
        shapes = 4 / np.pi**2 * (np.arctan2(ax2 - ax1, ay2 - ay1) - np.arctan2(bx2 - bx1, by2 - by1)) ** 2
        value, found = value - (distance / (hull[0] ** 2 + hull[1] ** 2) if any(hull) else 0.0), value
        if measure == "ciou":
            value -= shapes**2 / (1 - found + shapes) if 1 - found + shapes else 0.0
    return value


@given(
    SEEDS,
    st.sampled_from(KINDS),
    st.sampled_from(["xyxy", "yxyx", "xywh", "rel_center_xywh"]),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_measures_are_their_definitions(seed, kind, name, dtype):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 6, 2)
    a, b = (draw_boxes(rng, n, kind) for n in sizes)
    if kind != "extreme":
        a, b = (convert_boxes(x, "xyxy", name.removeprefix("rel_")).astype(dtype) for x in (a, b))
        corners = [convert_boxes(x.astype(np.float64), name.removeprefix("rel_"), "xyxy") for x in (a, b)]
    else:
        name, dtype, corners = "xyxy", np.float32, [x.astype(np.float64) for x in (a, b)]
    for measure in (*MEASURES, "smaller"):
        function = intersection_over_smaller if measure == "smaller" else getattr(detection, measure)
        pairs = function(a, b, format=name)
        assert (pairs.shape, pairs.dtype) == (tuple(sizes), dtype)
        reference = np.array([[one(measure, p, q) for q in corners[1]] for p in corners[0]]).reshape(sizes)
        tolerance = {np.float16: 2e-3, np.float32: 1e-5, np.float64: 1e-12}[dtype]  # where sides are differences
        if kind not in ("extreme", "thin") or measure == "iou":
            np.testing.assert_allclose(pairs, reference, rtol=tolerance, atol=tolerance)
        same = function(a, a[rng.permutation(len(a))], format=name, pairwise=False)
        assert (same.shape, same.dtype) == ((len(a),), dtype)


@given(SEEDS, st.sampled_from(["uniform", "grid", "thin"]))
def test_the_extra_pixel_of_old(seed, kind):
    rng = np.random.default_rng(seed)
    a, b = (draw_boxes(rng, n, kind).astype(np.float64) for n in (3, 4))
    for function, measure in ((iou, "iou"), (intersection_over_smaller, "smaller")):
        reference = [[one(measure, p, q, plus_one=1) for q in b] for p in a]
        np.testing.assert_allclose(function(a, b, plus_one=True), reference, rtol=1e-9)
        np.testing.assert_allclose(
            function(a[:3], b[:3], plus_one=True, pairwise=False), np.diag(np.array(reference)[:, :3]), rtol=1e-9
        )
    np.testing.assert_allclose(box_area(a, plus_one=True), (abs(a[:, 2] - a[:, 0]) + 1) * (abs(a[:, 3] - a[:, 1]) + 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_of_many_pairs(dtype):
    rng = np.random.default_rng(0)
    a, b = (draw_boxes(rng, n, "uniform").astype(dtype) for n in (301, 907))
    np.testing.assert_array_equal(
        iou(a, b), np.stack([iou(np.broadcast_to(box, b.shape), b, pairwise=False) for box in a])
    )


# Gradients


@given(SEEDS, st.sampled_from(MEASURES), st.sampled_from(["xyxy", "center_xywh"]), st.booleans())
def test_gradients_are_adjoint(seed, measure, name, plus_one):
    """In float64, <dy, J v> = <J' dy, v>; for ciou with alpha held."""
    rng = np.random.default_rng(seed)
    a, b = (convert_boxes(draw_boxes(rng, 6, "clustered").astype(np.float64), "xyxy", name) for _ in range(2))
    dy, va, vb = rng.normal(size=6), rng.normal(size=a.shape), rng.normal(size=b.shape)
    options = {"plus_one": True} if plus_one and measure == "iou" else {}
    function, step = getattr(detection, measure), 1e-7

    def value(sign):
        moved = a + sign * step * va, b + sign * step * vb
        if measure != "ciou":
            return function(*moved, format=name, pairwise=False, **options)
        alpha_v = detection.diou(a, b, format=name, pairwise=False) - detection.ciou(a, b, format=name, pairwise=False)
        v0 = shape_term(a, b, name)
        alpha = np.where(v0 > 0, alpha_v / np.where(v0 > 0, v0, 1), 0)
        return detection.diou(*moved, format=name, pairwise=False) - alpha * shape_term(*moved, name)

    da, db = getattr(detection, f"{measure}_backward")(dy, a, b, format=name, pairwise=False, **options)
    forward = np.vdot(dy, (value(1) - value(-1)) / (2 * step))
    np.testing.assert_allclose(np.vdot(da, va) + np.vdot(db, vb), forward, rtol=1e-5, atol=1e-5)


def shape_term(a, b, name):
    sides = [np.abs(convert_boxes(x, name, "xywh")[:, 2:]) for x in (a, b)]
    return 4 / np.pi**2 * np.subtract(*(np.arctan2(s[:, 0], s[:, 1]) for s in sides)) ** 2


@given(SEEDS, st.sampled_from(MEASURES), st.sampled_from([np.float16, np.float32, np.float64]))
def test_losses(seed, measure, dtype):
    rng = np.random.default_rng(seed)
    y_true, y_pred = (draw_boxes(rng, 6, "clustered").reshape(2, 3, 4).astype(dtype) for _ in range(2))
    loss = getattr(detection, f"{measure}_loss")(y_true, y_pred)
    value = getattr(detection, measure)(y_true, y_pred, pairwise=False)
    np.testing.assert_array_equal(loss, 1 - value)
    assert (loss.dtype, loss.shape) == (dtype, (2, 3))
    gradient = getattr(detection, f"{measure}_loss_backward")(np.ones((2, 3), dtype), y_true, y_pred)
    _, reference = getattr(detection, f"{measure}_backward")(
        -np.ones((2, 3)), *(y.astype(np.float64) for y in (y_true, y_pred)), pairwise=False
    )
    assert (gradient.dtype, gradient.shape) == (dtype, y_pred.shape)
    np.testing.assert_allclose(
        gradient, reference, rtol=1e-2 if dtype == np.float16 else 1e-4, atol=2e-3 if dtype == np.float16 else 1e-4
    )


# Corners of the definition


def test_no_area_no_overlap_and_no_warning():
    point, same, box = [[1, 1, 1, 1]], [[1, 1, 1, 1]], [[0, 0, 2, 2]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for other in (same, box):
            assert iou(point, other).item() == 0
            assert intersection_over_smaller(point, other).item() == 0
        for measure in MEASURES:
            function, backward = getattr(detection, measure), getattr(detection, f"{measure}_backward")
            assert function(point, same).item() == 0
            for a in (point, box, [[np.nan, 0, 1, 1]], [[-np.inf, 0, np.inf, 1]]):
                for b in (point, box):
                    d = backward(np.ones((1, 1)), a, b)
                    assert np.isfinite(d).all() or not np.isfinite(a).all()
            assert np.isnan(function([[np.nan, 0, 1, 1]], box)).all()
            assert np.isnan(function([[0, 0, 1, np.nan]], box)).all()
            pairs = function([[np.nan, 0, 1, 1], *box], box)
            assert np.isnan(pairs).ravel().tolist() == [True, False]
            for a, b in (([], box), (box, []), ([], [])):
                assert function(a, b).shape == (len(a), len(b))
                assert [d.shape for d in backward(np.zeros((len(a), len(b))), a, b)] == [(len(a), 4), (len(b), 4)]
        assert convert_boxes([], "xyxy", "xywh").shape == (0, 4)
        assert clip_boxes([], image_shape=(3, 4)).shape == (0, 4)
        assert box_area([]).shape == valid_boxes([]).shape == (0,)
        assert valid_boxes([[np.nan, 0, 1, 1], [0, 0, np.inf, 1], [0, 0, 1, 1]]).tolist() == [False, False, True]


def test_flipped_boxes_are_the_same_boxes():
    box, turned = [[1, 2, 4, 7]], [[4, 2, 1, 7]]
    for measure in MEASURES:
        assert getattr(detection, measure)(box, turned).item() == 1
    dturned, dbox = iou_backward(np.ones((1, 1)), turned, [[1, 2, 3, 7]])
    straight, _ = iou_backward(np.ones((1, 1)), box, [[1, 2, 3, 7]])
    np.testing.assert_array_equal(dturned, straight[:, [2, 1, 0, 3]])
    assert dbox.any()


ERRORS = [
    (lambda: convert_boxes(np.zeros((2, 4)), "xyxy", "rel_xyxy"), ValueError, "convert_boxes: image_shape (height, width) must be given between pixels and rel_ formats, and to clip pixels."),
    (lambda: convert_boxes(np.zeros((2, 4)), "xyxy", "rel_xyxy", image_shape=(0, 3)), ValueError, "convert_boxes: image_shape (height, width) must be above 0; got image_shape (0, 3)."),
    (lambda: convert_boxes(np.zeros((2, 3)), "xyxy", "xywh"), ValueError, "convert_boxes: boxes must have the axes (..., 4); got boxes (2, 3)."),
    (lambda: iou(np.zeros((2, 3, 4)), np.zeros((2, 4))), ValueError, "iou: boxes1 and boxes2 must have the axes (n, 4) and (m, 4); got boxes1 (2, 3, 4), boxes2 (2, 4)."),
    (lambda: iou(np.zeros((2, 4)), np.zeros((3, 4)), pairwise=False), ValueError, "iou: boxes2 must have the shape of boxes1, (2, 4); got boxes2 (3, 4)."),
    (lambda: iou(np.zeros((2, 4)), None), TypeError, "iou: boxes2 must be an array; got boxes2 None."),
    (lambda: iou_backward(np.zeros(2), np.zeros((2, 4)), np.zeros((3, 4))), ValueError, "iou_backward: dy must have the shape of the output, (2, 3); got dy (2,)."),
    (lambda: iou(np.zeros((2, 4)), np.zeros((2, 4)), format="ltrb"), ValueError, "iou: format must be one of xyxy, yxyx, xywh, center_xywh, rel_xyxy, rel_yxyx, rel_xywh, rel_center_xywh; got format 'ltrb'."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS, ids=[e[2][:60] for e in ERRORS])
def test_errors(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == message
