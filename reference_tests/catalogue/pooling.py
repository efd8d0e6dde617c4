"""Pooling: how it is drawn, and TensorFlow's own."""

import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

import numpycnn.ops
from reference_tests.library.cases import Case, Op
from reference_tests.library.strategies import arrays, distinct, paddings


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


def tf_max_pool(x, *, pool_size, strides, padding):
    if not isinstance(padding, str):
        padding = [(0, 0), *as_pairs(padding), (0, 0)]
    return tf.nn.max_pool2d(x, pool_size, strides or pool_size, padding.upper() if padding in WORDS else padding)


def tf_avg_pool(x, *, pool_size, strides, padding, count_include_pad):
    """TensorFlow never counts padding and knows no explicit padding: both are made of zeros in the image."""
    strides = strides or pool_size
    if padding in WORDS and not count_include_pad:
        return tf.nn.avg_pool2d(x, pool_size, strides, padding.upper())
    pads = ((0, 0), *in_pixels(padding, x.shape[1:3], pool_size, strides), (0, 0))
    zero_counted = tf.nn.avg_pool2d(tf.pad(x, pads), pool_size, strides, "VALID")
    if count_include_pad:
        return zero_counted
    return zero_counted / tf.nn.avg_pool2d(tf.pad(tf.ones_like(x), pads), pool_size, strides, "VALID")


def tf_depth_max_pool(x, *, pool_size, strides, padding):
    """TensorFlow's pooling over height, with channels there: its own over depth wants strides of the window's size."""
    if padding not in WORDS:
        padding = ((padding, padding) if isinstance(padding, int) else padding, (0, 0))
    strides = (strides or pool_size, 1)
    y = tf_max_pool(tf.transpose(x, (0, 3, 1, 2)), pool_size=(pool_size, 1), strides=strides, padding=padding)
    return tf.transpose(y, (0, 2, 3, 1))


def tf_global_avg_pool(x, *, keepdims):
    return tf.reduce_mean(x, (1, 2), keepdims)


def tf_global_max_pool(x, *, keepdims):
    return tf.reduce_max(x, (1, 2), keepdims)


WORDS = ("valid", "same")


def as_pairs(padding):
    return ((padding, padding),) * 2 if isinstance(padding, int) else padding


def in_pixels(padding, image, pool_size, strides):
    if padding == "same":
        totals = [max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in zip(image, pool_size, strides, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return as_pairs(0 if padding == "valid" else padding)


def selected(case: Case):
    """S of a maximum: it is one of the pixels, to the bit."""
    return np.zeros(())


def routed(name):
    """S of a maximum's gradient: the same pixels, the absolute dy."""
    backward = getattr(numpycnn.ops, f"{name}_backward")
    return lambda dy, case: backward(abs(dy), *case.arrays.values(), **case.options)


def maximum(name, cases, tensorflow, length):
    return Op(name, cases, tensorflow, length, selected, routed(name), exact=True, smooth=False)


def window_size(case: Case) -> int:
    return int(np.prod(case.options["pool_size"]))


def map_size(case: Case) -> int:
    return int(np.prod(case.arrays["x"].shape[1:3]))


OPS = [
    maximum("max_pool2d", pool_cases(), tf_max_pool, window_size),
    Op("avg_pool2d", pool_cases(count_include_pad=st.booleans()), tf_avg_pool, window_size),
    maximum("depth_max_pool", depth_cases(), tf_depth_max_pool, window_size),
    Op("global_avg_pool2d", global_cases(), tf_global_avg_pool, map_size),
    maximum("global_max_pool2d", global_cases(), tf_global_max_pool, map_size),
]
