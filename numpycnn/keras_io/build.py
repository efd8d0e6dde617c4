"""A numpycnn model as a Keras model: the same layers, names, wiring and weights."""

from typing import Any, NamedTuple

from numpycnn.keras_io.custom import custom_layers
from numpycnn.layers.base import InputLayer, Layer, Tensor
from numpycnn.models.model import Model, Sequential

__all__ = ["KerasForm", "keras_form", "to_keras"]


class KerasForm(NamedTuple):
    """A model built in Keras, and where in it each of our tensors and layers went."""

    model: Any
    tensors: dict[Tensor, Any]
    layers: dict[Layer, Any]


def to_keras(model: Model):
    """The keras.Model (keras.Sequential for a Sequential) of the same layers, names and weights, in the same dtype.

    Raises: ImportError where TensorFlow is not installed.
    """
    return keras_form(model).model


def keras_form(model: Model, name: str | None = None) -> KerasForm:
    """Build `model` in Keras and copy its weights; nested models become nested Keras models."""
    import keras

    tensors: dict[Tensor, Any] = {}
    layers: dict[Layer, Any] = {}
    for tensor in model.inputs:
        name = tensor.node.layer.name if isinstance(tensor.node.layer, InputLayer) else None
        tensors[tensor] = keras.Input(tensor.shape, dtype=str(model.dtype), name=name)
    for node in model.nodes:
        if node.outputs[0] in tensors:
            continue
        if node.layer not in layers:
            layers[node.layer] = _keras_layer(node.layer, model.names[node.layer], str(model.dtype))
        inputs = [tensors[tensor] for tensor in node.inputs]
        outputs = layers[node.layer](inputs[0] if len(inputs) == 1 else inputs)
        tensors.update(zip(node.outputs, outputs if isinstance(outputs, list | tuple) else [outputs], strict=True))
    inputs, outputs = ([tensors[t] for t in ends] for ends in (model.inputs, model.outputs))
    if isinstance(model, Sequential):
        built = keras.Sequential([*inputs, *(layers[layer] for layer in model.layers)], name=name or model.name)
    else:
        single_input, single_output = model.single
        built = keras.Model(
            inputs[0] if single_input else inputs, outputs[0] if single_output else outputs, name=name or model.name
        )
    _copy_weights(model, layers)
    return KerasForm(built, tensors, layers)


def _keras_layer(layer: Layer, name: str, dtype: str):
    import keras

    if isinstance(layer, Model):
        return keras_form(layer, name).model
    kind = layer.keras_class
    made = custom_layers()[kind] if kind in custom_layers() else getattr(keras.layers, kind)
    config = {key: _plain(value) for key, value in layer.keras_config().items()}
    return made(**{**config, "name": name, "dtype": dtype})


def _plain(value):
    """Initializers as Keras deserializes them; everything else as it is."""
    return value.keras_config() if hasattr(value, "keras_config") else value


def _copy_weights(model: Model, layers) -> None:
    values = {path: variable.value for path, variable in model.variables.items()}
    for layer, built in layers.items():
        if not isinstance(layer, Model):
            prefix = model.names[layer] + "/"
            built.set_weights([value for path, value in values.items() if path.startswith(prefix)])
