"""Keras's own activations."""

import keras
import tensorflow as tf

from numpycnn.testing.catalogue import activations
from reference_tests.library.with_tensorflow import with_tensorflow


def tf_prelu(x, alpha):
    shared = [axis for axis, size in enumerate(alpha.shape, 1) if size == 1]
    layer = keras.layers.PReLU(shared_axes=shared, dtype=x.dtype.name)
    layer.build(x.shape)
    return layer.stateless_call([alpha], [], x)[0]


SPECIAL = {"prelu": tf_prelu, "softmax": lambda x, axis: tf.nn.softmax(x, axis)}
FUNCTIONS = {op.name: SPECIAL.get(op.name) or getattr(keras.activations, op.name) for op in activations.OPS}

OPS = with_tensorflow(activations.OPS, FUNCTIONS, "gelu")  # tf.nn.gelu rounds its constants to float32
