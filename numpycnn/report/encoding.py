"""Arrays as text within a page: pictures as PNG and JPEG, numbers as base64."""

from base64 import b64encode
from io import BytesIO
from typing import Any

import numpy as np

__all__ = ["as_bytes", "as_jpeg", "as_png", "gray_levels", "rounded"]


def as_jpeg(picture: np.ndarray) -> str:
    """uint8 (height, width, 3) as the address of a JPEG."""
    return f"data:image/jpeg;base64,{_saved(picture, 'JPEG', quality=88)}"


def as_png(plane: np.ndarray) -> str:
    """uint8 (height, width) as the address of a PNG."""
    return f"data:image/png;base64,{_saved(plane, 'PNG', compress_level=6)}"


def gray_levels(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Finite numbers as 0 .. 255, and what 0 and 255 stand for; what is not finite becomes 0."""
    finite = np.where(np.isfinite(values), values, 0).astype(np.float64)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    scale = 255 / (high - low) if high > low else 0.0
    return np.round((finite - low) * scale).astype(np.uint8), low, high


def as_bytes(values: np.ndarray) -> str:
    """Numbers as float32, least byte first, in base64."""
    return b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode("ascii")


def rounded(values, digits: int = 4) -> Any:
    """Numbers for JSON, to so many significant digits; None for what is not finite."""
    array = np.asarray(values, np.float64)
    if array.ndim:
        return [rounded(value, digits) for value in array]
    return float(f"{float(array):.{digits}g}") if np.isfinite(array) else None


def _saved(pixels: np.ndarray, format: str, **options) -> str:
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return b64encode(file.getvalue()).decode("ascii")
