"""The losses of YOLO against their formulas in TensorFlow, who answers found in plain loops; finite differences."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from numpycnn.detection import (
    yolo_v1_loss,
    yolo_v1_loss_backward,
    yolo_v1_targets,
    yolo_v2_loss,
    yolo_v2_loss_backward,
    yolo_v2_targets,
    yolo_v3_loss,
    yolo_v3_loss_backward,
    yolo_v3_targets,
)
from reference_tests.drawn_grids import CLASSES, draw_anchors, draw_objects, iou_of, kept

SEEDS = st.integers(0, 2**32 - 1)
GRID, GRIDS = (3, 5), [(3, 5), (4, 7)]
BATCH = 2


def in_tensorflow(loss, preds, dy) -> tuple[np.ndarray, list[np.ndarray]]:
    """A loss of pictures, and its gradients by the arrays in preds from the tape, weighted by dy."""
    tensors = [tf.constant(pred) for pred in preds]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        each = loss(tensors)
    return each.numpy(), [g.numpy() for g in tape.gradient(each, tensors, tf.constant(dy))]


def check(ours, gradients, theirs, their_gradients):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    for gradient, wanted in zip(gradients, their_gradients, strict=True):
        np.testing.assert_allclose(gradient, wanted, rtol=1e-8, atol=1e-10)


@given(SEEDS, st.integers(1, 3), st.booleans(), st.sampled_from([(5.0, 0.5), (3.0, 0.25)]))
def test_v1(seed, predictors, rescore, lambdas):
    rng = np.random.default_rng(seed)
    objects = draw_objects(rng, BATCH)
    y_true = yolo_v1_targets(objects, grid=GRID, predictors=predictors, classes=CLASSES)
    y_pred = rng.uniform(0, 1, y_true.shape)
    y_pred[rng.random(y_pred.shape) < 0.1] -= 0.5  # boxes far off, and roots below 0
    y_pred[:1, ..., : 5 * predictors] *= 0.2  # boxes so small that often none overlaps the true one
    options = {"predictors": predictors, "rescore": rescore, "lambda_coord": lambdas[0], "lambda_noobj": lambdas[1]}

    shape = y_true.shape[:3]
    box, answers, wanted = (
        np.zeros((*shape, predictors, 4)),
        np.zeros((*shape, predictors)),
        np.zeros((*shape, predictors)),
    )
    there, classes = np.zeros(shape), np.zeros((*shape, CLASSES))
    for n, one in enumerate(objects):
        for (i, j), true, label in kept(one, GRID):
            said = y_pred[n, i, j, : 5 * predictors].reshape(predictors, 5).tolist()
            boxes = [((j + x) / 5, (i + y) / 3, w**2, h**2) for x, y, w, h, _ in said]
            overlaps = [iou_of(b, true) for b in boxes]
            apart = [math.dist(b, true) for b in boxes]
            b = overlaps.index(max(overlaps)) if max(overlaps) > 0 else apart.index(min(apart))
            answers[n, i, j, b], wanted[n, i, j, b] = 1, overlaps[b] if rescore else 1
            box[n, i, j, b] = true[0] * 5 - j, true[1] * 3 - i, *np.sqrt(true[2:])
            there[n, i, j], classes[n, i, j] = 1, np.eye(CLASSES)[label]

    def loss(preds):
        (pred,) = preds
        said = tf.reshape(pred[..., : 5 * predictors], (*shape, predictors, 5))
        boxes = tf.reduce_sum((said[..., :4] - box) ** 2, -1)
        silence = lambdas[1] * (1 - answers) * said[..., 4] ** 2
        own = lambdas[0] * answers * boxes + answers * (said[..., 4] - wanted) ** 2 + silence
        of_classes = there * tf.reduce_sum((pred[..., 5 * predictors :] - classes) ** 2, -1)
        return tf.reduce_sum(own, (1, 2, 3)) + tf.reduce_sum(of_classes, (1, 2))

    dy = rng.normal(size=BATCH)
    check(
        yolo_v1_loss(y_true, y_pred, **options),
        [yolo_v1_loss_backward(dy, y_true, y_pred, **options)],
        *in_tensorflow(loss, [y_pred], dy),
    )


def parts(objects, y_pred, grids, anchors, threshold) -> list[dict[str, np.ndarray]]:
    """For each grid, place by place: who answers for an object, with what, and who answers for having none."""
    found = []
    for s, (pred, grid) in enumerate(zip(y_pred, grids, strict=True)):
        shape = pred.shape[:4]
        part = {name: np.zeros(shape) for name in ("there", "free", "overlap", "small")}
        part |= {"box": np.zeros((*shape, 4)), "classes": np.zeros((*shape, CLASSES))}
        for n, one in enumerate(objects):
            answers = {place: (box, label) for place, box, label in kept(one, grids, anchors)}
            for i, j, k in np.ndindex(*shape[1:]):
                tx, ty, tw, th = pred[n, i, j, k, :4].tolist()
                width, height = anchors[s, k].tolist()
                x, y = 1 / (1 + math.exp(-tx)), 1 / (1 + math.exp(-ty))
                said = (j + x) / grid[1], (i + y) / grid[0], width * math.exp(tw), height * math.exp(th)
                if (s, i, j, k) in answers:
                    (cx, cy, w, h), label = answers[s, i, j, k]
                    part["there"][n, i, j, k], part["small"][n, i, j, k] = 1, 2 - w * h
                    part["overlap"][n, i, j, k] = iou_of(said, (cx, cy, w, h))
                    numbers = cx * grid[1] - j, cy * grid[0] - i, math.log(w / width), math.log(h / height)
                    part["box"][n, i, j, k], part["classes"][n, i, j, k] = numbers, np.eye(CLASSES)[label]
                else:
                    overlaps = [iou_of(said, box) for box, _ in answers.values()]
                    part["free"][n, i, j, k] = max(overlaps, default=0) <= threshold
        found.append(part)
    return found


@given(
    SEEDS, st.booleans(), st.sampled_from([0.15, 0.6]), st.sampled_from([(1.0, 5.0, 1.0, 1.0), (2.0, 3.0, 0.5, 4.0)])
)
def test_v2(seed, rescore, threshold, scales):
    rng = np.random.default_rng(seed)
    objects, anchors = draw_objects(rng, BATCH), draw_anchors(rng, 1)
    y_true = yolo_v2_targets(objects, GRID, anchors[0], classes=CLASSES)
    y_pred = rng.normal(0, 1, y_true.shape)
    names = "coord_scale", "object_scale", "noobject_scale", "class_scale"
    options = {**dict(zip(names, scales, strict=True)), "rescore": rescore, "ignore_threshold": threshold}
    (part,) = parts(objects, [y_pred], [GRID], anchors, threshold)

    def loss(preds):
        (t,) = preds
        coordinates, object_scale, noobject, classes = scales
        places, sides = tf.sigmoid(t[..., :2]) - part["box"][..., :2], t[..., 2:4] - part["box"][..., 2:]
        squares = tf.reduce_sum(places**2, -1) + tf.reduce_sum(sides**2, -1)
        sure = tf.sigmoid(t[..., 4])
        total = coordinates / 2 * part["there"] * squares + noobject / 2 * part["free"] * sure**2
        total += object_scale / 2 * part["there"] * (sure - (part["overlap"] if rescore else 1)) ** 2
        total += classes * part["there"] * tf.nn.softmax_cross_entropy_with_logits(part["classes"], t[..., 5:])
        return tf.reduce_sum(total, (1, 2, 3))

    dy = rng.normal(size=BATCH)
    check(
        yolo_v2_loss(y_true, y_pred, anchors[0], **options),
        [yolo_v2_loss_backward(dy, y_true, y_pred, anchors[0], **options)],
        *in_tensorflow(loss, [y_pred], dy),
    )


@given(SEEDS, st.sampled_from([0.15, 0.5]))
def test_v3(seed, threshold):
    rng = np.random.default_rng(seed)
    objects, anchors = draw_objects(rng, BATCH), draw_anchors(rng, 2)
    y_true = yolo_v3_targets(objects, GRIDS, anchors, classes=CLASSES)
    y_pred = [rng.normal(0, 1, t.shape) for t in y_true]
    grids = parts(objects, y_pred, GRIDS, anchors, threshold)

    def loss(preds):
        each, entropy = [], tf.nn.sigmoid_cross_entropy_with_logits
        for t, part in zip(preds, grids, strict=True):
            places = tf.reduce_sum(entropy(part["box"][..., :2], t[..., :2]), -1)
            sides = tf.reduce_sum((t[..., 2:4] - part["box"][..., 2:]) ** 2, -1) / 2
            total = part["small"] * (places + sides) + (part["there"] + part["free"]) * entropy(
                part["there"], t[..., 4]
            )
            total += part["there"] * tf.reduce_sum(entropy(part["classes"], t[..., 5:]), -1)
            each.append(tf.reduce_sum(total, (1, 2, 3)))
        return tf.add_n(each)

    dy = rng.normal(size=BATCH)
    check(
        yolo_v3_loss(y_true, y_pred, anchors, ignore_threshold=threshold),
        yolo_v3_loss_backward(dy, y_true, y_pred, anchors, ignore_threshold=threshold),
        *in_tensorflow(loss, y_pred, dy),
    )


def drawn_losses(rng, dtype=np.float64) -> dict:
    """Each version as a loss of one array of outputs, with its gradient; an IoU as a target is 1 in its place."""
    objects, anchors = draw_objects(rng, BATCH), draw_anchors(rng, 2).astype(dtype)
    v1 = yolo_v1_targets(objects, grid=GRID, classes=CLASSES)
    v2 = yolo_v2_targets(objects, GRID, anchors[0], classes=CLASSES)
    v3 = yolo_v3_targets(objects, GRIDS, anchors, classes=CLASSES)
    other = rng.normal(0, 1, v3[1].shape).astype(dtype)
    return {
        "v1": (
            rng.uniform(0, 1, v1.shape).astype(dtype),
            lambda y: yolo_v1_loss(v1, y, rescore=False),
            lambda dy, y: yolo_v1_loss_backward(dy, v1, y, rescore=False),
        ),
        "v2": (
            rng.normal(0, 1, v2.shape).astype(dtype),
            lambda y: yolo_v2_loss(v2, y, anchors[0], rescore=False),
            lambda dy, y: yolo_v2_loss_backward(dy, v2, y, anchors[0], rescore=False),
        ),
        "v3": (
            rng.normal(0, 1, v3[0].shape).astype(dtype),
            lambda y: yolo_v3_loss(v3, [y, other], anchors),
            lambda dy, y: yolo_v3_loss_backward(dy, v3, [y, other], anchors)[0],
        ),
    }


@given(SEEDS, st.sampled_from(["v1", "v2", "v3"]))
def test_gradients_are_differences(seed, version):
    """Along one direction, over a step in which no predictor is likely to change its part."""
    rng = np.random.default_rng(seed)
    y, loss, backward = drawn_losses(rng)[version]
    dy, direction, step = rng.normal(size=BATCH), rng.normal(size=y.shape), 1e-6
    differences = dy @ (loss(y + step * direction) - loss(y - step * direction)) / (2 * step)
    np.testing.assert_allclose(np.vdot(backward(dy, y), direction), differences, rtol=1e-5, atol=1e-6)


@given(SEEDS, st.sampled_from(["v1", "v2", "v3"]), st.sampled_from([np.float16, np.float32]))
def test_narrow_outputs_keep_their_dtype(seed, version, dtype):
    y, loss, backward = drawn_losses(np.random.default_rng(seed), dtype)[version]
    wide = y.astype(np.float64)
    dy = np.ones(BATCH, dtype)
    assert (loss(y).dtype, backward(dy, y).dtype) == (dtype, dtype)
    tolerance = 5e-3 if dtype == np.float16 else 1e-4
    np.testing.assert_allclose(loss(y), loss(wide), rtol=tolerance)
    np.testing.assert_allclose(backward(dy, y), backward(np.ones(BATCH), wide), rtol=tolerance, atol=tolerance)


def test_a_predictor_that_is_right_and_sure_costs_nothing_but_the_entropy_of_its_place():
    objects = [{"boxes": [[0.5, 0.25, 0.25, 0.16]], "classes": [1]}]
    v1 = yolo_v1_targets(objects, grid=GRID, classes=CLASSES)
    silent = v1.copy()
    silent[..., 9] = 0
    assert yolo_v1_loss(v1, silent).item() == pytest.approx(0, abs=1e-12)
    assert yolo_v1_loss(v1, v1).item() == 0.5  # both say they are sure, and one is not responsible
    anchors = [[0.25, 0.16]]
    v2 = yolo_v2_targets(objects, (2, 3), anchors, classes=CLASSES)
    said = np.where(v2 > 0, 40.0, -40.0)
    said[..., :4] = 0  # sigmoid(0) is the middle of the cell
    assert yolo_v2_loss(v2, said, anchors).item() == pytest.approx(0, abs=1e-12)
    ours = yolo_v3_loss([v2], [said], [anchors]).item()
    assert ours == pytest.approx((2 - 0.04) * 2 * np.log(2), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: yolo_v1_loss(np.zeros((2, 3, 5, 13)), np.zeros((2, 3, 4, 13))),
            r"yolo_v1_loss: y_true must have the shape of y_pred, \(2, 3, 4, 13\); got y_true \(2, 3, 5, 13\)",
        ),
        (
            lambda: yolo_v1_loss_backward(1.0, np.zeros((2, 3, 5, 13)), np.zeros((2, 3, 5, 13))),
            r"yolo_v1_loss_backward: dy must have one number for each picture, \(2,\); got dy \(\)",
        ),
        (
            lambda: yolo_v2_loss(np.zeros((2, 3, 5, 14)), np.zeros((2, 3, 5, 14)), [[1, 1]]),
            r"yolo_v2_loss: y_pred must have the axes \(batch, rows, columns, anchors, 5 \+ classes\)",
        ),
        (
            lambda: yolo_v2_loss(np.zeros((2, 3, 5, 2, 7)), np.zeros((2, 3, 5, 2, 7)), [[1, 1]]),
            r"yolo_v2_loss: anchors must have a width and a height for each anchor, \(2, 2\); got anchors \(1, 2\)",
        ),
        (
            lambda: yolo_v3_loss([np.zeros((2, 3, 5, 2, 7))], [], np.ones((1, 2, 2))),
            r"yolo_v3_loss: anchors \(grids, anchors, 2\) must be for as many grids as there are arrays, 1 and 0",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
