"""Rows 28 to 30 of the traps: resizing. What PyTorch and ONNX give is written down, not run."""

import numpy as np
import tensorflow as tf

from numpycnn.ops import resize
from numpycnn.traps import find_row


def row(*numbers):
    return np.array(numbers, float).reshape(1, 1, -1, 1)


def both(x, size, interpolation):
    ours = resize(x, size, interpolation=interpolation).ravel()
    np.testing.assert_array_equal(ours, tf.image.resize(x, size, method=interpolation).numpy().ravel())
    return ours.tolist()


def test_row_28_nearest_looks_from_the_middle_of_a_pixel():
    """4 to 3 pixels: [1 3 4], as PyTorch's nearest-exact; its nearest gives [1 2 3], ONNX's default [1 2 4]."""
    assert both(row(1, 2, 3, 4), (1, 3), "nearest") == [1, 3, 4]
    asymmetric = row(1, 2, 3, 4)[:, :, np.arange(3) * 4 // 3]
    assert asymmetric.ravel().tolist() == [1, 2, 3]


def test_row_29_bilinear_has_its_centres_at_halves():
    """4 to 8 pixels: the corners are not aligned, the ends are repeated."""
    halves = [1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4]
    assert both(row(1, 2, 3, 4), (1, 8), "bilinear") == halves
    aligned = np.interp(np.arange(8) * 3 / 7, np.arange(4), [1, 2, 3, 4])
    assert not np.allclose(aligned, halves)
    former = tf.compat.v1.image.resize_bilinear(row(1, 2, 3, 4), (1, 8)).numpy().ravel().tolist()
    assert former == [1, 1.5, 2, 2.5, 3, 3.5, 4, 4]


def test_row_30_bicubic_has_a_coefficient_and_an_edge():
    """PyTorch's coefficient -0.75 and repeated edges are near in the middle and wrong at both ends."""
    x = row(1, 2, 3, 4)
    ours = resize(x, (1, 8), interpolation="bicubic").ravel()
    np.testing.assert_allclose(ours, tf.image.resize(x, (1, 8), method="bicubic").numpy().ravel(), rtol=1e-6)
    others = [shown.value.ravel() for shown in find_row(30).shown()[1:]]
    assert all(np.abs(other - ours)[[0, -1]].min() > 0.01 for other in others)
