"""The measures of overlap written in TensorFlow, which has none of them; for its suppression there is test_nms.py."""

import numpy as np
import tensorflow as tf

from numpycnn.detection.boxes import TO_XYXY
from numpycnn.testing.catalogue import boxes
from reference_tests.library.with_tensorflow import with_tensorflow


def measured(measure):
    def value(boxes1, boxes2, *, format, pairwise):
        if pairwise:
            shape = (len(boxes1), len(boxes2), 4)
            boxes1, boxes2 = tf.broadcast_to(boxes1[:, None], shape), tf.broadcast_to(boxes2[None], shape)
        factors = tf.transpose(tf.constant(TO_XYXY[format], boxes1.dtype))
        return overlap(measure, *(tf.tensordot(boxes, factors, 1) for boxes in (boxes1, boxes2)))

    return value


def overlap(measure, a, b):
    """Of pairs of xyxy, element by element; in the gradient of ciou alpha is a constant."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = (tf.unstack(x, axis=-1) for x in (a, b))
    ax1, ax2 = tf.where(ax1 > ax2, ax2, ax1), tf.where(ax1 > ax2, ax1, ax2)
    ay1, ay2 = tf.where(ay1 > ay2, ay2, ay1), tf.where(ay1 > ay2, ay1, ay2)
    bx1, bx2 = tf.where(bx1 > bx2, bx2, bx1), tf.where(bx1 > bx2, bx1, bx2)
    by1, by2 = tf.where(by1 > by2, by2, by1), tf.where(by1 > by2, by1, by2)
    width, height = (
        tf.nn.relu(tf.minimum(ax2, bx2) - tf.maximum(ax1, bx1)),
        tf.nn.relu(tf.minimum(ay2, by2) - tf.maximum(ay1, by1)),
    )
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - width * height
    value = tf.math.divide_no_nan(width * height, union)
    hull = tf.maximum(ax2, bx2) - tf.minimum(ax1, bx1), tf.maximum(ay2, by2) - tf.minimum(ay1, by1)
    if measure == "giou":
        return value - tf.math.divide_no_nan(hull[0] * hull[1] - union, hull[0] * hull[1])
    if measure in ("diou", "ciou"):
        distance = ((ax1 + ax2 - bx1 - bx2) ** 2 + (ay1 + ay2 - by1 - by2) ** 2) / 4
        found, value = value, value - tf.math.divide_no_nan(distance, hull[0] ** 2 + hull[1] ** 2)
        if measure == "ciou":
            v = 4 / np.pi**2 * (angle(ax2 - ax1, ay2 - ay1) - angle(bx2 - bx1, by2 - by1)) ** 2
            value -= tf.stop_gradient(tf.math.divide_no_nan(v, 1 - found + v)) * v
    return value


def angle(width, height):
    """atan(width / height), of a point 0 and without a gradient, where TensorFlow's is NaN."""
    point = (width == 0) & (height == 0)
    one = tf.ones_like(width)
    return tf.where(point, tf.zeros_like(width), tf.atan2(tf.where(point, one, width), tf.where(point, one, height)))


OPS = with_tensorflow([op for op in boxes.OPS if op.gradients], {name: measured(name) for name in boxes.PENALTIES})
