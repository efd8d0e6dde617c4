"""Pictures brought to the size that a network takes, by the rules of Keras."""

import numpy as np

from numpycnn.ops.arguments import IMAGES, check_rank, fail, pair
from numpycnn.ops.resize import resize

__all__ = ["RESIZING", "resize_pictures"]

RESIZING = ("crop", "pad", "stretch")


def resize_pictures(x, size, *, resizing: str = "crop", interpolation: str = "bilinear") -> np.ndarray:
    """Resize pictures, keeping their proportions or not.

    "crop"     the largest middle part of the right proportions is resized, as with crop_to_aspect_ratio
    "pad"      borders of 0 are put on two sides until the proportions are right, as with pad_to_aspect_ratio
    "stretch"  the whole picture is resized, its proportions are lost

    Sides that come out odd are rounded down. There is no smoothing against aliasing, as in Keras's default.

    Args: x: (n, height, width, channels), uint8 or float32; size: one integer or (height, width).

    Returns: of x's dtype; what is between two bytes is rounded, halves to the even one.
    Raises: ValueError or TypeError for what is no picture, and for an unknown `resizing`.
    Source: keras.layers.Resizing.

    >>> x = np.arange(12, dtype=np.uint8).reshape(1, 2, 6, 1)
    >>> resize_pictures(x, 2)[0, :, :, 0], resize_pictures(x, 6, resizing="pad")[0, :, 0, 0]
    (array([[2, 3],
           [8, 9]], dtype=uint8), array([0, 0, 0, 6, 0, 0], dtype=uint8))
    """
    x = np.asarray(x)
    check_rank("resize_pictures", IMAGES, x=x)
    height, width = pair("resize_pictures", "size", size)
    if x.dtype not in (np.uint8, np.float32):
        raise TypeError(f"resize_pictures: x must be uint8 or float32; got x {x.dtype}.")
    if resizing not in RESIZING:
        fail("resize_pictures", f"resizing must be one of {', '.join(RESIZING)}", resizing=resizing)
    fitted = {"crop": _cropped, "pad": _padded, "stretch": lambda x, *_: x}[resizing](x, height, width)
    if fitted.shape[1:3] == (height, width):
        return fitted.copy()
    y = resize(fitted.astype(np.float32), (height, width), interpolation=interpolation)
    return y if x.dtype == np.float32 else np.clip(np.rint(y), 0, 255).astype(np.uint8)


def _cropped(x: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = (max(1, min(a, b)) for a, b in zip(x.shape[1:3], _wanted(x, height, width), strict=True))
    top, left = (x.shape[1] - rows) // 2, (x.shape[2] - columns) // 2
    return x[:, top : top + rows, left : left + columns]


def _padded(x: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = (max(0, b - a) // 2 for a, b in zip(x.shape[1:3], _wanted(x, height, width), strict=True))
    return np.pad(x, ((0, 0), (rows, rows), (columns, columns), (0, 0)))


def _wanted(x: np.ndarray, height: int, width: int) -> tuple[int, int]:
    """Rows that would suit the columns of x, and columns that would suit its rows; float32 as in Keras."""
    rows = np.float32(x.shape[2] * height) / np.float32(width)
    return int(rows), int(np.float32(x.shape[1] * width) / np.float32(height))
