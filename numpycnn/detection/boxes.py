"""Boxes: arrays (..., 4) in one of four formats, in pixels or relative to the picture.

    xyxy           x1, y1, x2, y2              two opposite corners, x to the right and y down
    yxyx           y1, x1, y2, x2              the same as TensorFlow writes them
    xywh           x1, y1, width, height       as in the files of COCO
    center_xywh    cx, cy, width, height       as YOLO predicts them

Each has a form `rel_...`, in which x and widths are divided by the picture's width, y and heights by its height.
Coordinates are those of edges, not of pixels: a box over the pixels 3, 4 and 5 has x1 = 3, x2 = 6, width 3.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from numpycnn.ops.arguments import accumulator, check_shape, fail, floating, ieee

__all__ = [
    "BOX_FORMATS",
    "box_area",
    "clip_boxes",
    "convert_boxes",
    "convert_boxes_backward",
    "valid_boxes",
]

HALF = 0.5
TO_XYXY = {
    "xyxy": ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)),
    "yxyx": ((0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 0)),
    "xywh": ((1, 0, 0, 0), (0, 1, 0, 0), (1, 0, 1, 0), (0, 1, 0, 1)),
    "center_xywh": ((1, 0, -HALF, 0), (0, 1, 0, -HALF), (1, 0, HALF, 0), (0, 1, 0, HALF)),
}
"""Row k: x1, y1, x2 or y2 as a sum of the format's four numbers, each times the factor that stands here."""

FROM_XYXY = {
    "xyxy": TO_XYXY["xyxy"],
    "yxyx": TO_XYXY["yxyx"],
    "xywh": ((1, 0, 0, 0), (0, 1, 0, 0), (-1, 0, 1, 0), (0, -1, 0, 1)),
    "center_xywh": ((HALF, 0, HALF, 0), (0, HALF, 0, HALF), (-1, 0, 1, 0), (0, -1, 0, 1)),
}

BOX_FORMATS = (*TO_XYXY, *(f"rel_{name}" for name in TO_XYXY))


class Corners(NamedTuple):
    """Boxes as four arrays of coordinates, x1 <= x2 and y1 <= y2, and which pairs were given the other way round."""

    x1: np.ndarray
    y1: np.ndarray
    x2: np.ndarray
    y2: np.ndarray
    flipped: tuple[np.ndarray, np.ndarray]

    def sides(self, plus_one: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Widths and heights, a pixel more where corners name pixels and not edges."""
        width, height = self.x2 - self.x1, self.y2 - self.y1
        return (width + 1, height + 1) if plus_one else (width, height)

    def each(self, change) -> "Corners":
        """The same change (a new shape, some of the boxes) made to every array."""
        x1, y1, x2, y2 = map(change, self[:4])
        return Corners(x1, y1, x2, y2, (change(self.flipped[0]), change(self.flipped[1])))


@ieee
def convert_boxes(boxes, source: str, target: str, *, image_shape=None) -> np.ndarray:
    """Write boxes in another format.

    Args:
        boxes: (..., 4) in the format `source`.
        source, target: any of BOX_FORMATS.
        image_shape: (height, width, ...) of the picture in pixels; needed between relative and pixels only.

    Returns: (..., 4), the dtype of boxes (integers become float64). Corners keep their order: a flipped box has a
    negative width. What both formats share is copied, not computed, so that it keeps its bits.

    Raises: ValueError for an unknown format, another last axis than 4, or a picture's shape that is missing or empty.

    >>> convert_boxes([[10, 20, 30, 60]], "xyxy", "rel_center_xywh", image_shape=(100, 200))
    array([[0.1, 0.4, 0.1, 0.4]])
    """
    boxes = as_boxes("convert_boxes", boxes=boxes)
    return _combined(boxes, *_conversion("convert_boxes", source, target, image_shape))


@ieee
def convert_boxes_backward(dy, boxes, source: str, target: str, *, image_shape=None) -> np.ndarray:
    """The gradient of a loss through `convert_boxes`, which is linear: of boxes only shape and dtype count."""
    op = "convert_boxes_backward"
    dy, boxes = as_boxes(op, dy=dy), as_boxes(op, boxes=boxes)
    check_shape(op, boxes.shape, "the shape of boxes", dy=dy)
    factors, scale = _conversion(op, source, target, image_shape)
    return _combined(scale(dy.astype(accumulator(dy.dtype))), factors.T).astype(boxes.dtype, copy=False)


@ieee
def clip_boxes(boxes, *, format: str = "xyxy", image_shape=None) -> np.ndarray:
    """Cut boxes to the picture: x to 0 .. width, y to 0 .. height; a box that lies outside keeps no area.

    Args: boxes (..., 4) in `format`; image_shape (height, width, ...) in pixels, not needed for `rel_` formats, which
        are cut to 0 .. 1.

    Returns: (..., 4) in the same format and dtype. NaN stays NaN.

    >>> clip_boxes([[-5, 10, 50, 120]], image_shape=(100, 40))
    array([[  0.,  10.,  40., 100.]])
    """
    boxes = as_boxes("clip_boxes", boxes=boxes)
    height, width = (
        (1, 1) if check_format("clip_boxes", format).startswith("rel_") else _size("clip_boxes", image_shape)
    )
    corners = as_xyxy("clip_boxes", boxes, format)
    cut = np.clip(corners, 0, np.asarray((width, height, width, height), boxes.dtype))
    return _combined(cut, *_conversion("clip_boxes", _corner_format(format), format, None))


@ieee
def box_area(boxes, *, format: str = "xyxy", plus_one: bool = False) -> np.ndarray:
    """width * height of each box, whichever two opposite corners are given: never negative.

    Args: boxes (..., 4); plus_one: corners name the first and the last pixel of a box, so that sides are a pixel
        longer (row 45 of the traps); never the default.

    Returns: (...), the dtype of boxes; in units of `format`: pixels, or the picture's area for `rel_` formats.

    >>> box_area([[10, 20, 30, 60], [30, 60, 10, 20]])
    array([800., 800.])
    """
    boxes = as_boxes("box_area", boxes=boxes)
    width, height = corners_of("box_area", boxes, format).sides(plus_one)
    return np.asarray(width * height, boxes.dtype)


def valid_boxes(boxes, *, format: str = "xyxy") -> np.ndarray:
    """Whether each box is finite and has corners in order and an area above 0.   Returns: bool (...).

    >>> valid_boxes([[0, 0, 2, 3], [2, 0, 0, 3], [1, 1, 1, 4], [0, 0, np.inf, 1]])
    array([ True, False, False, False])
    """
    boxes = as_boxes("valid_boxes", boxes=boxes)
    given = as_xyxy("valid_boxes", boxes, format)
    with np.errstate(invalid="ignore"):
        ordered = (given[..., 2] > given[..., 0]) & (given[..., 3] > given[..., 1])
    return ordered & np.isfinite(given).all(axis=-1)


def as_boxes(op: str, **named) -> np.ndarray:
    """The one named array as floating (..., 4); an empty list is (0, 4)."""
    ((name, _),) = named.items()
    (boxes,) = floating(op, **named)
    if boxes is None:
        raise TypeError(f"{op}: {name} must be an array; got {name} None.")
    if boxes.shape == (0,):
        return boxes.reshape(0, 4)
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        fail(op, f"{name} must have the axes (..., 4)", **{name: boxes})
    return boxes


def as_xyxy(op: str, boxes: np.ndarray, format: str) -> np.ndarray:
    """A copy of boxes (..., 4) of any format as x1, y1, x2, y2 in the format's units."""
    return _combined(boxes, *_conversion(op, format, _corner_format(format), None))


def xyxy_backward(dy: np.ndarray, boxes: np.ndarray, format: str) -> np.ndarray:
    """The gradient through `as_xyxy`, in the dtype of boxes."""
    return convert_boxes_backward(dy, boxes, format, _corner_format(format))


def corners_of(op: str, boxes: np.ndarray, format: str) -> Corners:
    """Boxes (..., 4) of any format as corners in order, in the format's units, never narrower than float32."""
    given = as_xyxy(op, boxes.astype(accumulator(boxes.dtype), copy=False), format)
    x1, y1, x2, y2 = np.moveaxis(given, -1, 0)
    flipped = x1 > x2, y1 > y2
    return Corners(np.minimum(x1, x2), np.minimum(y1, y2), np.maximum(x1, x2), np.maximum(y1, y2), flipped)


def corners_backward(dcorners, corners: Corners, format: str) -> np.ndarray:
    """The gradients of x1, y1, x2, y2 brought back to boxes (..., 4) of `format`."""
    x1, y1, x2, y2 = dcorners
    flipped_x, flipped_y = corners.flipped
    given = np.stack(
        [
            np.where(flipped_x, x2, x1), np.where(flipped_y, y2, y1),
            np.where(flipped_x, x1, x2), np.where(flipped_y, y1, y2),
        ],
        axis=-1,
    )  # fmt: skip
    factors, _ = _conversion("corners_backward", format, _corner_format(format), None)
    return _combined(given, factors.T)


def check_format(op: str, format: str) -> str:
    if format not in BOX_FORMATS:
        fail(op, f"format must be one of {', '.join(BOX_FORMATS)}", format=format)
    return format


def _corner_format(format: str) -> str:
    return "rel_xyxy" if format.startswith("rel_") else "xyxy"


def _conversion(op, source, target, image_shape):
    """(4, 4) factors of each number of the target by those of the source; what brings the four to other units."""
    shapes = [check_format(op, name).removeprefix("rel_") for name in (source, target)]
    factors = np.asarray(FROM_XYXY[shapes[1]]) @ np.asarray(TO_XYXY[shapes[0]])
    if source.startswith("rel_") == target.startswith("rel_"):
        return factors, _as_it_is
    height, width = _size(op, image_shape)
    sizes = np.asarray((height, width) * 2 if shapes[1] == "yxyx" else (width, height) * 2)
    return factors, partial(np.multiply, sizes) if source.startswith("rel_") else lambda boxes: boxes / sizes


def _combined(boxes, factors, scale=None) -> np.ndarray:
    """Each number of the result as the sum of those numbers of a box whose factor is not 0."""
    wide = boxes.astype(accumulator(boxes.dtype), copy=False)
    result = np.empty(boxes.shape, wide.dtype)
    for k, row in enumerate(factors):
        terms = [wide[..., j] * wide.dtype.type(factor) for j, factor in enumerate(row) if factor]
        result[..., k] = sum(terms[1:], terms[0])
    return (result if scale is None else scale(result)).astype(boxes.dtype, copy=False)


def _as_it_is(boxes):
    return boxes


def _size(op, image_shape) -> tuple[float, float]:
    if image_shape is None:
        fail(op, "image_shape (height, width) must be given between pixels and rel_ formats, and to clip pixels")
    height, width = image_shape[:2]
    if not (height > 0 and width > 0):
        fail(op, "image_shape (height, width) must be above 0", image_shape=tuple(image_shape))
    return float(height), float(width)
