"""Models from Keras configurations, those of Keras 2 and 3 alike, whether they come from a file or from Keras itself.

A model's configuration lists its layers, each with its calls; a call names for each of its inputs the layer, which of
that layer's calls, and which of that call's outputs.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from numpycnn.keras_io.calls import Entry, Reference, member, read_entry, references
from numpycnn.keras_io.channels_first import Layouts, is_channels_first
from numpycnn.keras_io.dtypes import variable_dtype
from numpycnn.keras_io.errors import ModelFileError, within
from numpycnn.keras_io.kinds import KINDS, read_layer
from numpycnn.keras_io.operators import is_operator, read_operator
from numpycnn.keras_io.wiring import MODELS, end_call, in_order, renumbered
from numpycnn.layers import Input, Layer
from numpycnn.layers.base import OpenShape, Tensor
from numpycnn.models import Model, Sequential

__all__ = ["read_model"]

DEEPEST = 16
"""How many models may lie within each other."""

MOST_CALLS = 200_000
"""How many calls of layers a model may come to, all models within it counted at each place they stand."""


def read_model(described: Any, layers: Mapping[str, type[Layer]] | None = None, *, version: str = "3") -> Model:
    """The model of a configuration {"class_name", "config"}, its weights not drawn.

    Args: layers: kinds of layers by class name besides numpycnn's own.   version: of Keras, which wrote it.

    Raises: ModelFileError for what cannot be built, naming the layer.
    """
    return _Reader({**KINDS, **(layers or {})}, version).read(described)


class _Reader:
    """Reads one configuration: what can be built, and what is known of the model so far."""

    def __init__(self, kinds: Mapping[str, type[Layer]], version: str):
        self.kinds, self.version = kinds, version
        self.dtypes: list[np.dtype] = []
        self.models: list[Model] = []
        self.calls: dict[Layer, int] = {}
        self.moved: dict[Layer, bool] = {}

    def read(self, described) -> Model:
        class_name = member(described, "class_name", str)
        if class_name not in MODELS:
            kinds = ", ".join(MODELS)
            raise ModelFileError(
                f"a model must be {kinds}; got class {class_name!r}, which only its own code can build"
            )
        model = self._model(class_name, described.get("config"), None, 0)
        for one in self.models:
            one.dtype = np.result_type(*self.dtypes) if self.dtypes else np.dtype(np.float32)
        config = described["config"]
        if isinstance(config, Mapping) and config.get("trainable") is False:
            model.freeze()  # of models within, Keras too goes by what each of their layers says
        return model

    def _model(self, class_name: str, config, name: str | None, depth: int) -> Model:
        if depth > DEEPEST:
            raise ModelFileError(f"models may lie within each other {DEEPEST} deep; this goes deeper")
        listed = config if isinstance(config, list) else member(config, "layers", list)  # before Keras 2.2.3 a list
        entries = [read_entry(one) for one in listed]
        name = name or (config.get("name") if isinstance(config, dict) else None)
        if class_name == "Sequential":
            model = self._sequential(entries, config, name, depth)
        else:
            model = self._functional(entries, config, name, depth)
        self.models.append(model)
        self._count(model, model.nodes)
        return model

    def _count(self, model: Model, nodes) -> None:
        self.calls[model] = sum(self.calls.get(node.layer, 1) for node in nodes)
        if self.calls[model] > MOST_CALLS:
            raise ModelFileError(f"a model may come to {MOST_CALLS:,} calls of layers; {model.name!r} comes to more")

    def _sequential(self, entries: list[Entry], config, name, depth: int) -> Sequential:
        layers = self._layers(entries, depth)
        layouts = self._layouts(entries, layers)
        tensor = start = self._start(entries, layers, layouts, config)
        for entry in entries:
            if entry.name in layers:
                with within(_place(entry)):
                    (tensor,) = layouts.call(layers[entry.name], entry.config, [tensor])
        chain: list[Layer] = []
        while tensor is not start:
            chain.append(tensor.node.layer)
            (tensor,) = tensor.node.inputs
        with within(f"model {name!r}"):
            return self._known(Sequential([start, *chain[::-1]], name=name), layouts)

    def _start(self, entries: list[Entry], layers: dict[str, Layer], layouts: Layouts, config) -> Tensor:
        """The input of a chain: its InputLayer, or what the first layer, or the configuration, says of its shape."""
        if not entries:
            raise ModelFileError("a Sequential must have layers; it has none")
        first = entries[0]
        if first.class_name == "InputLayer":
            return self._input(first, layouts)
        inner = layers[first.name]
        if isinstance(inner, Model):
            return layouts.take(Input(inner.inputs[0].shape))
        shape = first.config.get("batch_input_shape") if isinstance(first.config, Mapping) else None
        if shape is None and isinstance(config, Mapping):
            shape = config.get("build_input_shape")
        return layouts.take(Input(layouts.shape(_shape(shape))))

    def _functional(self, entries: list[Entry], config, name, depth: int) -> Model:
        wired = renumbered(entries)
        ends = [
            [end_call(wired, end) for end in references(config.get(key))] for key in ("input_layers", "output_layers")
        ]
        layers = self._layers([entry for entry in entries if not is_operator(entry)], depth)
        layouts = self._layouts(entries, layers)
        made = {(e.name, 0): [self._input(e, layouts)] for e in wired.values() if e.class_name == "InputLayer"}
        for entry, number in in_order(wired):
            call = entry.calls[number]
            inputs = [_found(made, one) if isinstance(one, Reference) else one for one in call.arguments]
            with within(_place(entry)):
                layer = layers.get(entry.name) or read_operator(entry, inputs)
                tensors = _symbolic(inputs, operator=entry.name not in layers)
                made[entry.name, number] = layouts.call(layer, entry.config, tensors)
        inputs, outputs = ([_found(made, end) for end in own] for own in ends)
        with within(f"model {name!r}"):
            return self._known(Model(_alone(inputs), _alone(outputs), name=name), layouts)

    def _layers(self, entries: list[Entry], depth: int) -> dict[str, Layer]:
        return {entry.name: self._layer(entry, depth) for entry in entries if entry.class_name != "InputLayer"}

    def _layer(self, entry: Entry, depth: int) -> Layer:
        name = entry.name.replace("/", ".")  # what Keras 2 allowed, and paths of weights are divided by
        if entry.class_name in MODELS:
            with within(f"model {entry.name!r}"):
                return self._model(entry.class_name, entry.config, name, depth + 1)
        with within(f"layer {entry.name!r}"):
            if not isinstance(entry.config, Mapping):
                raise ModelFileError("its configuration must be an object")
            if self.version.startswith("2.") and entry.config.get("activation") == "hard_sigmoid":
                raise ModelFileError(
                    "the hard_sigmoid of Keras 2 is 0.2 * x + 0.5 between 0 and 1, that here x / 6 + 0.5"
                )
            self.dtypes.append(variable_dtype(entry.config.get("dtype")))
            return read_layer(entry.class_name, {**entry.config, "name": name}, self.kinds)

    def _layouts(self, entries: list[Entry], layers: dict[str, Layer]) -> Layouts:
        found = []
        for entry in entries:
            with within(_place(entry)):
                found.append(is_channels_first(entry.config))
        inner: dict[Layer, bool] = {layer: self.moved[layer] for layer in layers.values() if isinstance(layer, Model)}
        return Layouts(any(found), inner)

    def _known(self, model: Any, layouts: Layouts) -> Any:
        """Keep of a model whether its images have been moved, for the model around it."""
        self.moved[model] = layouts.on
        return model

    def _input(self, entry: Entry, layouts: Layouts) -> Tensor:
        with within(f"layer {entry.name!r}"):
            key = "batch_shape" if "batch_shape" in entry.config else "batch_input_shape"  # Keras 3; Keras 2
            shape = layouts.shape(_shape(member(entry.config, key, list, "an InputLayer")))
            return layouts.take(Input(shape, name=entry.name.replace("/", ".")))


def _place(entry: Entry) -> str:
    return f"layer {entry.name!r} ({entry.class_name})"


def _found(made: dict[tuple[str, int], list[Tensor]], reference: Reference) -> Tensor:
    outputs = made[reference.layer, reference.call]
    if reference.tensor >= len(outputs):
        has = len(outputs)
        raise ModelFileError(f"a layer reads output {reference.tensor} of {reference.layer!r}, which has {has}")
    return outputs[reference.tensor]


def _symbolic(inputs: list[Any], operator: bool) -> list[Tensor]:
    """The tensors among the arguments of a call; a layer takes nothing else."""
    tensors = [one for one in inputs if isinstance(one, Tensor)]
    if len(tensors) < len(inputs) and not operator:
        raise ModelFileError("a layer is called on tensors alone; got a number beside them")
    return tensors


def _alone(tensors: list[Tensor]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors


def _shape(batch_shape) -> OpenShape:
    """The shape of one example; ModelFileError for what is no list of sizes."""
    if not isinstance(batch_shape, list | tuple) or not batch_shape:
        raise ModelFileError(f"the shape of the input must be known; got {batch_shape!r}")
    return tuple(batch_shape[1:])
