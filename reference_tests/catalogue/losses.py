"""The functions of keras.losses, of the same names."""

import keras

from numpycnn.testing.catalogue import losses
from reference_tests.library.with_tensorflow import with_tensorflow

OPS = with_tensorflow(losses.OPS, {op.name: getattr(keras.losses, op.name) for op in losses.OPS})
