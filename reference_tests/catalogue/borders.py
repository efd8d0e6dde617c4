"""The layers of Keras for zero padding and cropping."""

import keras

from numpycnn.testing.catalogue import borders
from reference_tests.library.with_tensorflow import with_tensorflow


def tf_zero_padding(x, *, padding):
    return keras.layers.ZeroPadding2D(padding, dtype=x.dtype.name)(x)


def tf_cropping(x, *, cropping):
    return keras.layers.Cropping2D(cropping, dtype=x.dtype.name)(x)


def tf_center_crop(x, *, height, width):
    return keras.layers.CenterCrop(height, width)(x)


OPS = with_tensorflow(
    borders.OPS,
    {"zero_padding2d": tf_zero_padding, "cropping2d": tf_cropping, "center_crop": tf_center_crop},
    "center_crop",
)
