"""Resizing and upsampling: how they are drawn, and what they are made of."""

import numpy as np
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.ops.resize import INTERPOLATIONS, spread_back
from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct


@st.composite
def resize_cases(draw):
    height, width, out_height, out_width = draw(distinct((1, 9), (1, 9), (1, 14), (1, 14)))
    batch, channels = draw(distinct((0, 3), (1, 5)))
    interpolation = draw(st.sampled_from(INTERPOLATIONS))
    drawn = draw(arrays(x=(batch, height, width, channels)))
    return Case(drawn, {"size": (out_height, out_width), "interpolation": interpolation})


@st.composite
def up_sampling_cases(draw):
    height, width, rows, columns = draw(distinct((1, 9), (1, 9), (1, 4), (1, 4)))
    batch, channels = draw(distinct((0, 3), (1, 5)))
    interpolation = draw(st.sampled_from(INTERPOLATIONS))
    drawn = draw(arrays(x=(batch, height, width, channels)))
    return Case(drawn, {"size": (rows, columns), "interpolation": interpolation})


def neighbours(case: Case):
    """|x| of an output's neighbours, unweighted: TensorFlow's a + (b - a) * weight rounds at their size."""
    total = abs(case.arrays["x"])
    if case.options["interpolation"] == "nearest":
        return numpycnn.ops.resize(total, **case.options)
    for axis, outputs in zip((1, 2), case.options["size"], strict=True):
        inputs = total.shape[axis]
        places = (np.arange(outputs, dtype=np.float32) + np.float32(0.5)) * np.float32(inputs / outputs)
        below = np.floor(places - np.float32(0.5)).astype(int)
        near = (0, 1) if case.options["interpolation"] == "bilinear" else (-1, 0, 1, 2)
        total = np.sum([total.take((below + k).clip(0, inputs - 1), axis) for k in near], axis=0)
    return total


def enlarged_neighbours(case: Case):
    size = tuple(np.multiply(case.options["size"], case.arrays["x"].shape[1:3]))
    return neighbours(Case(case.arrays, {**case.options, "size": size}))


def spread(dy, case: Case):
    return spread_back(dy, case.arrays["x"].shape[1:3], case.options["interpolation"])


OPS = [
    Op("resize", resize_cases(), lambda case: 4, neighbours, spread),
    Op("up_sampling2d", up_sampling_cases(), lambda case: 4, enlarged_neighbours, spread),
]
