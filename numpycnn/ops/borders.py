"""Borders of images: rows and columns of zeros put around them, and rows and columns cut away."""

import numpy as np

from numpycnn.ops.arguments import IMAGES, check_rank, check_shape, entries, fail, floating, integer, pair
from numpycnn.ops.resize import resize, resize_backward

__all__ = [
    "center_crop",
    "center_crop_backward",
    "cropping2d",
    "cropping2d_backward",
    "zero_padding2d",
    "zero_padding2d_backward",
]


def zero_padding2d(x, padding=1):
    """Put zeros around images.

    y[n,i,j,c] = x[n, i - top, j - left, c] where that pixel exists, else 0

    Args:
        x: images (batch, height, width, C).
        padding: one integer, (height, width), or ((top, bottom), (left, right)), in pixels.

    Returns: (batch, top + height + bottom, left + width + right, C), the dtype of x.

    Raises: ValueError or TypeError for a rank or a padding that is none of these.   Source: keras.layers.ZeroPadding2D.

    >>> zero_padding2d(np.ones((1, 5, 4, 3)), ((1, 2), (0, 3))).shape
    (1, 8, 7, 3)
    """
    (x,) = floating("zero_padding2d", x=x)
    check_rank("zero_padding2d", IMAGES, x=x)
    return np.pad(x, ((0, 0), *border_sides("zero_padding2d", "padding", padding), (0, 0)))


def zero_padding2d_backward(dy, x, padding=1):
    """The gradient of a loss through `zero_padding2d`: dy without the border.   Args: of x only the shape counts."""
    op = "zero_padding2d_backward"
    dy, x = floating(op, dy=dy, x=x)
    check_rank(op, IMAGES, x=x)
    (top, bottom), (left, right) = border_sides(op, "padding", padding)
    batch, height, width, channels = x.shape
    check_shape(op, (batch, top + height + bottom, left + width + right, channels), "the shape of the output", dy=dy)
    return dy[:, top : top + height, left : left + width].copy()


def cropping2d(x, cropping=0):
    """Cut rows and columns off images.

    y[n,i,j,c] = x[n, i + top, j + left, c]

    Args: x: images (batch, height, width, C); cropping: as `zero_padding2d`'s padding; at least one pixel stays.

    Returns: (batch, height - top - bottom, width - left - right, C), the dtype of x.

    Raises: ValueError or TypeError for a rank, or a cropping that leaves nothing.   Source: keras.layers.Cropping2D.

    >>> cropping2d(np.ones((1, 5, 4, 3)), ((1, 2), (0, 3))).shape
    (1, 2, 1, 3)
    """
    (x,) = floating("cropping2d", x=x)
    check_rank("cropping2d", IMAGES, x=x)
    return x[_inside("cropping2d", x, cropping)].copy()


def cropping2d_backward(dy, x, cropping=0):
    """The gradient of a loss through `cropping2d`: dy with zeros around it.   Args: of x only the shape counts."""
    op = "cropping2d_backward"
    dy, x = floating(op, dy=dy, x=x)
    check_rank(op, IMAGES, x=x)
    return _embed(op, dy, x, _inside(op, x, cropping))


def center_crop(x, height, width):
    """Cut the middle out of images; where they are too small, their largest middle part of that shape, resized.

    y[n,i,j,c] = x[n, i + (H - height) // 2, j + (W - width) // 2, c]            where height <= H and width <= W
    y = resize(the middle of min(H, W*height // width) by min(W, H*width // height) pixels, (height, width))   else

    Args: x: images (batch, H, W, C); height, width: of the result, in pixels.

    Returns: (batch, height, width, C), the dtype of x.

    Raises: ValueError or TypeError for a rank or a size below 1.   Source: keras.layers.CenterCrop.

    >>> center_crop(np.arange(7.0).reshape(1, 1, 7, 1), 1, 4).ravel()
    array([1., 2., 3., 4.])
    """
    op = "center_crop"
    (x,) = floating(op, x=x)
    inside, size = _middle(op, x, height, width)
    middle = x[inside]
    return middle.copy() if middle.shape[1:3] == size else resize(middle, size)


def center_crop_backward(dy, x, height, width):
    """The gradient of a loss through `center_crop`.   Args: of x only the shape counts."""
    op = "center_crop_backward"
    dy, x = floating(op, dy=dy, x=x)
    inside, size = _middle(op, x, height, width)
    check_shape(op, (len(x), *size, x.shape[3]), "the shape of the output", dy=dy)
    middle = x[inside]
    return _embed(op, dy if middle.shape[1:3] == size else resize_backward(dy, middle, size), x, inside)


def border_sides(op, name, value) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)) out of one integer, (height, width) or the four."""
    sides = value if entries(value) else (value, value)
    if len(sides) != 2 or any(entries(side) not in (0, 2) for side in sides):
        fail(op, f"{name} must be an integer, (height, width) or ((top, bottom), (left, right))", **{name: value})
    return pair(op, name, sides[0], least=0), pair(op, name, sides[1], least=0)


def _inside(op, x, cropping) -> tuple[slice, slice, slice]:
    """What cropping leaves, as slices of batch, rows and columns."""
    sides = border_sides(op, "cropping", cropping)
    for name, ends, size, (before, after) in zip(
        ("height", "width"), ("top + bottom", "left + right"), x.shape[1:3], sides, strict=True
    ):
        if before + after >= size:
            fail(op, f"{ends} ({before} + {after}) must be less than the {name} ({size})", x=x, cropping=cropping)
    (top, bottom), (left, right) = sides
    return slice(None), slice(top, x.shape[1] - bottom), slice(left, x.shape[2] - right)


def _middle(op, x, height, width) -> tuple[tuple[slice, slice, slice], tuple[int, int]]:
    """The middle that center_crop cuts, as slices of batch, rows and columns, and the size it is to have."""
    check_rank(op, IMAGES, x=x)
    height, width = integer(op, "height", height), integer(op, "width", width)
    full_height, full_width = x.shape[1:3]
    rows, columns = height, width
    if height > full_height or width > full_width:
        if not full_height * full_width:
            fail(op, "x must have at least one pixel", x=x)
        rows = max(1, min(full_height, full_width * height // width))
        columns = max(1, min(full_width, full_height * width // height))
    top, left = (full_height - rows) // 2, (full_width - columns) // 2
    return (slice(None), slice(top, top + rows), slice(left, left + columns)), (height, width)


def _embed(op, dy, x, inside) -> np.ndarray:
    """Zeros of the shape of x with dy inside."""
    dx = np.zeros(x.shape, dy.dtype)
    check_shape(op, dx[inside].shape, "the shape of the output", dy=dy)
    dx[inside] = dy
    return dx
