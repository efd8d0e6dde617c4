"""Photographs as batches of images: from files, and the two that scikit-learn ships."""

import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from numpycnn.ops.arguments import fail, pair

__all__ = ["fit", "load_images", "sample_photographs"]


def sample_photographs() -> np.ndarray:
    """The two photographs that come with scikit-learn: a Chinese temple and a flower.

    Returns: uint8 (2, 427, 640, 3), RGB.   Raises: ImportError where scikit-learn is not installed.
    """
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise ImportError(
            "sample_photographs: the photographs come with scikit-learn, which is not installed; "
            "pip install numpycnn-reference[samples] installs it."
        )
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "images"
    return np.stack([read_picture("sample_photographs", folder / name) for name in ("china.jpg", "flower.jpg")])


def load_images(paths, *, size=(224, 224)) -> np.ndarray:
    """Read picture files into one batch, cropped and resized as `fit` does, scaled to 0 .. 1.

    Args: paths: one path or several, in any format Pillow reads; size: one integer or (height, width) in pixels.

    Returns: float32 (batch, height, width, 3), RGB.

    Raises: FileNotFoundError for a path with no file; ValueError for a file that is no readable picture.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    height, width = pair("load_images", "size", size)
    return fit((read_picture("load_images", Path(path)) for path in paths), (height, width))


def fit(images: Iterable[np.ndarray], size) -> np.ndarray:
    """Bring pictures of any sizes to one: the largest centred part of the right proportions, resized bilinearly.

    Args: images: uint8 (height, width, 3), each with sizes of its own, or a batch of them; size: one integer or
        (height, width) in pixels.

    Returns: float32 (batch, height, width, 3), scaled to 0 .. 1.

    Raises: ValueError or TypeError for what is no RGB picture of uint8.

    >>> pictures = [np.zeros((60, 90, 3), np.uint8), np.full((50, 40, 3), 255, np.uint8)]
    >>> fit(pictures, (28, 31)).mean(axis=(1, 2, 3))
    array([0., 1.], dtype=float32)
    """
    from PIL import Image, ImageOps

    height, width = pair("fit", "size", size)
    fitted = []
    for image in map(_checked, images):
        resized = ImageOps.fit(Image.fromarray(image), (width, height), Image.Resampling.BILINEAR)
        fitted.append(np.asarray(resized, np.float32) / np.float32(255))
    return np.stack(fitted) if fitted else np.empty((0, height, width, 3), np.float32)


def _checked(image: Any) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype != np.uint8:
        raise TypeError(f"fit: images must be uint8, from 0 to 255; got {image.dtype}.")
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        fail("fit", "each image must have the axes (height, width, 3), with pixels on each", image=image)
    return image


def read_picture(op: str, source: Any, name: str = "", *, gray: bool = False) -> np.ndarray:
    """uint8 (height, width, 3), or 1 for gray, turned as the camera was held.

    source: a path or an open file; name: what errors call it, by default the path.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = name or str(source)
    if isinstance(source, Path) and not source.is_file():
        raise FileNotFoundError(f"{op}: there is no file {name}.")
    try:
        with Image.open(source) as picture:
            pixels = np.array(_of_bytes(ImageOps.exif_transpose(picture)).convert("L" if gray else "RGB"))
            return pixels[..., None] if gray else pixels
    except UnidentifiedImageError:
        raise ValueError(f"{op}: {name} is in no picture format that Pillow knows.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{op}: {name} cannot be read as a picture: {error}.") from error


def _of_bytes(picture: Any) -> Any:
    """The same picture with a byte a channel; of 16 bits the upper 8 are taken, as tf.io.decode_png does.

    Pillow alone would cut everything above 255 to white.
    """
    from PIL import Image

    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PNG"):
        return Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError(f"the range of its pixels of 32 bits (mode {picture.mode}) is not known; save it with 8 or 16")
    return picture
