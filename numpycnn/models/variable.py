"""A weight of a model."""

import numpy as np

from numpycnn.layers.base import Shape


class Variable:
    """One weight of a model: an array with a name, replaced in place by training and loading."""

    def __init__(self, name: str, value: np.ndarray, trainable: bool = True):
        self.name, self.value, self.trainable = name, value, trainable

    @property
    def shape(self) -> Shape:
        return self.value.shape

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    @property
    def size(self) -> int:
        return self.value.size

    def assign(self, value) -> None:
        """Take over the numbers of `value` in this variable's dtype; ValueError for another shape."""
        value = np.asarray(value)
        if value.shape != self.shape:
            raise ValueError(f"{self.name}: the shape {self.shape} must be kept; got shape {value.shape}.")
        self.value = value.astype(self.dtype)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.value, dtype=dtype, copy=copy)

    def __repr__(self):
        return f"Variable({self.name}, {self.dtype}{self.shape}{'' if self.trainable else ', not trainable'})"
