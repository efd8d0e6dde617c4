"""Convolutions: how they are drawn, and TensorFlow's own."""

import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from reference_tests.library.cases import Case, Op
from reference_tests.library.strategies import arrays, distinct, extent, paddings


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


def tf_conv2d(x, kernel, bias, *, strides, padding, dilation_rate, groups):
    """TensorFlow's convolution; on the CPU its gradient knows neither groups nor dilation, so it is given neither.

    Groups are split and concatenated; a dilated kernel is the kernel with zeros put between its taps.
    """
    x, padding = tf_padded(x, kernel, strides, padding, dilation_rate)
    kernel = tf_dilated(kernel, dilation_rate)
    parts = zip(tf.split(x, groups, axis=3), tf.split(kernel, groups, axis=3), strict=True)
    y = tf.concat([tf.nn.conv2d(a, k, strides=strides, padding=padding) for a, k in parts], axis=3)
    return y if bias is None else y + bias


def tf_depthwise(x, kernel, bias, *, strides, padding, dilation_rate):
    """As conv2d with a group a channel: tf.nn.depthwise_conv2d wants equal strides on both axes."""
    kh, kw, channels, multiplier = kernel.shape
    kernel = tf.reshape(kernel, (kh, kw, 1, channels * multiplier))
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    return tf_conv2d(x, kernel, bias, **options, groups=channels)


def tf_separable(x, depthwise_kernel, pointwise_kernel, bias, **options):
    y = tf.nn.conv2d(tf_depthwise(x, depthwise_kernel, None, **options), pointwise_kernel, 1, "VALID")
    return y if bias is None else y + bias


def tf_padded(x, kernel, strides, padding, dilation_rate):
    """Explicit padding as zeros in the image, since tf.nn.conv2d's own wants pads smaller than the kernel."""
    if isinstance(padding, str):
        return x, padding.upper()
    pads = ((padding, padding),) * 2 if isinstance(padding, int) else padding
    return tf.pad(x, ((0, 0), *pads, (0, 0))), "VALID"


def tf_dilated(kernel, dilation_rate):
    for axis, dilation in enumerate(dilation_rate):
        size = kernel.shape[axis]
        spread = np.zeros((extent(size, dilation), size))
        spread[np.arange(size) * dilation, np.arange(size)] = 1
        kernel = tf.experimental.numpy.moveaxis(
            tf.tensordot(tf.constant(spread, kernel.dtype), kernel, (1, axis)), 0, axis
        )
    return kernel


def length(case: Case) -> int:
    kernel = case.arrays["kernel"]
    return int(np.prod(kernel.shape[:3]))


OPS = [
    Op("conv2d", conv2d_cases(), tf_conv2d, length, exact=True),
    Op(
        "depthwise_conv2d", depthwise_cases(), tf_depthwise,
        lambda case: int(np.prod(case.arrays["kernel"].shape[:2])), exact=True,
    ),
    Op(
        "separable_conv2d", separable_cases(), tf_separable,
        lambda case: int(np.prod(case.arrays["depthwise_kernel"].shape)), exact=True,
    ),
]  # fmt: skip
