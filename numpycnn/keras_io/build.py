"""A numpycnn model as a Keras model: the same layers, names, wiring and weights."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import Any, NamedTuple

from numpycnn.keras_io.custom import CUSTOM, custom_layers
from numpycnn.layers.base import Layer, Tensor
from numpycnn.models.model import Model, Sequential

__all__ = ["KerasForm", "keras_form", "to_keras"]

KERAS_MODULES = {
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2",
    "LayerScale": "keras.src.applications.convnext",
    "StochasticDepth": "keras.src.applications.convnext",
}
"""Where Keras has the layers that are not in keras.layers."""


class KerasForm(NamedTuple):
    """A model built in Keras, and where in it each of our tensors, layers and weights went."""

    model: Any
    tensors: dict[Tensor, Any]
    layers: dict[Layer, Any]
    weights: dict[str, Any]


def to_keras(model: Model):
    """The keras.Model (keras.Sequential for a Sequential) of the same layers, names and weights, in the same dtype.

    Raises: ImportError where TensorFlow is not installed.
    """
    return keras_form(model).model


def keras_form(model: Model, name: str | None = None, dtype: str | None = None, *, dropout: bool = True) -> KerasForm:
    """Build `model` in Keras and copy its weights; nested models become nested Keras models of the same dtype.

    dtype: of Keras, in place of the model's own; of a mixed policy the inputs are float32, and so is what the layers at
        the outputs compute, as Keras advises.
    dropout: False builds every layer with a `rate` with rate 0, for runs that are compared in training.
    """
    keras = import_keras()
    dtype = dtype or str(model.dtype)
    tensors: dict[Tensor, Any] = {}
    layers: dict[Layer, Any] = {}
    whole = "float32" if dtype.startswith("mixed_") else dtype
    for tensor in model.inputs:
        tensors[tensor] = keras.Input(tensor.shape, dtype=whole, name=model.names.get(tensor.node.layer))
    ends = {tensor.node.layer for tensor in model.outputs}
    for node in model.nodes:
        if node.layer not in layers:
            own = whole if node.layer in ends else dtype
            layers[node.layer] = _keras_layer(node.layer, model.names[node.layer], own, dropout)
        inputs = [tensors[tensor] for tensor in node.inputs]
        outputs = layers[node.layer](inputs[0] if len(inputs) == 1 else inputs)
        tensors.update(zip(node.outputs, outputs if isinstance(outputs, list | tuple) else [outputs], strict=True))
    inputs, outputs = ([tensors[t] for t in ends] for ends in (model.inputs, model.outputs))
    whole_model = {"name": name or model.name, "trainable": model.trainable}  # Keras here leaves the layers as they are
    if isinstance(model, Sequential):
        built = keras.Sequential([*inputs, *(layers[layer] for layer in model.layers)], **whole_model)
    else:
        single_input, single_output = model.single
        built = keras.Model(
            inputs[0] if single_input else inputs, outputs[0] if single_output else outputs, **whole_model
        )
    weights = _paired_weights(model, layers)
    for path, variable in weights.items():
        variable.assign(model.variables[path].value)
    for built_layer in layers.values():
        if hasattr(built_layer, "finalize_state"):  # Normalization computes with copies of its weights
            built_layer.finalize_state()
    return KerasForm(built, tensors, layers, weights)


def _paired_weights(model: Model, layers) -> dict[str, Any]:
    """The Keras variable of each of our paths: a layer's variables have the same order on both sides."""
    paired = {}
    for layer, built in layers.items():
        prefix = model.names[layer] + "/"
        paths = [path for path in model.variables if path.startswith(prefix)]
        paired.update(zip(paths, built.weights, strict=True))
    return paired


def import_keras():
    """Keras on TensorFlow, quiet about the machine it finds; ImportError says how to get it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with _quiet() if "tensorflow" not in sys.modules else nullcontext():
            import keras
            import tensorflow  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'TensorFlow is needed: pip install "numpycnn-reference[tf]" (Python 3.11 to 3.13); {error}'
        ) from error
    return keras


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what TensorFlow's C++ writes to stderr about the machine, before it reads its log level, off the screen."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _keras_layer(layer: Layer, name: str, dtype: str, dropout: bool):
    if isinstance(layer, Model):
        return keras_form(layer, name, dtype, dropout=dropout).model
    config = {key: _plain(value) for key, value in layer.keras_config().items()}
    if "rate" in config and not dropout:
        config["rate"] = 0.0
    return keras_class(layer.keras_class)(**{**config, "name": name, "dtype": dtype})


def keras_class(name: str) -> type:
    """The class of Keras layers of this name: Keras's own, one that keras.applications brings, or one of `custom`."""
    keras = import_keras()
    if name in CUSTOM:
        return custom_layers()[name]
    return getattr(import_module(KERAS_MODULES[name]) if name in KERAS_MODULES else keras.layers, name)


def _plain(value):
    """Initializers as Keras deserializes them; everything else as it is."""
    return value.keras_config() if hasattr(value, "keras_config") else value
