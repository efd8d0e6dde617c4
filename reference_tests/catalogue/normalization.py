"""TensorFlow's and Keras's own normalization."""

import keras
import tensorflow as tf

from numpycnn.testing.catalogue import normalization
from reference_tests.library.with_tensorflow import with_tensorflow


def tf_inference(x, mean, variance, gamma, beta, *, epsilon):
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def keras_train(x, gamma, beta, *, epsilon):
    """The two functions that keras.layers.BatchNormalization calls in training."""
    mean, variance = keras.ops.moments(x, axes=list(range(len(x.shape) - 1)))
    y = keras.ops.batch_normalization(x, mean, variance, axis=-1, offset=beta, scale=gamma, epsilon=epsilon)
    return y, mean, variance


def keras_layer(x, gamma, beta, *, axis, epsilon):
    return keras.ops.layer_normalization(x, gamma, beta, axis=axis, epsilon=epsilon)


def tf_local_response(x, **options):
    return tf.nn.local_response_normalization(x, **options)


FUNCTIONS = {
    "batch_normalization": tf_inference,
    "batch_normalization_train": keras_train,
    "layer_normalization": keras_layer,
    "local_response_normalization": tf_local_response,
}

OPS = with_tensorflow(normalization.OPS, FUNCTIONS, "local_response_normalization")
