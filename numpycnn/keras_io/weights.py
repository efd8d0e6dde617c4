"""Where the weights of a model stand in Keras's HDF5 files, in both of its layouts.

Keras 3, in .keras and .weights.h5: /layers/conv2d_1/vars/0, by the class of a layer in snake case and how many of that
class stand before it, whatever the layers are called; a model within has a /layers of its own.
Before, in .h5: /conv1/..., a group for each layer by its name, which lists its arrays in `weight_names`; a model
within is one group, with all its weights that train before all that do not.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from numpycnn.keras_io.errors import ModelFileError
from numpycnn.keras_io.hdf5 import Hdf5Group
from numpycnn.layers.base import InputLayer, Layer, WeightSpec, filled
from numpycnn.models.model import Model
from numpycnn.models.topology import snake_case

__all__ = ["Place", "places", "read_weights"]

Values = dict[Layer, dict[str, np.ndarray]]


class Place(NamedTuple):
    """A layer without layers in it, and its path in the layout of Keras 3."""

    layer: Layer
    name: str
    path: tuple[str, ...]
    specs: dict[str, WeightSpec]


def places(model: Model, path: tuple[str, ...] = (), seen: set[Layer] | None = None) -> Iterator[Place]:
    """Every layer once, at its first place, in the order in which Keras walks through the model."""
    seen = set() if seen is None else seen
    shapes, used = model.first_uses(), Counter()
    for layer in model.layers:
        base = snake_case(layer.keras_class)
        own = (*path, "layers", f"{base}_{used[base]}" if used[base] else base)
        used[base] += 1
        if layer in seen or isinstance(layer, InputLayer):
            continue
        seen.add(layer)
        if isinstance(layer, Model):
            yield from places(layer, own, seen)
        else:
            yield Place(layer, model.names[layer], own, layer.weight_specs(*filled(shapes[layer])))


def read_weights(root: Hdf5Group, model: Model) -> None:
    """Put the weights of a file, of either layout, into the model; it stays as it is where any of them does not fit."""
    if "model_weights" in root:
        root = root.group("model_weights")
    found = _by_layer_name(root, model) if root.texts("layer_names") is not None else _by_class(root, model)
    model.adopt_weights(lambda layer, key, spec: found[layer][key])


def _by_class(root: Hdf5Group, model: Model) -> Values:
    found: Values = {}
    for place in places(model):
        if not place.specs:
            continue
        group = root.group(*place.path, "vars")
        if len(group.names()) != len(place.specs):
            words = f"layer {place.name!r} has the weights {', '.join(place.specs)}; got {len(group.names())}"
            raise ModelFileError(f"{group.path}: {words}")
        found[place.layer] = {
            key: group.array(str(number), spec.shape) for number, (key, spec) in enumerate(place.specs.items())
        }
    return found


def _by_layer_name(root: Hdf5Group, model: Model) -> Values:
    """Layers by their names where all are the same, else in their order, as Keras does."""
    listed = {}
    for name in root.texts("layer_names") or ():
        group = _layer_group(root, name)
        if weight_names := group.texts("weight_names"):
            listed[name] = group, weight_names
    wanted = {name: own for name, own in _legacy_groups(model).items() if own}
    if len(wanted) != len(listed):
        raise ModelFileError(f"{len(wanted)} layers have weights; the file has {len(listed)}")
    same = set(wanted) == set(listed)
    found: Values = {}
    for name, (group, weight_names) in zip(
        wanted, [listed[n] for n in wanted] if same else listed.values(), strict=True
    ):
        own = wanted[name]
        if len(own) != len(weight_names):
            raise ModelFileError(f"{group.path}: layer {name!r} has {len(own)} weights; got {len(weight_names)}")
        for (layer, key, spec), weight_name in zip(own, weight_names, strict=True):
            *groups, dataset = weight_name.split("/")
            found.setdefault(layer, {})[key] = group.group(*groups).array(dataset, spec.shape)
    return found


def _layer_group(root: Hdf5Group, name: str) -> Hdf5Group:
    return root.group(*name.split("/"))


def _legacy_groups(model: Model) -> dict[str, list[tuple[Layer, str, WeightSpec]]]:
    """By the name of each layer of the model its weights, all within it: those that train, then the others."""
    groups, own = {}, {place.layer: place for place in places(model)}
    for layer, name in model.names.items():
        if isinstance(layer, InputLayer):
            continue
        inside = list(places(layer)) if isinstance(layer, Model) else [own[layer]]
        weights = [(place.layer, key, spec) for place in inside for key, spec in place.specs.items()]
        groups[name] = sorted(weights, key=lambda weight: not (weight[2].trainable and weight[0].trainable))
    return groups
