"""Pooling: how it is drawn."""

import numpy as np
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct, paddings


@st.composite
def pool_cases(draw, **more):
    kh, kw, height, width = draw(distinct((1, 4), (1, 4), (1, 11), (1, 11)))
    batch, channels = draw(distinct((0, 3), (1, 5)))
    strides = draw(st.none() | st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = draw(paddings((kh, kw)))
    if padding != "same":  # TensorFlow dies of a VALID window larger than its image
        height, width = max(height, kh), max(width, kw)
    options = {"pool_size": (kh, kw), "strides": strides, "padding": padding}
    drawn = draw(arrays(x=(batch, height, width, channels)))
    return Case(drawn, options | {name: draw(values) for name, values in more.items()})


@st.composite
def depth_cases(draw):
    batch, height, width, channels = draw(distinct((0, 3), (1, 5), (1, 5), (1, 9)))
    size = draw(st.integers(1, 4))
    strides = draw(st.none() | st.integers(1, 5))
    pads = draw(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)))
    padding = draw(st.sampled_from(["valid", "same", pads[0], pads]), label="padding")
    if padding != "same":
        channels = max(channels, size)
    drawn = draw(arrays(x=(batch, height, width, channels)))
    return Case(drawn, {"pool_size": size, "strides": strides, "padding": padding})


@st.composite
def global_cases(draw):
    shape = draw(distinct((0, 3), (1, 7), (1, 7), (1, 5)))
    return Case(draw(arrays(x=shape)), {"keepdims": draw(st.booleans())})


def selected(case: Case):
    """S of a maximum: it is one of the pixels, to the bit."""
    return np.zeros(())


def routed(name):
    """S of a maximum's gradient: the same pixels, the absolute dy."""
    backward = getattr(numpycnn.ops, f"{name}_backward")
    return lambda dy, case: backward(abs(dy), *case.arrays.values(), **case.options)


def maximum(name, cases, length):
    return Op(name, cases, length, selected, routed(name), exact=True, smooth=False)


def window_size(case: Case) -> int:
    return int(np.prod(case.options["pool_size"]))


def map_size(case: Case) -> int:
    return int(np.prod(case.arrays["x"].shape[1:3]))


OPS = [
    maximum("max_pool2d", pool_cases(), window_size),
    Op("avg_pool2d", pool_cases(count_include_pad=st.booleans()), window_size),
    maximum("depth_max_pool", depth_cases(), window_size),
    Op("global_avg_pool2d", global_cases(), map_size),
    maximum("global_max_pool2d", global_cases(), map_size),
]
