"""Between numpycnn models and Keras."""

from numpycnn.keras_io.build import *
