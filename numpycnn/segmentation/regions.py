"""Features of regions, resampled to one size: crop-and-resize and RoIAlign, from which Mask R-CNN's heads read.

Both look at places between the pixels and mix the four around each. They differ in where the places lie.
"""

from typing import NamedTuple

import numpy as np

from numpycnn.detection.boxes import as_boxes, as_xyxy
from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, check_shape, fail, floating, ieee, integer, pair

__all__ = ["crop_and_resize", "crop_and_resize_backward", "roi_align", "roi_align_backward"]


@ieee
def crop_and_resize(images, boxes, box_indices, crop_size, *, extrapolation_value=0.0, format="rel_xyxy"):
    """Cut a box out of an image and resize it bilinearly, the corners of the crop on the corners of the box.

    Row i of crop_height looks at the row y1*(height - 1) + i * (y2 - y1)*(height - 1)/(crop_height - 1) of the image,
    or for crop_height 1 at the middle of the box; columns alike. What lies off the image is extrapolation_value.

    Args:
        images: (batch, height, width, C); boxes: (n, 4) in a `rel_` format, flipped ones give flipped crops.
        box_indices: (n,) which image each box is of; crop_size: one integer or (height, width).

    Returns: (n, crop_height, crop_width, C), the dtype of images.
    Raises: ValueError for shapes, a box_index out of range, or a format in pixels.
    Source: tf.image.crop_and_resize (row 31 of the traps), which takes rel_yxyx.

    >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> crop_and_resize(image, [[0, 0, 1, 1]], [0], 2).ravel()
    array([ 0.,  3., 12., 15.])
    """
    op = "crop_and_resize"
    images, boxes, indices, size = _checked(op, images, boxes, box_indices, crop_size)
    rows, columns = _crop_places(op, images, boxes, size, format)
    wide = images.astype(accumulator(images.dtype), copy=False)
    crops = _sample(wide, indices, rows, columns)
    inside = (rows.inside[:, :, None] & columns.inside[:, None])[..., None]
    return np.where(inside, crops, extrapolation_value).astype(images.dtype, copy=False)


@ieee
def crop_and_resize_backward(dy, images, boxes, box_indices, crop_size, *, format="rel_xyxy"):
    """Each place gives its gradient to the four pixels it mixed.   Args: of images only shape and dtype count.

    Returns: dimages. Boxes are constants here.
    """
    op = "crop_and_resize_backward"
    images, boxes, indices, size = _checked(op, images, boxes, box_indices, crop_size)
    (dy,) = floating(op, dy=dy)
    check_shape(op, (len(boxes), *size, images.shape[3]), "the shape of the output", dy=dy)
    rows, columns = _crop_places(op, images, boxes, size, format)
    inside = (rows.inside[:, :, None] & columns.inside[:, None])[..., None]
    return _scatter(np.where(inside, dy, 0), images, indices, rows, columns)


@ieee
def roi_align(
    features, boxes, box_indices, output_size, *, spatial_scale=1.0, sampling_ratio=2, aligned=True, format="xyxy"
):
    """Average the features of sampling_ratio x sampling_ratio places in each of the cells of a box.

    A box, times spatial_scale, is divided into output_size cells; places stand evenly in each, and features are mixed
    bilinearly. With `aligned`, pixel 0 of the features has its middle at 0.5, as boxes mean it; without, at 0, which is
    off by half a pixel, and boxes have at least one pixel a side. A place more than a pixel off counts 0.

    Args:
        features: (batch, height, width, C); boxes: (n, 4) in `format`, in pixels of the picture.
        box_indices: (n,); output_size: one integer or (height, width).
        spatial_scale: pixels of the features for one of the picture, as 1/16.

    Returns: (n, out_height, out_width, C), the dtype of features.
    Source: He et al., arXiv:1703.06870, section 3; torchvision.ops.roi_align, where aligned is False by default.

    >>> roi_align(np.arange(16.0).reshape(1, 4, 4, 1), [[0, 0, 4, 4]], [0], 2).ravel()
    array([ 2.5,  4.5, 10.5, 12.5])
    """
    op = "roi_align"
    features, boxes, indices, size = _checked(op, features, boxes, box_indices, output_size)
    ratio = integer(op, "sampling_ratio", sampling_ratio)
    rows, columns = _aligned_places(op, features, boxes, size, spatial_scale, ratio, aligned, format)
    wide = features.astype(accumulator(features.dtype), copy=False)
    inside = (rows.inside[:, :, None] & columns.inside[:, None])[..., None]
    samples = np.where(inside, _sample(wide, indices, rows, columns), 0)
    cells = samples.reshape(len(boxes), size[0], ratio, size[1], ratio, features.shape[3])
    return cells.mean(axis=(2, 4)).astype(features.dtype, copy=False)


@ieee
def roi_align_backward(
    dy, features, boxes, box_indices, output_size, *, spatial_scale=1.0, sampling_ratio=2, aligned=True, format="xyxy"
):
    """Each place gets 1/sampling_ratio^2 of its cell's gradient and gives it to the four pixels it mixed.

    Returns: dfeatures. Boxes are constants, as in the paper.
    """
    op = "roi_align_backward"
    features, boxes, indices, size = _checked(op, features, boxes, box_indices, output_size)
    (dy,) = floating(op, dy=dy)
    check_shape(op, (len(boxes), *size, features.shape[3]), "the shape of the output", dy=dy)
    ratio = integer(op, "sampling_ratio", sampling_ratio)
    rows, columns = _aligned_places(op, features, boxes, size, spatial_scale, ratio, aligned, format)
    inside = (rows.inside[:, :, None] & columns.inside[:, None])[..., None]
    spread = dy.repeat(ratio, axis=1).repeat(ratio, axis=2) / ratio**2
    return _scatter(np.where(inside, spread, 0), features, indices, rows, columns)


class Places(NamedTuple):
    """Places along one axis, (n, p): the pixels before and after, how much of the latter, whether on the image."""

    low: np.ndarray
    high: np.ndarray
    weight: np.ndarray
    inside: np.ndarray


def _places(places, pixels: int, margin: int) -> Places:
    inside = (places >= -margin) & (places <= pixels - 1 + margin)
    held = np.clip(np.where(np.isfinite(places), places, 0), 0, max(pixels - 1, 0))
    low = np.floor(held).astype(np.intp)
    return Places(low, np.minimum(low + 1, max(pixels - 1, 0)), held - low, inside)


def _crop_places(op, images, boxes, size, format) -> tuple[Places, Places]:
    if not format.startswith("rel_"):
        fail(op, "format must be one of the rel_ formats", format=format)
    x1, y1, x2, y2 = as_xyxy(op, boxes, format).T

    def along(first, last, pixels, count):
        if count == 1:
            return _places(((first + last) / 2 * (pixels - 1))[:, None], pixels, 0)
        step = (last - first) * (pixels - 1) / (count - 1)
        return _places(first[:, None] * (pixels - 1) + np.arange(count, dtype=boxes.dtype) * step[:, None], pixels, 0)

    return along(y1, y2, images.shape[1], size[0]), along(x1, x2, images.shape[2], size[1])


def _aligned_places(op, features, boxes, size, spatial_scale, ratio, aligned, format) -> tuple[Places, Places]:
    x1, y1, x2, y2 = (as_xyxy(op, boxes, format) * boxes.dtype.type(spatial_scale) - (0.5 if aligned else 0)).T

    def along(first, last, pixels, count):
        side = last - first if aligned else np.maximum(last - first, 1)
        within = (np.arange(count * ratio, dtype=boxes.dtype) + boxes.dtype.type(0.5)) / (count * ratio)
        return _places(first[:, None] + within * side[:, None], pixels, 1)

    return along(y1, y2, features.shape[1], size[0]), along(x1, x2, features.shape[2], size[1])


def _corners(rows: Places, columns: Places):
    """The four pixels of every place, (n, p, 1) and (n, 1, q), and their weights (n, p, q, 1)."""
    for y, of_row in ((rows.low, 1 - rows.weight), (rows.high, rows.weight)):
        for x, of_column in ((columns.low, 1 - columns.weight), (columns.high, columns.weight)):
            yield y[:, :, None], x[:, None], (of_row[:, :, None] * of_column[:, None])[..., None]


def _sample(images, indices, rows, columns) -> np.ndarray:
    parts = (images[indices[:, None, None], y, x] * weight for y, x, weight in _corners(rows, columns))
    return sum(parts, np.zeros((), images.dtype))


def _scatter(dy, images, indices, rows, columns) -> np.ndarray:
    dimages = np.zeros(images.shape, accumulator(images.dtype))
    for y, x, weight in _corners(rows, columns):
        np.add.at(dimages, (indices[:, None, None], y, x), dy * weight)
    return dimages.astype(images.dtype, copy=False)


def _checked(op, images, boxes, box_indices, size):
    (images,) = floating(op, images=images)
    check_rank(op, IMAGES, images=images)
    boxes = as_boxes(op, boxes=boxes)
    boxes = boxes.astype(accumulator(images.dtype), copy=False)
    indices = np.asarray(box_indices, dtype=np.intp) if np.size(box_indices) else np.empty(0, np.intp)
    check_shape(op, boxes.shape[:1], "an image for each box", box_indices=indices)
    if len(indices) and not (indices.min() >= 0 and indices.max() < len(images)):
        fail(op, f"box_indices must lie in [0, {len(images)})", box_indices=indices)
    return images, boxes, indices, pair(op, "size", size)
