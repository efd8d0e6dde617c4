"""Transposed convolution: how it is drawn."""

import numpy as np
from hypothesis import strategies as st

from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct, extent, paddings


@st.composite
def conv2d_transpose_cases(draw):
    kh, kw, height, width = draw(distinct((1, 4), (1, 4), (1, 7), (1, 7)))
    dilation = tuple(draw(st.integers(1, 3)) for _ in "hw")
    strides = tuple(draw(st.integers(1, 4)) for _ in "hw")
    extents = (extent(kh, dilation[0]), extent(kw, dilation[1]))
    padding = draw(paddings(extents))
    if not isinstance(padding, str):  # something must be left between the pads
        height, width = (
            max(size, 1 - -(e - 1) // s) for size, e, s in zip((height, width), extents, strides, strict=True)
        )
    groups = draw(st.integers(1, 3))
    batch, channels, filters = draw(distinct((0, 3), (1, 5), (1, 5)))
    bias = draw(st.sampled_from([None, (filters * groups,)]))
    x, kernel = (batch, height, width, channels * groups), (kh, kw, filters, channels * groups)
    options = {
        "strides": strides,
        "padding": padding,
        "output_padding": draw(output_paddings(padding, strides, extents)),
        "dilation_rate": dilation,
        "groups": groups,
    }
    return Case(draw(arrays(x=x, kernel=kernel, bias=bias)), options)


@st.composite
def output_paddings(draw, padding, strides, extents):
    """None or two sizes below the strides; TensorFlow refuses 0 beside an even extent under "same"."""
    least = [1 if padding == "same" and e % 2 == 0 else 0 for e in extents]
    if any(low >= s for low, s in zip(least, strides, strict=True)):
        return None
    return draw(st.none() | st.tuples(*(st.integers(low, s - 1) for low, s in zip(least, strides, strict=True))))


def length(case: Case) -> int:
    kh, kw, _, channels = case.arrays["kernel"].shape
    return int(np.prod((kh, kw, channels // case.options["groups"])))


OPS = [Op("conv2d_transpose", conv2d_transpose_cases(), length, exact=True)]
