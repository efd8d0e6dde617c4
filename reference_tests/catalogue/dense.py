"""TensorFlow's own dense ops and reshapes."""

import keras
import tensorflow as tf

from numpycnn.testing.catalogue import dense
from reference_tests.library.with_tensorflow import with_tensorflow


def tf_dense(x, kernel, bias):
    y = tf.tensordot(x, kernel, axes=1)
    return y if bias is None else y + bias


def tf_radial_basis(x, kernel):
    return tf.reduce_sum(tf.math.squared_difference(x[:, :, None], kernel), axis=1)


def tf_reshape(x, target_shape):
    return keras.layers.Reshape(target_shape, dtype=x.dtype.name)(x)


def tf_flatten(x):
    return keras.layers.Flatten(dtype=x.dtype.name)(x)


def tf_permute(x, dims):
    return tf.transpose(x, (0, *dims))


OPS = with_tensorflow(
    dense.OPS,
    {
        "dense": tf_dense,
        "radial_basis": tf_radial_basis,
        "flatten": tf_flatten,
        "reshape": tf_reshape,
        "permute": tf_permute,
    },
)
