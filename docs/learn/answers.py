"""Answers to exercises of the Learn pages, for `numpycnn count` and `numpycnn check` to be run on."""

from numpycnn.layers import Conv2D, Input
from numpycnn.models import Sequential


def small_kernels() -> Sequential:
    """Five convolutions of 3x3 see 11x11 pixels."""
    return Sequential([Input((32, 48, 64)), *(Conv2D(64, 3) for _ in range(5))])


def one_large_kernel() -> Sequential:
    """And so does one of 11x11."""
    return Sequential([Input((32, 48, 64)), Conv2D(64, 11)])
