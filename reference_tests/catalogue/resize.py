"""TensorFlow's own resizing, which always works in float32."""

import keras
import tensorflow as tf

from numpycnn.testing.catalogue import resize
from reference_tests.library.with_tensorflow import with_tensorflow


def tf_resize(x, *, size, interpolation):
    return tf.image.resize(x, size, method=interpolation)


def tf_up_sampling(x, *, size, interpolation):
    return keras.layers.UpSampling2D(size, interpolation=interpolation)(x)


OPS = with_tensorflow(resize.OPS, {"resize": tf_resize, "up_sampling2d": tf_up_sampling}, "resize", "up_sampling2d")
