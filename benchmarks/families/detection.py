"""Overlaps of boxes and non-max suppression, NumPy beside TensorFlow."""

from functools import partial

import numpy as np

from benchmarks.libraries import onnx
from benchmarks.rows import Row


def boxes(count: int, side: float, seed: int = 0) -> np.ndarray:
    """float32 (count, 4), yxyx: 5 to 60 pixels long, anywhere in a square picture."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, side, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(5, 60, (count, 2))], axis=1).astype(np.float32)


def our_iou(count):
    from numpycnn.detection import iou

    return partial(iou, boxes(count, 1000), boxes(count, 1000, seed=1), format="yxyx")


def tensorflows_iou(count):
    import tensorflow as tf

    @tf.function
    def overlap(a, b):
        a, b = (tf.split(x, 4, axis=1) for x in (a, b))
        height, width = (
            tf.nn.relu(tf.minimum(a[k + 2], tf.transpose(b[k + 2])) - tf.maximum(a[k], tf.transpose(b[k])))
            for k in (0, 1)
        )
        area_a, area_b = ((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
        return height * width / (area_a + tf.transpose(area_b) - height * width)

    return partial(overlap, tf.constant(boxes(count, 1000)), tf.constant(boxes(count, 1000, seed=1)))


def our_suppression(count, side, size):
    from numpycnn.detection import non_max_suppression

    scores = np.random.default_rng(2).random(count, np.float32)
    return partial(non_max_suppression, boxes(count, side), scores, size, format="yxyx")


def onnx_suppression(count, side, size):
    return onnx.suppression(boxes(count, side), np.random.default_rng(2).random(count, np.float32), size)


def tensorflows_suppression(count, side, size):
    import tensorflow as tf

    scores = tf.constant(np.random.default_rng(2).random(count, np.float32))
    return partial(tf.image.non_max_suppression, tf.constant(boxes(count, side)), scores, size)


ROWS = [
    *(
        Row(
            f"iou {count} x {count}",
            {"numpycnn": partial(our_iou, count), "tensorflow": partial(tensorflows_iou, count)},
        )
        for count in (200, 2000)
    ),
    *(
        Row(
            f"nms {count} boxes, {side} x {side} pixels, keep {size}",
            {
                "numpycnn": partial(our_suppression, *case),
                "tensorflow": partial(tensorflows_suppression, *case),
                **({"onnx": partial(onnx_suppression, *case)} if count <= 5000 else {}),  # its time grows as the square
            },
        )
        for case in (
            (1000, 1000, 1000),
            (5000, 1000, 5000),
            (20000, 1000, 20000),
            (20000, 200, 20000),
            (20000, 1000, 100),
        )
        for count, side, size in [case]
    ),
]
