"""A data set to learn places from: generated scenes with one handwritten digit, whose class and box are known."""

import numpy as np

from numpycnn.data.cutouts import sample_digits
from numpycnn.data.dataset import Arrays, Located
from numpycnn.data.scenes import scenes
from numpycnn.detection import convert_boxes

__all__ = ["digit_scenes"]

SCENES = "scenes"

WRITERS = 1500
"""So many of scikit-learn's digits, the first, are in scenes to train on; those to test on have the others."""


def digit_scenes(count: int, *, size=(32, 32), channels: int = 1, seen: bool = True, seed: int = 0) -> Located:
    """Dark pictures with one of scikit-learn's digits somewhere in each, as high as a third to three quarters of them.

    Args:
        count: how many; size: of each, (height, width); channels: 1, or 3 alike.
        seen: whether of the digits to train on, or of those to test on, from other writers.

    Returns: Located: float32 (count, height, width, channels) of 0 .. 1, which digit, and its box around the ink.
    Raises: ImportError where scikit-learn is not installed.

    >>> x, (digit, box) = digit_scenes(5, size=(32, 40)).batch([3])
    >>> x.shape, digit.shape, box.shape
    ((1, 32, 40, 1), (1,), (1, 4))
    """
    digits, labels = sample_digits()
    chosen = np.arange(len(digits)) < WRITERS
    chosen = chosen if seen else ~chosen
    side = min(size)
    sides = max(1, round(side * 10 / 32)), max(1, round(side * 3 / 4))
    made = scenes(digits[chosen], labels[chosen], count, size=size, things=(1, 1), sides=sides, seed=seed)
    boxes = np.concatenate([np.empty((0, 4)), *(one["boxes"] for one in made.objects)])
    classes = np.concatenate([np.empty(0, np.int64), *(one["classes"] for one in made.objects)])
    relative = convert_boxes(boxes, "xyxy", "rel_center_xywh", image_shape=size).astype(np.float32)
    images = np.repeat(made.images, channels, axis=3)
    return Located(Arrays(images, classes.astype(np.int64)), relative)
