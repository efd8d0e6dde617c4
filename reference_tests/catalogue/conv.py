"""TensorFlow's own convolutions."""

import numpy as np
import tensorflow as tf

from numpycnn.testing.catalogue import conv
from numpycnn.testing.strategies import extent
from reference_tests.library.with_tensorflow import with_tensorflow


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


OPS = with_tensorflow(
    conv.OPS, {"conv2d": tf_conv2d, "depthwise_conv2d": tf_depthwise, "separable_conv2d": tf_separable}
)
