"""Keras's group normalization, and standardized weights in TensorFlow."""

import keras
import tensorflow as tf

from numpycnn.testing.catalogue import group_normalization
from reference_tests.library.with_tensorflow import with_tensorflow


def keras_group(x, gamma, beta, *, groups, epsilon):
    """Keras's layer on weights that are tensors, so that a tape sees them."""
    learnt = [parameter for parameter in (gamma, beta) if parameter is not None]
    layer = keras.layers.GroupNormalization(
        groups, epsilon=epsilon, scale=gamma is not None, center=beta is not None, dtype=x.dtype.name
    )
    layer.build(x.shape)
    return layer.stateless_call(learnt, [], x)[0]


def tf_standardized(kernel, *, epsilon):
    """As BiT's own code: moments over all axes but the filters."""
    mean, variance = tf.nn.moments(kernel, (0, 1, 2), keepdims=True)
    return tf.nn.batch_normalization(kernel, mean, variance, None, None, epsilon)


OPS = with_tensorflow(
    group_normalization.OPS, {"group_normalization": keras_group, "weight_standardization": tf_standardized}
)
