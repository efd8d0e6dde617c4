"""Anchors: shapes by k-means, and boxes through the cells of a grid and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpycnn.detection import anchor_boxes, decode_anchors, encode_anchors, iou

SEEDS = st.integers(0, 2**32 - 1)


def shape_iou(sides, anchors):
    a, b = (np.concatenate([np.zeros_like(s), s], axis=1) for s in (sides, anchors))
    return iou(a, b, format="center_xywh")


@given(SEEDS, st.integers(1, 4))
def test_shapes_are_means_of_those_nearest_to_them(seed, count):
    sides = np.random.default_rng(seed).uniform(0.05, 1, (30, 2))
    anchors = anchor_boxes(sides, count, seed=seed)
    nearest = shape_iou(sides, anchors).argmax(axis=1)
    assert (np.diff(anchors.prod(axis=1)) >= 0).all()
    for k in np.unique(nearest):
        np.testing.assert_allclose(anchors[k], sides[nearest == k].mean(axis=0))


def test_three_kinds_of_boxes_are_found():
    rng = np.random.default_rng(0)
    kinds = np.array([[0.1, 0.1], [0.2, 0.6], [0.9, 0.5]])
    sides = kinds.repeat(40, axis=0) * rng.uniform(0.9, 1.1, (120, 2))
    best = max((anchor_boxes(sides, 3, seed=s) for s in range(5)), key=lambda a: shape_iou(sides, a).max(axis=1).mean())
    np.testing.assert_allclose(best, kinds, rtol=0.05)


@given(SEEDS, st.integers(0, 6))
def test_boxes_through_the_grid_and_back(seed, count):
    rng = np.random.default_rng(seed)
    boxes = np.concatenate([rng.uniform(0.01, 0.99, (count, 2)), rng.uniform(0.05, 1, (count, 2))], axis=1)
    anchors, grid = rng.uniform(0.05, 1, (3, 2)), (5, 7)
    places, targets = encode_anchors(boxes, grid, anchors)
    assert places.shape == (count, 3)
    for box, (i, j, k), target in zip(boxes, places, targets, strict=True):
        assert i / 5 <= box[1] <= (i + 1) / 5
        assert j / 7 <= box[0] <= (j + 1) / 7
        assert k == shape_iou(box[None, 2:], anchors)[0].argmax()
        outputs = np.zeros((*grid, 3, 4))
        outputs[i, j, k] = [*np.log(target[:2] / (1 - target[:2])), *target[2:]]
        decoded = decode_anchors(outputs, anchors)
        assert decoded.shape == (*grid, 3, 4)
        np.testing.assert_allclose(decoded[i, j, k], box, rtol=1e-9)


def test_what_cannot_be_a_box():
    with pytest.raises(ValueError, match=r"encode_anchors: centres must lie in \[0, 1\) and sides be above 0"):
        encode_anchors([[1.0, 0.5, 0.1, 0.1]], (2, 3), [[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"anchor_boxes: count \(2\) must be at most the number of different boxes"):
        anchor_boxes([[1, 2], [1, 2]], 2)
    with pytest.raises(ValueError, match=r"decode_anchors: anchors must have a width and a height for each anchor"):
        decode_anchors(np.zeros((2, 3, 2, 4)), [[0.5, 0.5]])
