"""Localization: the two losses against Keras, the square root and its table, the metric, the two-headed network."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from numpycnn import models, verify
from numpycnn.detection import (
    iou,
    localization_loss,
    localization_loss_backward,
    mean_box_iou,
    square_root_box_loss,
    square_root_box_loss_backward,
)
from numpycnn.layers import Conv2D, GlobalAveragePooling2D, Input
from numpycnn.models import Model
from numpycnn.models.localization import localization_heads
from numpycnn.segmentation import mean_iou
from reference_tests.drawn_boxes import boxes as draw_boxes

SEEDS = st.integers(0, 2**32 - 1)


def two_headed() -> Model:
    inputs = Input((9, 8, 3))
    x = GlobalAveragePooling2D()(Conv2D(6, 3, activation="relu")(inputs))
    return Model(inputs, localization_heads(x, 5), name="two_headed")


@given(SEEDS, st.sampled_from(["mean_squared_error", "square_root"]), st.sampled_from([(0.8, 0.2), (0.25, 2.0)]))
def test_losses_are_keras_s(seed, box_loss, weights):
    rng = np.random.default_rng(seed)
    labels, probabilities = rng.integers(0, 5, 6), rng.dirichlet(np.ones(5), 6)
    boxes, found = rng.uniform(0.1, 1, (2, 6, 4))
    options = {"loss_weights": weights, "box_loss": box_loss}
    dy = rng.normal(size=6)
    p, b = tf.constant(probabilities), tf.constant(found)
    with tf.GradientTape() as tape:
        tape.watch((p, b))
        of_boxes = keras.losses.mean_squared_error(boxes, b)
        if box_loss == "square_root":
            roots = [tf.concat([x[:, :2], tf.sqrt(x[:, 2:])], 1) for x in (tf.constant(boxes), b)]
            of_boxes = tf.reduce_sum((roots[0] - roots[1]) ** 2, axis=1)
        loss = weights[0] * keras.losses.sparse_categorical_crossentropy(labels, p) + weights[1] * of_boxes
    np.testing.assert_allclose(localization_loss(labels, boxes, probabilities, found, **options), loss, rtol=1e-12)
    gradients = localization_loss_backward(dy, labels, boxes, probabilities, found, **options)
    for ours, theirs in zip(gradients, tape.gradient(loss, (p, b), tf.constant(dy)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_the_chapters_table_of_the_square_root():
    """A picture 400 pixels wide; widths of 200 and 50, predicted 10 and 50 pixels too wide."""
    costs = []
    for width in (200, 50):
        for off in (10, 50):
            true, found = [0.5, 0.5, width / 400, 0.25], [0.5, 0.5, (width + off) / 400, 0.25]
            costs.append(float(square_root_box_loss([true], [found]).item()))
    assert sorted(f"{cost:.2e}" for cost in costs) == sorted(["3.05e-04", "1.14e-03", "6.97e-03", "2.14e-02"])


@given(SEEDS, st.sampled_from([np.float16, np.float32, np.float64]))
def test_the_square_root_in_every_dtype_and_below_zero(seed, dtype):
    rng = np.random.default_rng(seed)
    y_true, y_pred = rng.uniform(0, 1, (2, 3, 2, 4)).astype(dtype)
    y_pred[0, 0, 2:] = [-0.5, 0]
    loss, gradient = (
        square_root_box_loss(y_true, y_pred),
        square_root_box_loss_backward(np.ones((3, 2)), y_true, y_pred),
    )
    assert (loss.dtype, gradient.dtype, gradient.shape) == (dtype, np.float64, (3, 2, 4))
    assert gradient[0, 0, 2:].tolist() == [0, 0]
    whole = y_true.astype(float), np.maximum(y_pred.astype(float), 0) * [[[0, 0, 1, 1]]] + y_pred * [[[1, 1, 0, 0]]]
    steps = np.concatenate([whole[1][..., :2] - whole[0][..., :2], np.sqrt(whole[1][..., 2:]) - np.sqrt(whole[0][..., 2:])], -1)  # fmt: skip # noqa: E501
    np.testing.assert_allclose(loss, (steps**2).sum(-1), rtol=1.01 * 2**-11 if dtype == np.float16 else 1e-5, atol=1e-6)


def test_what_the_losses_refuse():
    box = [[0.5, 0.5, 0.2, 0.2]]
    for side in (2, 3):
        wrong = np.array(box)
        wrong[0, side] = -0.1
        with pytest.raises(ValueError, match="square_root_box_loss: the sides of y_true must be at least 0"):
            square_root_box_loss(wrong, box)
    with pytest.raises(ValueError, match="square_root_box_loss: y_true must have the shape of y_pred"):
        square_root_box_loss([[box[0]]], box)
    with pytest.raises(ValueError, match="localization_loss: box_loss must be one of mean_squared_error, square_root;"):
        localization_loss([0], box, [[1.0]], box, box_loss="giou")


@given(SEEDS, st.integers(0, 6))
def test_mean_iou_of_boxes(seed, count):
    rng = np.random.default_rng(seed)
    a, b = (draw_boxes(rng, count, "clustered").astype(float) for _ in range(2))
    mean = mean_box_iou(a, b)
    assert mean_box_iou([[0, 0, 2, 2]], [[1, 0, 2, 2]], format="xywh") == pytest.approx(1 / 3)  # as xyxy a half
    assert np.isnan(mean) if not count else mean == pytest.approx(np.diag(iou(a, b)).mean())


def test_row_46_boxes_are_no_class_maps():
    boxes = np.array([[0.5, 0.5, 0.25, 0.25], [0.1, 0.2, 0.3, 0.9]])
    metric = keras.metrics.MeanIoU(2)
    metric.update_state(boxes, boxes * 0.5)
    assert 0 <= float(metric.result()) <= 1  # a figure, and no error
    with pytest.raises(
        TypeError, match=r"mean_iou: y_true must hold class numbers, integers; for boxes there is numpycnn"
    ):
        mean_iou(boxes, boxes, 2)
    with pytest.raises(
        ValueError, match=r"class numbers in \[0, 2\); for boxes there is numpycnn.detection.mean_box_iou"
    ):
        mean_iou(np.array([[3, 4, 10, 12]]), np.array([[3, 4, 10, 12]]), 2)


def test_the_two_headed_network_is_verified_like_every_model():
    model = two_headed()
    assert verify(model, seed=3).holds
    labels, boxes = np.array([1, 4, 0]), np.full((3, 4), 0.5, np.float32)
    outputs = model.forward(np.random.default_rng(0).normal(size=(3, 9, 8, 3)))
    gradients = model.backward(localization_loss_backward(np.full(3, 1 / 3), labels, boxes, *outputs))
    assert gradients.weights["box_output/kernel"].any()
    built = model.to_keras()
    assert [layer.name for layer in built.layers][-2:] == ["class_output", "box_output"]


def test_the_chapters_network():
    model = models.xception_localizer()
    assert [tensor.shape for tensor in model.outputs] == [(5,), (4,)]
    assert (model.get_layer("class_output").activation, model.get_layer("box_output").activation) == ("softmax", None)
    parameters = sum(int(np.prod(spec.shape)) for spec in model.weight_specs().values())
    assert parameters == 22_910_480 - 2048 * 1000 - 1000 + 2048 * 9 + 9
