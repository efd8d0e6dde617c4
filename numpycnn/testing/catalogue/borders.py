"""Zero padding and cropping: how they are drawn."""

import numpy as np
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct

sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
borders = st.integers(0, 3) | sides | st.tuples(sides, sides)


@st.composite
def zero_padding_cases(draw):
    batch, height, width, channels = draw(distinct((0, 3), (1, 7), (1, 7), (1, 5)))
    return Case(draw(arrays(x=(batch, height, width, channels))), {"padding": draw(borders)})


@st.composite
def cropping_cases(draw):
    batch, height, width, channels = draw(distinct((0, 3), (1, 9), (1, 9), (1, 5)))
    most = [(size - 1) // 2 for size in (height, width)]
    each = [st.integers(0, m) for m in most]
    forms = st.integers(0, min(most)) | st.tuples(*each) | st.tuples(*(st.tuples(one, one) for one in each))
    return Case(draw(arrays(x=(batch, height, width, channels))), {"cropping": draw(forms)})


@st.composite
def center_crop_cases(draw):
    height, width, out_height, out_width = draw(distinct((1, 9), (1, 9), (1, 9), (1, 9)))
    batch, channels = draw(distinct((0, 3), (1, 5)))
    return Case(draw(arrays(x=(batch, height, width, channels))), {"height": out_height, "width": out_width})


def center_crop_scale(case: Case):
    """|y| where the crop fits; where it is resized, the largest value of each channel, as in resize.neighbours."""
    x, height, width = abs(case.arrays["x"]), case.options["height"], case.options["width"]
    if height <= x.shape[1] and width <= x.shape[2]:
        return numpycnn.ops.center_crop(x, height, width)
    return np.repeat(np.repeat(x.max(axis=(1, 2), keepdims=True), height, axis=1), width, axis=2)


OPS = [
    Op("zero_padding2d", zero_padding_cases(), exact=True),
    Op("cropping2d", cropping_cases(), exact=True),
    Op("center_crop", center_crop_cases(), lambda case: 4, center_crop_scale),
]
