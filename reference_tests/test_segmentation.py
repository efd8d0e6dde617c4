"""Segmentation: upsampling both ways, class maps, Dice, masks, regions, networks; against TensorFlow and by hand."""

import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn import ops
from numpycnn.detection import convert_boxes
from numpycnn.segmentation import (
    bilinear_kernel,
    class_map,
    confusion_matrix,
    conv2d_transpose_by_zeros,
    crop_and_resize,
    crop_and_resize_backward,
    dice_loss,
    dice_loss_backward,
    insert_zeros,
    mask_iou,
    masks_to_boxes,
    mean_iou,
    roi_align,
    roi_align_backward,
)

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.sampled_from(["valid", "same"]))
def test_transposed_convolution_both_ways_and_keras(seed, padding):
    rng = np.random.default_rng(seed)
    strides, size = rng.integers(1, 4, 2), rng.integers(1, 6, 2)
    kernel = rng.normal(size=(*rng.integers(1, 6, 2), 4, 3))  # smaller than the strides, or larger
    x = rng.normal(size=(2, *size, 3))
    by_zeros = conv2d_transpose_by_zeros(x, kernel, strides=tuple(strides.tolist()), padding=padding)
    plain = ops.conv2d_transpose(x, kernel, strides=tuple(strides.tolist()), padding=padding)
    np.testing.assert_allclose(by_zeros, plain, rtol=1e-9, atol=1e-12)
    theirs = keras.ops.conv_transpose(x, kernel, strides=tuple(strides.tolist()), padding=padding)
    np.testing.assert_allclose(by_zeros, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_bilinear_weights_interpolate(factor):
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3))
    y = ops.conv2d_transpose(x, bilinear_kernel(factor, 3), strides=factor, padding="same")
    wanted = ops.up_sampling2d(x, factor, interpolation="bilinear")
    inner = slice(factor // 2, -(factor // 2))
    np.testing.assert_allclose(y[:, inner, inner], wanted[:, inner, inner], atol=1e-5)  # its weights are float32


@given(SEEDS, st.integers(1, 5), st.sampled_from([None, 0, 255]))
def test_mean_iou_is_keras_s(seed, classes, ignored):
    rng = np.random.default_rng(seed)
    y_true, y_pred = rng.integers(0, rng.integers(1, classes + 1), (2, 3, 4, 5))
    if ignored == 255:
        y_true[rng.random(y_true.shape) < 0.3] = 255
    metric = keras.metrics.MeanIoU(classes, ignore_class=ignored)
    if ignored != 255:
        metric.update_state(y_true, y_pred)
        ours = mean_iou(y_true, y_pred, classes, ignore_class=ignored)
        assert ours == pytest.approx(float(metric.result()), abs=1e-6)
    matrix = confusion_matrix(y_true, y_pred, classes, ignore_class=ignored)
    wanted = [
        [np.sum((y_true == i) & (y_pred == j) & (y_true != ignored)) for j in range(classes)] for i in range(classes)
    ]
    np.testing.assert_array_equal(matrix, wanted)
    each = mean_iou(y_true, y_pred, classes, ignore_class=ignored, per_class=True)
    t, p = (numbers[y_true != ignored] for numbers in (y_true, y_pred))
    for k in range(classes):
        either = np.sum((t == k) | (p == k))
        np.testing.assert_equal(each[k], np.sum((t == k) & (p == k)) / either if either else np.nan)


@given(SEEDS, st.sampled_from([0.0, 1.0, 0.25]))
def test_dice_is_its_formula_and_tensorflows_gradient(seed, smooth):
    rng = np.random.default_rng(seed)
    t, p, dy = (
        rng.integers(0, 2, (2, 4, 5, 3)).astype(float),
        rng.uniform(0.01, 1, (2, 4, 5, 3)),
        rng.normal(size=(2, 3)),
    )
    prediction = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        total = tf.reduce_sum(t + prediction, (1, 2))
        loss = 1 - (2 * tf.reduce_sum(t * prediction, (1, 2)) + smooth) / (total + smooth)
    np.testing.assert_allclose(dice_loss(t, p, smooth=smooth), loss, rtol=1e-12, atol=1e-15)
    gradient = tape.gradient(loss, prediction, tf.constant(dy))
    np.testing.assert_allclose(dice_loss_backward(dy, t, p, smooth=smooth), gradient, rtol=1e-9, atol=1e-14)
    assert dice_loss(t.astype(np.float16), p.astype(np.float16)).dtype == np.float16


def test_dice_of_more_pixels_than_float16_counts_to():
    t, p = np.ones((1, 300, 310, 2), np.float16), np.full((1, 300, 310, 2), [1, 0.5], np.float16)
    np.testing.assert_allclose(dice_loss(t, p), [[0, 1 / 3]], rtol=1e-3)
    gradient = [-1 / 186_000, 93_000 / 139_500**2 - 2 / 139_500]
    found = dice_loss_backward([[1, 1]], t, p, smooth=0)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found[0, 5, 7], gradient, atol=6e-8)


@given(SEEDS, st.sampled_from([True, np.uint8(255), -0.5]))
def test_masks(seed, true):
    rng = np.random.default_rng(seed)
    masks = rng.random((4, 5, 7)) < rng.choice([0.0, 0.05, 0.5])
    given = masks * true
    for mask, box in zip(masks, masks_to_boxes(given), strict=True):
        rows, columns = np.nonzero(mask)
        wanted = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if mask.any() else [0] * 4
        assert box.tolist() == wanted
    numbers, wanted = class_map(given, [4, 3, 7, 3], background=9), np.full((5, 7), 9)
    for mask, number in zip(masks, [4, 3, 7, 3], strict=True):
        wanted = np.where(mask, number, wanted)
    np.testing.assert_array_equal(numbers, wanted)
    either = (masks[:, None] | masks[:3]).sum(axis=(2, 3))
    wanted = (masks[:, None] & masks[:3]).sum(axis=(2, 3)) / np.maximum(either, 1)
    np.testing.assert_allclose(mask_iou(given, given[:3]), wanted)


def regions(rng, count):
    boxes = rng.uniform(-0.2, 1.2, (count, 4)).astype(np.float32)
    return boxes, rng.integers(0, 2, count)


@given(SEEDS, st.integers(0, 4))
def test_crop_and_resize_is_tensorflows(seed, count):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(2, 5, 7, 3)).astype(np.float32)
    boxes, indices = regions(rng, count)
    size = tuple(rng.integers(1, 5, 2).tolist())
    x, b = tf.constant(images), tf.constant(boxes)
    with tf.GradientTape() as tape:
        tape.watch((x, b))
        theirs = tf.image.crop_and_resize(x, b, indices, size, extrapolation_value=-2)
    ours = crop_and_resize(images, boxes, indices, size, extrapolation_value=-2, format="rel_yxyx")
    assert ours.shape == (count, *size, 3)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    dy = rng.normal(size=ours.shape).astype(np.float32)
    dimages, dboxes = crop_and_resize_backward(dy, images, boxes, indices, size, format="rel_yxyx")
    wanted = np.zeros_like(images), np.zeros_like(boxes)
    if count:
        wanted = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(theirs, (x, b), tf.constant(dy))]
    np.testing.assert_allclose(dimages, wanted[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(dboxes, wanted[1], rtol=1e-4, atol=2e-3)  # sums of up to 48 products, each up to 60
    assert (dimages.dtype, dboxes.dtype) == (np.float32, np.float32)


@given(SEEDS, st.booleans())
def test_float16_is_sampled_wide_and_rounded_once(seed, aligned):
    rng = np.random.default_rng(seed)
    features = rng.uniform(1, 2, (2, 5, 6, 3)).astype(np.float16)
    boxes, indices = np.array([[0.25, 0.5, 4, 3], [1, 0.125, 5.5, 5]]), [1, 0]
    calls = ((roi_align, boxes, {"aligned": aligned}), (crop_and_resize, boxes / 8, {}))
    for op, own, options in calls:
        y, wide = (op(x, own, indices, (2, 3), **options) for x in (features, features.astype(float)))
        assert y.dtype == np.float16
        np.testing.assert_allclose(y, wide, rtol=1.01 * 2**-11)


def aligned_by_hand(features, box, cells, ratio, aligned, scale):
    """One region of one image (height, width): every sample and every weight written out."""
    height, width = features.shape

    def at(y, x):
        if y < -1 or y > height or x < -1 or x > width:
            return 0.0
        y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
        total = 0.0
        for p in range(height):
            for q in range(width):
                total += max(0, 1 - abs(y - p)) * max(0, 1 - abs(x - q)) * features[p, q]
        return total

    x1, y1, x2, y2 = (value * scale - (0.5 if aligned else 0) for value in box)
    w, h = (x2 - x1, y2 - y1) if aligned else (max(x2 - x1, 1), max(y2 - y1, 1))
    result = np.zeros(cells)
    for i, j in np.ndindex(cells):
        ys = [y1 + (i + (k + 0.5) / ratio) * h / cells[0] for k in range(ratio)]
        xs = [x1 + (j + (k + 0.5) / ratio) * w / cells[1] for k in range(ratio)]
        result[i, j] = np.mean([at(y, x) for y in ys for x in xs])
    return result


@settings(max_examples=50)
@given(SEEDS, st.booleans(), st.sampled_from([1, 2, 3]))
def test_roi_align_is_its_formula_and_its_gradient_adjoint(seed, aligned, ratio):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(2, 5, 6, 2))
    corner = rng.uniform(-4, 10, (3, 2))
    boxes, indices, cells = (
        np.concatenate([corner, corner + rng.uniform(0, 12, (3, 2))], 1),
        np.array([1, 0, 1]),
        (2, 3),
    )
    options = {"spatial_scale": 0.5, "sampling_ratio": ratio, "aligned": aligned}
    y = roi_align(features, boxes, indices, cells, **options)
    for n, c in np.ndindex(3, 2):
        wanted = aligned_by_hand(features[indices[n], :, :, c], boxes[n], cells, ratio, aligned, 0.5)
        np.testing.assert_allclose(y[n, :, :, c], wanted, rtol=1e-9, atol=1e-12)
    dy, v = rng.normal(size=y.shape), rng.normal(size=features.shape)
    dfeatures, _ = roi_align_backward(dy, features, boxes, indices, cells, **options)
    np.testing.assert_allclose(np.vdot(dfeatures, v), np.vdot(dy, roi_align(v, boxes, indices, cells, **options)))


@settings(max_examples=60)
@given(SEEDS, st.sampled_from(["xyxy", "yxyx", "xywh", "center_xywh"]), st.booleans(), st.sampled_from([1, 2, 3]))
def test_what_a_box_changes_is_what_its_gradient_says(seed, format, aligned, ratio):
    """Central differences in float64, of boxes that stay between their kinks for as long as the step is."""
    rng = np.random.default_rng(seed)
    features, indices, step = rng.normal(size=(2, 5, 6, 3)), np.array([1, 0, 1]), 1e-6
    boxes = np.concatenate([rng.uniform(-3, 9, (3, 2)), rng.uniform(0.1, 12, (3, 2))], axis=1)  # as xywh
    boxes = convert_boxes(boxes, "xywh", format)
    given = {"spatial_scale": 0.5, "sampling_ratio": ratio, "aligned": aligned}
    calls = [
        (roi_align, roi_align_backward, boxes, given, format),
        (crop_and_resize, crop_and_resize_backward, boxes / 10, {}, f"rel_{format}"),
    ]
    for op, backward, own, options, name in calls:
        size = (int(rng.integers(1, 4)), 2)
        dy = rng.normal(size=(3, *size, 3))
        _, dboxes = backward(dy, features, own, indices, size, format=name, **options)
        for k in range(4):
            ends = [
                op(features, own + way * step * np.eye(4)[k], indices, size, format=name, **options)
                for way in (1, -1, 2)
            ]
            change = ((ends[0] - ends[1]) * dy).sum(axis=(1, 2, 3)) / (2 * step)
            onward = ((ends[2] - ends[0]) * dy).sum(axis=(1, 2, 3)) / step
            smooth = np.abs(onward - change) < 1e-3
            assert smooth.any()
            np.testing.assert_allclose(dboxes[smooth, k], change[smooth], rtol=1e-5, atol=1e-5)


def test_kinks_have_no_slope():
    """Places on rows of pixels, as TensorFlow; held at the border; a side of less than a pixel, which does not grow."""
    image = np.random.default_rng(0).normal(size=(1, 4, 5, 2))
    dy, b = np.ones((1, 4, 5, 2)), tf.constant([[0.0, 0, 1, 1]])
    with tf.GradientTape() as tape:
        tape.watch(b)
        crop = tf.image.crop_and_resize(image.astype(np.float32), b, [0], (4, 5))
    assert not tape.gradient(crop, b).numpy().any()
    assert not crop_and_resize_backward(dy, image, [[0, 0, 1, 1]], [0], (4, 5))[1].any()
    assert not roi_align_backward(dy[:, :1, :1], image, [[-1, -1, 0.9, 0.9]], [0], 1)[1].any()
    small = roi_align_backward(dy[:, :1, :1], image, [[0.3, 0.4, 0.9, 1.0]], [0], 1, aligned=False)[1]
    assert small[0, :2].all()
    assert not small[0, 2:].any()
    assert not roi_align_backward(dy[:, :1, :1], image, [[0.3, 0.4, np.nan, 1.0]], [0], 1)[1].any()


IMAGE, TWO = np.ones((1, 2, 3, 1)), np.ones((2, 4, 5, 3))
REFUSED = {
    "mean_iou: y_true must hold class numbers in [0, 3); for boxes": lambda: mean_iou([0, 3], [0, 1], 3),
    "mean_iou: y_pred must hold class numbers in [0, 3); for boxes": lambda: mean_iou([0, 2], [0, -1], 3),
    "got y_pred (1, 2)": lambda: mean_iou([0, 2], [[0, 1]], 3),
    "dice_loss: y_true must have the shape of y_pred": lambda: dice_loss(IMAGE[:, :1], IMAGE),
    "mask_iou: masks must have the axes (n, height, width), of one size": lambda: mask_iou(
        np.ones((1, 2, 3)), np.ones((1, 3, 2))
    ),
    'padding must be "valid" or "same"': lambda: conv2d_transpose_by_zeros(IMAGE, IMAGE[:1], padding="full"),
    "box_indices must lie in [0, 2)": lambda: roi_align(TWO, [[0, 0, 1, 1]], [2], 1),
    "crop_and_resize: box_indices must lie in [0, 2)": lambda: crop_and_resize(TWO, [[0, 0, 1, 1]], [-1], 1),
    "format must be one of the rel_ formats": lambda: crop_and_resize(TWO, [[0, 0, 1, 1]], [0], 1, format="xyxy"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message):
    with pytest.raises(ValueError, match=re.escape(message)):
        REFUSED[message]()


def test_what_is_infinite_reaches_only_what_looks_at_it():
    image = np.arange(12.0).reshape(1, 3, 4, 1)
    image[0, 1, 2] = np.inf
    places = [[0, 0, 1, 1]], [0], (3, 4)
    assert np.isfinite(crop_and_resize(image, *places)[0, :, :, 0]).tolist() == np.isfinite(image[0, :, :, 0]).tolist()


def test_row_31_where_regions_are_sampled():
    image = np.arange(16.0).reshape(1, 4, 4, 1)
    assert crop_and_resize(image, [[0, 0, 1, 1]], [0], 2).ravel().tolist() == [0, 3, 12, 15]
    assert tf.image.crop_and_resize(image, [[0.0, 0, 1, 1]], [0], (2, 2)).numpy().ravel().tolist() == [0, 3, 12, 15]
    assert roi_align(image, [[0, 0, 4, 4]], [0], 2).ravel().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_nothing_in_nothing_out():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features = np.zeros((1, 4, 5, 3))
        assert roi_align(features, [], [], 2).shape == crop_and_resize(features, [], [], 2).shape == (0, 2, 2, 3)
        gradients = roi_align_backward(np.zeros((0, 2, 2, 3)), features, [], [], 2)
        assert [gradient.shape for gradient in gradients] == [features.shape, (0, 4)]
        assert insert_zeros(features[:, :0], (3, 2)).shape == (1, 0, 9, 3)
        assert insert_zeros(features[:, :, :0], (3, 2)).shape == (1, 10, 0, 3)
        assert mean_iou([], [], 3) == 0
        assert masks_to_boxes([]).shape == masks_to_boxes(np.zeros((0, 4, 5))).shape == (0, 4)
        assert class_map(np.zeros((0, 2, 3)), []).tolist() == [[0] * 3] * 2
        assert mask_iou(np.zeros((0, 2, 3)), np.zeros((4, 2, 3))).shape == (0, 4)
        assert dice_loss(np.zeros((0, 2, 3, 4)), np.zeros((0, 2, 3, 4))).shape == (0, 4)
        assert dice_loss(np.zeros((1, 2, 3, 1)), np.zeros((1, 2, 3, 1)), smooth=0).item() == 0
