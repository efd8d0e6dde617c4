"""The executable specification of convolutional networks, in NumPy that a person can read."""

from numpycnn import ops
