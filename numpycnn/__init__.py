"""The executable specification of convolutional networks, in NumPy that a person can read."""

from numpycnn import layers, models, ops
from numpycnn.counting import Count, count
from numpycnn.keras_io import ModelFileError, from_keras, load_model
from numpycnn.models import Model, Sequential
from numpycnn.verification import Report, check, verify

__all__ = [
    "Count",
    "Model",
    "ModelFileError",
    "Report",
    "Sequential",
    "check",
    "count",
    "from_keras",
    "layers",
    "load_model",
    "models",
    "ops",
    "verify",
]
