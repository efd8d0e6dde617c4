"""Transposed convolution: how it is drawn, and Keras's own."""

import keras
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from reference_tests.catalogue.conv import tf_dilated
from reference_tests.library.cases import Case, Op
from reference_tests.library.strategies import arrays, distinct, extent, paddings


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


def tf_conv2d_transpose(x, kernel, bias, *, strides, padding, output_padding, dilation_rate, groups):
    """Keras's, with groups split and dilation as zeros in the kernel, since TensorFlow has neither on the CPU.

    Pads in pixels crop what it gives for "valid", after the output padding has been added.
    """
    kernel = tf_dilated(kernel, dilation_rate)
    words = {"padding": padding, "output_padding": output_padding}
    if not isinstance(padding, str):
        words = {"padding": "valid", "output_padding": 0}
    parts = zip(tf.split(x, groups, axis=3), tf.split(kernel, groups, axis=3), strict=True)
    y = tf.concat([keras.ops.conv_transpose(a, k, strides=strides, **words) for a, k in parts], axis=3)
    if not isinstance(padding, str):
        (top, bottom), (left, right) = ((padding, padding),) * 2 if isinstance(padding, int) else padding
        y = tf.pad(y, ((0, 0), *((0, added) for added in output_padding or (0, 0)), (0, 0)))
        y = y[:, top : y.shape[1] - bottom, left : y.shape[2] - right]
    return y if bias is None else y + bias


def length(case: Case) -> int:
    kh, kw, _, channels = case.arrays["kernel"].shape
    return int(np.prod((kh, kw, channels // case.options["groups"])))


OPS = [Op("conv2d_transpose", conv2d_transpose_cases(), tf_conv2d_transpose, length, exact=True)]
