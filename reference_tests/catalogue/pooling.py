"""TensorFlow's own pooling."""

import tensorflow as tf

from numpycnn.testing.catalogue import pooling
from reference_tests.library.with_tensorflow import with_tensorflow


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


FUNCTIONS = {
    "max_pool2d": tf_max_pool,
    "avg_pool2d": tf_avg_pool,
    "depth_max_pool": tf_depth_max_pool,
    "global_avg_pool2d": tf_global_avg_pool,
    "global_max_pool2d": tf_global_max_pool,
}

OPS = with_tensorflow(pooling.OPS, FUNCTIONS)
