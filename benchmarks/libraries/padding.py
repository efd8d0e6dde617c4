"""Padding "same" as pads in pixels, for libraries that do not know the word."""

import numpy as np


def same_pads(case) -> list[tuple[int, int]]:
    """((top, bottom), (left, right)) of a case with image, kernel and strides."""
    totals = (max(0, (-(-size // case.strides) - 1) * case.strides + case.kernel - size) for size in case.image[:2])
    return [(total // 2, total - total // 2) for total in totals]


def channels_first(images: np.ndarray) -> np.ndarray:
    """(batch, height, width, channels) -> (batch, channels, height, width), in C order"""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def channels_last(images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 2, 3, 1)


def filters_first(kernel: np.ndarray) -> np.ndarray:
    """(kh, kw, channels, filters) -> (filters, channels, kh, kw), in C order"""
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


def filters_last(kernel: np.ndarray) -> np.ndarray:
    return kernel.transpose(2, 3, 1, 0)
