"""The executable specification of convolutional networks, in NumPy that a person can read."""

from numpycnn import layers, models, ops
from numpycnn.counting import Count, count
from numpycnn.models import Model, Sequential
from numpycnn.verification import Report, check, verify

__all__ = ["Count", "Model", "Report", "Sequential", "check", "count", "layers", "models", "ops", "verify"]
