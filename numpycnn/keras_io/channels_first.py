"""Models with data_format "channels_first" in the layout of this package: height, width, channels.

Kernels and the weights of normalizations are the same in both. What differs is where the channels of a tensor are, so
each tensor of three axes is held either as Keras has it, or with its channels moved last. Layers that slide over
pixels, merge, normalize channels or act on each value take it so; every other one is given back Keras's own order of
axes by a Permute before it. A model's own images, in and out, have their channels last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from numpycnn.keras_io.errors import ModelFileError
from numpycnn.layers import Layer, Permute, Tensor
from numpycnn.models import Model

__all__ = ["Layouts", "is_channels_first"]

FORMATS = (None, "channels_last", "channels_first")
TO_LAST, TO_FIRST = (2, 3, 1), (3, 1, 2)

EACH_VALUE = {
    *("Activation", "ReLU", "LeakyReLU", "ELU", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("Identity", "ActivityRegularization", "StochasticDepth", "CustomScaleLayer"),
    *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"),
}
"""Layers that treat every value of an image alike."""

ALONG_AN_AXIS = {"BatchNormalization", "GroupNormalization", "LayerNormalization", "Concatenate", "Softmax"}
"""Layers that do something along `axis`, which moves with the channels."""

MOVED = {1: 3, 2: 1, 3: 2, -1: 2, -2: 1, -3: 3}
"""Where an axis of (batch, channels, height, width) is in (batch, height, width, channels)."""


def is_channels_first(config: Any) -> bool:
    """Whether a layer's configuration asks for it."""
    given = config.get("data_format") if isinstance(config, Mapping) else None
    if given not in FORMATS:
        raise ModelFileError(f"data_format must be channels_last or channels_first; got {given!r}")
    return given == "channels_first"


class Layouts:
    """Which tensors of a model have their channels last where Keras has them first.

    Args:
        own: whether any layer of the model itself is channels_first.
        within: by each model within it, whether the images of that one have been moved.
    """

    def __init__(self, own: bool, within: Mapping[Layer, bool]):
        self.on, self._within = own or any(within.values()), within
        self._moved: set[Tensor] = set()
        self._permuted: dict[Tensor, Tensor] = {}
        self._layers: dict[Layer, tuple[bool, Layer]] = {}

    def shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape that an input of this shape in Keras has here."""
        return tuple(shape[axis - 1] for axis in TO_LAST) if self.on and len(shape) == 3 else tuple(shape)

    def take(self, tensor: Tensor) -> Tensor:
        """Note that the images of this tensor have their channels last: an input, or what comes out of a layer."""
        if self.on and len(tensor.shape) == 3:
            self._moved.add(tensor)
        return tensor

    def call(self, layer: Layer, config: Any, inputs: list[Tensor]) -> list[Tensor]:
        """The outputs of a layer; inputs are permuted first where it needs them otherwise than they are."""
        if not self.on:
            return _listed(layer(*inputs))
        kind, images = layer.keras_class, all(len(tensor.shape) == 3 for tensor in inputs)
        any_moved = any(tensor in self._moved for tensor in inputs)
        if isinstance(layer, Model):
            moved = self._within[layer]
        elif isinstance(config, Mapping) and "data_format" in config:
            moved = is_channels_first(config) and images
        else:
            moved = any_moved and images and self._passes(layer, kind)
        inputs = [self._laid(tensor, moved and len(tensor.shape) == 3) for tensor in inputs]
        layer = layer if isinstance(layer, Model) else self._own(layer, moved and kind in ALONG_AN_AXIS)
        outputs = _listed(layer(*inputs))
        return [self.take(tensor) if moved else tensor for tensor in outputs]

    def _passes(self, layer: Layer, kind: str) -> bool:
        """Whether the layer can work on images whose channels have been moved."""
        if kind in ALONG_AN_AXIS:
            return type(getattr(layer, "axis", None)) is int
        if kind == "Rescaling":
            return np.ndim(layer.scale) == np.ndim(layer.offset) == 0  # type: ignore[attr-defined]
        softmax = getattr(layer, "activation", None) in ("softmax", "log_softmax")
        return kind in EACH_VALUE and not softmax and getattr(layer, "noise_shape", None) is None

    def _own(self, layer: Layer, axis_moves: bool) -> Layer:
        """The layer, its axis moved where that is asked; the same object at each of its calls."""
        before, own = self._layers.get(layer, (axis_moves, layer))
        if before is not axis_moves:
            raise ModelFileError("a layer with an axis cannot be shared between images and other arrays here")
        if axis_moves and own is layer:
            axis = layer.axis  # type: ignore[attr-defined]
            own = replace(layer, axis=MOVED.get(axis, axis))  # type: ignore[call-arg]
        self._layers[layer] = axis_moves, own
        return own

    def _laid(self, tensor: Tensor, moved: bool) -> Tensor:
        if (tensor in self._moved) is moved:
            return tensor
        if tensor not in self._permuted:
            self._permuted[tensor] = Permute(TO_LAST if moved else TO_FIRST)(tensor)
            if moved:
                self._moved.add(self._permuted[tensor])
        return self._permuted[tensor]


def _listed(outputs: Any) -> list[Tensor]:
    return outputs if isinstance(outputs, list) else [outputs]
