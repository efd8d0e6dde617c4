"""Keras's own transposed convolution."""

import keras
import tensorflow as tf

from numpycnn.testing.catalogue import conv_transpose
from reference_tests.catalogue.conv import tf_dilated
from reference_tests.library.with_tensorflow import with_tensorflow


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


OPS = with_tensorflow(conv_transpose.OPS, {"conv2d_transpose": tf_conv2d_transpose})
