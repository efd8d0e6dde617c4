"""A model as the configuration that Keras 3 writes for it: plain values for JSON."""

from collections import Counter
from typing import Any

import numpy as np

from numpycnn.keras_io.build import KERAS_MODULES
from numpycnn.keras_io.custom import CUSTOM
from numpycnn.layers.base import InputLayer, Layer, Tensor
from numpycnn.layers.initializers import Initializer
from numpycnn.models.model import Model, Sequential

__all__ = ["describe"]

WITH_FORMAT = {
    *("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "MaxPooling2D", "AveragePooling2D"),
    *("GlobalMaxPooling2D", "GlobalAveragePooling2D", "ZeroPadding2D", "Cropping2D", "CenterCrop", "UpSampling2D"),
    *("Resizing", "SpatialDropout2D", "Flatten"),
}
"""Layers of Keras whose data_format would otherwise be the one that is set where the file is loaded."""


def describe(model: Model, name: str | None = None) -> dict[str, Any]:
    """{"module", "class_name", "config", "registered_name"}, as keras.saving.serialize_keras_object gives."""
    name = name or model.name or "model"
    if isinstance(model, Sequential):
        config = {
            "name": name,
            "trainable": model.trainable,
            "layers": _chain(model),
            "build_input_shape": _batch(model.inputs[0]),
        }
        return _object("keras", "Sequential", config)
    return _object("keras.src.models.functional", "Functional", _Functional(model, name).config())


class _Functional:
    """The configuration of a functional model: its layers, each with its calls."""

    def __init__(self, model: Model, name: str):
        self.model, self.name = model, name
        self.inputs = {tensor: self._input_name(number, tensor) for number, tensor in enumerate(model.inputs)}
        self.histories: dict[Tensor, tuple[str, int, int]] = {t: (own, 0, 0) for t, own in self.inputs.items()}
        self.nodes: dict[Layer, list[Any]] = {}
        uses: Counter[Layer] = Counter()
        for node in model.nodes:
            for tensor in node.outputs:
                self.histories[tensor] = (model.names[node.layer], uses[node.layer], tensor.index)
            uses[node.layer] += 1
            self.nodes.setdefault(node.layer, []).append(node)

    def config(self) -> dict[str, Any]:
        model = self.model
        single_input, single_output = model.single
        inputs = [_input(own, tensor, model.dtype) for tensor, own in self.inputs.items()]
        layers = [layer for layer in model.layers if not isinstance(layer, InputLayer)]
        starts, ends = ([list(self._end(tensor)) for tensor in tensors] for tensors in (model.inputs, model.outputs))
        return {
            "name": self.name,
            "trainable": model.trainable,
            "layers": [*inputs, *map(self._layer, layers)],
            "input_layers": starts[0] if single_input else starts,
            "output_layers": ends[0] if single_output else ends,
        }

    def _layer(self, layer: Layer) -> dict[str, Any]:
        name = self.model.names[layer]
        calls = [self._call(node) for node in self.nodes[layer]]
        return {**_described(layer, name, self.model.dtype), "name": name, "inbound_nodes": calls}

    def _call(self, node) -> dict[str, Any]:
        tensors = [self._tensor(tensor) for tensor in node.inputs]
        return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": {}}

    def _tensor(self, tensor: Tensor) -> dict[str, Any]:
        described = {"shape": _batch(tensor), "dtype": str(self.model.dtype), "keras_history": self.histories[tensor]}
        return {"class_name": "__keras_tensor__", "config": described}

    def _end(self, tensor: Tensor) -> tuple[str, int, int]:
        """Among the ends of a model, Keras counts the calls of a functional model within from 1."""
        name, call, index = self.histories[tensor]
        layer = tensor.node.layer
        within = isinstance(layer, Model) and not isinstance(layer, Sequential) and tensor not in self.inputs
        return name, call + within, index

    def _input_name(self, number: int, tensor: Tensor) -> str:
        layer = tensor.node.layer
        if isinstance(layer, InputLayer):
            return self.model.names[layer]
        name = f"input_layer_{number}"  # a model that begins in the middle of another graph
        while name in self.model.names.values():
            name += "_"
        return name


def _chain(model: Sequential) -> list[dict[str, Any]]:
    name = model.names.get(model.inputs[0].node.layer, "input_layer")
    layers = [_described(layer, model.names[layer], model.dtype) for layer in model.layers]
    return [_input(name, model.inputs[0], model.dtype), *layers]


def _input(name: str, tensor: Tensor, dtype: np.dtype) -> dict[str, Any]:
    config = {"batch_shape": _batch(tensor), "dtype": str(dtype), "sparse": False, "name": name}
    return {**_object("keras.layers", "InputLayer", config), "name": name, "inbound_nodes": []}


def _described(layer: Layer, name: str, dtype: np.dtype) -> dict[str, Any]:
    if isinstance(layer, Model):
        return describe(layer, name)
    policy = _object("keras", "DTypePolicy", {"name": str(dtype)})
    config = {**{key: _plain(value) for key, value in layer.keras_config().items()}, "name": name, "dtype": policy}
    kind = layer.keras_class
    if kind in WITH_FORMAT:
        config["data_format"] = "channels_last"
    if kind in CUSTOM:
        return {**_object("numpycnn.keras_io.custom", kind, config), "registered_name": f"numpycnn>{kind}"}
    return _object(KERAS_MODULES.get(kind, "keras.layers"), kind, config)


def _object(module: str, class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _batch(tensor: Tensor) -> list[int | None]:
    return [None, *tensor.shape]


def _plain(value: Any) -> Any:
    """A value of a layer's configuration as JSON has it."""
    if isinstance(value, Initializer):
        own = value.keras_config()
        return _object("keras.initializers", own["class_name"], {k: _plain(v) for k, v in own["config"].items()})
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
