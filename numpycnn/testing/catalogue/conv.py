"""Convolutions: how they are drawn."""

import numpy as np
from hypothesis import strategies as st

from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct, extent, paddings


@st.composite
def geometries(draw, most_dilation=3):
    """An image, a kernel that fits it, and how it slides: (image, kernel), options."""
    kh, kw, height, width = draw(distinct((1, 4), (1, 4), (1, 11), (1, 11)))
    dilation = tuple(draw(st.integers(1, most_dilation)) for _ in "hw")
    strides = tuple(draw(st.integers(1, 4)) for _ in "hw")
    extents = (extent(kh, dilation[0]), extent(kw, dilation[1]))
    padding = draw(paddings(extents))
    if padding != "same":  # the kernel must fit: grow the image by what is missing
        height, width = max(height, extents[0]), max(width, extents[1])
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation}
    return (height, width), (kh, kw), options


@st.composite
def conv2d_cases(draw):
    image, kernel, options = draw(geometries())
    groups = draw(st.integers(1, 3))
    batch, channels, filters = draw(distinct((0, 3), (1, 5), (1, 5)))
    bias = draw(st.sampled_from([None, (filters * groups,)]))
    drawn = draw(arrays(x=(batch, *image, channels * groups), kernel=(*kernel, channels, filters * groups), bias=bias))
    return Case(drawn, {**options, "groups": groups})


@st.composite
def depthwise_cases(draw):
    image, kernel, options = draw(geometries())
    batch, channels, multiplier = draw(distinct((0, 3), (1, 5), (1, 4)))
    bias = draw(st.sampled_from([None, (channels * multiplier,)]))
    return Case(draw(arrays(x=(batch, *image, channels), kernel=(*kernel, channels, multiplier), bias=bias)), options)


@st.composite
def separable_cases(draw):
    image, kernel, options = draw(geometries())
    batch, channels, multiplier, filters = draw(distinct((0, 3), (1, 5), (1, 4), (1, 6)))
    bias = draw(st.sampled_from([None, (filters,)]))
    drawn = arrays(
        ("normal", "integers", "zeros"),  # three wide factors would leave float16
        x=(batch, *image, channels),
        depthwise_kernel=(*kernel, channels, multiplier),
        pointwise_kernel=(1, 1, channels * multiplier, filters),
        bias=bias,
    )
    return Case(draw(drawn), options)


def length(case: Case) -> int:
    kernel = case.arrays["kernel"]
    return int(np.prod(kernel.shape[:3]))


OPS = [
    Op("conv2d", conv2d_cases(), length, exact=True),
    Op(
        "depthwise_conv2d", depthwise_cases(),
        lambda case: int(np.prod(case.arrays["kernel"].shape[:2])), exact=True,
    ),
    Op(
        "separable_conv2d", separable_cases(),
        lambda case: int(np.prod(case.arrays["depthwise_kernel"].shape)), exact=True,
    ),
]  # fmt: skip
