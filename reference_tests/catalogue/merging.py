"""Keras's merging layers, which broadcast every axis but the batch."""

import keras
import tensorflow as tf

from numpycnn.testing.catalogue import merging
from reference_tests.library.with_tensorflow import with_tensorflow


def keras_layer(layer):
    def tensorflow(**inputs):
        tensors = list(inputs.values())
        return layer(dtype=tensors[0].dtype.name)(tensors)

    return tensorflow


def tf_concatenate(axis, **inputs):
    return tf.concat(list(inputs.values()), axis)


KERAS = {
    name: keras_layer(getattr(keras.layers, name.title()))
    for name in ("add", "subtract", "multiply", "maximum", "average")
}
OPS = with_tensorflow(merging.OPS, {**KERAS, "concatenate": tf_concatenate})
