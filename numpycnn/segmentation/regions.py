"""Features of regions, resampled to one size: crop-and-resize and RoIAlign, from which Mask R-CNN's heads read.

Both look at places between the pixels and mix the four around each. They differ in where the places lie.

What is mixed has kinks along a box's way: at places on a pixel's middle line it goes on with another slope. There, and
where places are held at the border or off the image, the gradient by the box is 0, as TensorFlow's.
"""

from typing import NamedTuple

import numpy as np

from numpycnn.detection.boxes import as_boxes, as_xyxy, xyxy_backward
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
    return np.where(_inside(rows, columns), crops, extrapolation_value).astype(images.dtype, copy=False)


@ieee
def crop_and_resize_backward(dy, images, boxes, box_indices, crop_size, *, format="rel_xyxy"):
    """Each place gives its gradient to the four pixels it mixed, and by how these differ to the box.

    dy1 = sum over i,j,c of dy[i,j,c] * slope[i,j,c] * (height - 1) * (1 - i/(crop_height - 1)),   dy2 without "1 -"

    Returns: dimages, dboxes in the shapes and dtypes of images and boxes.
    Source: CropAndResizeGradBoxes of TensorFlow, for where the slope is 0: places on a row or column of pixels.
    """
    op = "crop_and_resize_backward"
    given = as_boxes(op, boxes=boxes)
    images, boxes, indices, size = _checked(op, images, boxes, box_indices, crop_size)
    (dy,) = floating(op, dy=dy)
    check_shape(op, (len(boxes), *size, images.shape[3]), "the shape of the output", dy=dy)
    rows, columns = _crop_places(op, images, boxes, size, format)
    dplaces = np.where(_inside(rows, columns), dy, 0)
    dcorners = _corner_gradients(dplaces, images, indices, rows, columns)
    return _scatter(dplaces, images, indices, rows, columns), xyxy_backward(dcorners, given, format)


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
    samples = np.where(_inside(rows, columns), _sample(wide, indices, rows, columns), 0)
    cells = samples.reshape(len(boxes), size[0], ratio, size[1], ratio, features.shape[3])
    return cells.mean(axis=(2, 4)).astype(features.dtype, copy=False)


@ieee
def roi_align_backward(
    dy, features, boxes, box_indices, output_size, *, spatial_scale=1.0, sampling_ratio=2, aligned=True, format="xyxy"
):
    """Each place gets 1/sampling_ratio^2 of its cell's gradient; it gives it to the pixels it mixed and to its box.

    Returns: dfeatures, dboxes in the shapes and dtypes of features and boxes. The paper, and torchvision, take boxes
    for constants. Without `aligned`, a side held at one pixel has no gradient of its own, only that of its beginning.
    """
    op = "roi_align_backward"
    given = as_boxes(op, boxes=boxes)
    features, boxes, indices, size = _checked(op, features, boxes, box_indices, output_size)
    (dy,) = floating(op, dy=dy)
    check_shape(op, (len(boxes), *size, features.shape[3]), "the shape of the output", dy=dy)
    ratio = integer(op, "sampling_ratio", sampling_ratio)
    rows, columns = _aligned_places(op, features, boxes, size, spatial_scale, ratio, aligned, format)
    spread = dy.repeat(ratio, axis=1).repeat(ratio, axis=2) / ratio**2
    dplaces = np.where(_inside(rows, columns), spread, 0)
    dcorners = _corner_gradients(dplaces, features, indices, rows, columns) * spatial_scale
    return _scatter(dplaces, features, indices, rows, columns), xyxy_backward(dcorners, given, format)


class Places(NamedTuple):
    """Places along one axis, (n, p): the pixels before and after, how much of the latter, whether on the image.

    moves: (2, n, p), how far a place goes when the first or the second end of its box goes one further.
    """

    low: np.ndarray
    high: np.ndarray
    weight: np.ndarray
    inside: np.ndarray
    moves: np.ndarray


def _places(places, pixels: int, margin: int, moves) -> Places:
    inside = (places >= -margin) & (places <= pixels - 1 + margin)
    held = np.clip(np.where(np.isfinite(places), places, 0), 0, max(pixels - 1, 0))
    low, high = (whole(held).astype(np.intp) for whole in (np.floor, np.ceil))
    return Places(low, high, held - low, inside, np.broadcast_to(moves, (2, *places.shape)))


def _crop_places(op, images, boxes, size, format) -> tuple[Places, Places]:
    if not format.startswith("rel_"):
        fail(op, "format must be one of the rel_ formats", format=format)
    x1, y1, x2, y2 = as_xyxy(op, boxes, format).T

    def along(first, last, pixels, count):
        steps = np.arange(count, dtype=boxes.dtype)
        if count == 1:
            within, places = steps + 0.5, ((first + last) / 2 * (pixels - 1))[:, None]
        else:
            within, step = steps / (count - 1), (last - first) * (pixels - 1) / (count - 1)
            places = first[:, None] * (pixels - 1) + steps * step[:, None]
        return _places(places, pixels, 0, (pixels - 1) * np.stack([1 - within, within])[:, None])

    return along(y1, y2, images.shape[1], size[0]), along(x1, x2, images.shape[2], size[1])


def _aligned_places(op, features, boxes, size, spatial_scale, ratio, aligned, format) -> tuple[Places, Places]:
    x1, y1, x2, y2 = (as_xyxy(op, boxes, format) * boxes.dtype.type(spatial_scale) - (0.5 if aligned else 0)).T

    def along(first, last, pixels, count):
        side = last - first if aligned else np.maximum(last - first, 1)
        within = (np.arange(count * ratio, dtype=boxes.dtype) + boxes.dtype.type(0.5)) / (count * ratio)
        free = within * np.logical_or(aligned, last - first > 1)[:, None]
        return _places(first[:, None] + within * side[:, None], pixels, 1, np.stack([1 - free, free]))

    return along(y1, y2, features.shape[1], size[0]), along(x1, x2, features.shape[2], size[1])


def _inside(rows: Places, columns: Places) -> np.ndarray:
    return (rows.inside[:, :, None] & columns.inside[:, None])[..., None]


def _corners(rows: Places, columns: Places):
    """The four pixels of every place, (n, p, 1) and (n, 1, q), and their weights (n, p, q, 1)."""
    for y, of_row in ((rows.low, 1 - rows.weight), (rows.high, rows.weight)):
        for x, of_column in ((columns.low, 1 - columns.weight), (columns.high, columns.weight)):
            yield y[:, :, None], x[:, None], (of_row[:, :, None] * of_column[:, None])[..., None]


def _sample(images, indices, rows, columns) -> np.ndarray:
    parts = (images[indices[:, None, None], y, x] * weight for y, x, weight in _corners(rows, columns))
    return sum(parts, np.zeros((), images.dtype))


def _corner_gradients(dy, images, indices, rows: Places, columns: Places) -> np.ndarray:
    """From the gradients of places (n, p, q, C) to those of the x1, y1, x2, y2 (n, 4) that they lie between."""
    wide = images.astype(accumulator(images.dtype), copy=False)
    of_rows, of_columns = (
        _sample(wide, indices, *far) - _sample(wide, indices, *near)
        for near, far in (
            ((_at(rows, 0), columns), (_at(rows, 1), columns)),
            ((rows, _at(columns, 0)), (rows, _at(columns, 1))),
        )
    )
    drows, dcolumns = (dy * of_rows).sum(axis=(2, 3)), (dy * of_columns).sum(axis=(1, 3))
    (y1, y2), (x1, x2) = (rows.moves * drows).sum(axis=-1), (columns.moves * dcolumns).sum(axis=-1)
    return np.stack([x1, y1, x2, y2], axis=-1)


def _at(places: Places, weight: int) -> Places:
    """The pixels before (0) or after (1) each place."""
    return places._replace(weight=np.full_like(places.weight, weight))


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
