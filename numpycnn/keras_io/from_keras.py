"""A Keras model as a numpycnn model with the same layers, names, wiring and weights."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from numpycnn.keras_io.configs import read_model
from numpycnn.keras_io.errors import ModelFileError, within
from numpycnn.layers.base import Layer, filled
from numpycnn.models.model import Model

__all__ = ["from_keras"]


def from_keras(model: Any, *, layers: Mapping[str, type[Layer]] | None = None) -> Model:
    """The same model in NumPy, with a copy of the weights.

    Args:
        model: a Sequential or functional keras.Model that has been built.
        layers: kinds of layers by class name besides numpycnn's own: your dataclass for a Keras layer of your own.

    Raises: ModelFileError for a layer, or an argument of one, that numpycnn has no equal of.
    """
    with within(f"from_keras: model {model.name!r}"):
        ours = read_model(json.loads(model.to_json()), layers)
        values = _values(ours, model)
        ours.adopt_weights(lambda layer, key, spec: _checked(values[layer][key], spec, key))
    return ours


def _values(ours: Model, theirs) -> dict[Layer, dict[str, np.ndarray]]:
    """The weights of every layer by our names, models within included; a layer has the same order on both sides."""
    own = {layer.name: layer for layer in theirs.layers}
    found: dict[Layer, dict[str, np.ndarray]] = {}
    for layer, shapes in ours.first_uses().items():
        if isinstance(layer, Model):
            found |= _values(layer, own[ours.names[layer]])
        elif keys := list(layer.weight_specs(*filled(shapes))):
            weights = own[ours.names[layer]].weights
            found[layer] = dict(zip(keys, map(np.asarray, weights), strict=True))
    return found


def _checked(value: np.ndarray, spec, key: str) -> np.ndarray:
    if value.shape != spec.shape:
        raise ModelFileError(f"{key} must have shape {spec.shape}; got {value.shape}")
    return value
