"""A classifier as a detector: run at every place of a larger picture, window by window or all in one pass."""

import math

import numpy as np

from numpycnn.counting.receptive_field import receptive_fields
from numpycnn.models.model import Model
from numpycnn.ops.arguments import IMAGES, check_rank, fail, integer
from numpycnn.ops.windows import sliding_window

__all__ = ["cell_windows", "slide"]


def cell_windows(model: Model) -> np.ndarray:
    """The window of the picture that each cell of a fully convolutional network sees.

    Returns: float64 (rows, columns, 4), xyxy in pixels, from the receptive field and stride of the last layer.
    Raises: ValueError where an output sees the whole picture, or its field depends on the place.
    """
    field = receptive_fields(model)[model.outputs[0].node]
    if field is None:
        fail("cell_windows", "each output of the model must see a window of one size")
    rows, columns = model.outputs[0].shape[:2]
    i, j = np.mgrid[:rows, :columns]
    top, left = i * field.stride[0] - field.padding[0], j * field.stride[1] - field.padding[1]
    return np.stack([left, top, left + field.size[1], top + field.size[0]], axis=-1).astype(float)


def slide(model: Model, images, stride: int) -> np.ndarray:
    """Run a classifier on every window of its own size, `stride` pixels apart: what the one pass saves.

    Args: images: (batch, height, width, C).   Returns: (batch, rows, columns, classes).
    """
    images = np.asarray(images)
    check_rank("slide", IMAGES, images=images)
    height, width, _ = model.inputs[0].shape
    step = integer("slide", "stride", stride)
    window = sliding_window("slide", images.shape[1:3], (height, width), strides=step)
    rows, columns = window.output_shape
    tops, lefts = (np.arange(count) * step for count in (rows, columns))
    cut = [images[:, y : y + height, x : x + width] for y in tops for x in lefts]
    found = [model.predict(part) for part in cut]
    return np.stack(found, axis=1).reshape(len(images), rows, columns, math.prod(found[0].shape[1:]))
