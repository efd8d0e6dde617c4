"""One run of a Keras model with everything recorded: each layer's output, and the gradient by each and each weight."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpycnn.keras_io.build import KerasForm
from numpycnn.layers.base import Tensor

if TYPE_CHECKING:
    from numpycnn.training import Optimizer

__all__ = ["Recording", "record"]


class Recording(NamedTuple):
    """Arrays by our own tensors, and by our own paths of weights; after: weights after one training step."""

    outputs: dict[Tensor, np.ndarray]
    output_gradients: dict[Tensor, np.ndarray]
    weight_gradients: dict[str, np.ndarray]
    after: Mapping[str, np.ndarray] = MappingProxyType({})


def record(
    form: KerasForm, inputs, dys=None, *, training: bool = False, optimizer: "Optimizer | None" = None
) -> Recording:
    """Run `form` once; with dys, the gradient of a loss by each model output, run it backward as well.

    optimizer: take its first step too. The form's weights are put back as they were.
    """
    import keras
    import tensorflow as tf

    tensors = list(form.tensors)
    watched: Any = keras.Model([form.tensors[t] for t in tensors[: len(inputs)]], [form.tensors[t] for t in tensors])
    arrays = [tf.constant(x) for x in inputs]
    if dys is None:
        return Recording(_numbers(tensors, watched(arrays, training=training)), {}, {})
    weights = {path: variable.value for path, variable in form.weights.items() if variable.trainable}
    before = {path: np.asarray(variable) for path, variable in form.weights.items()}
    with tf.GradientTape() as tape:
        tape.watch(arrays)
        outputs = watched(arrays, training=training)
        ends = [outputs[tensors.index(tensor)] for tensor in dys]
    sources = [*arrays, *outputs[len(arrays) :]]
    found: Any = tape.gradient(ends, [sources, weights], output_gradients=[tf.constant(dy) for dy in dys.values()])
    by_tensor, by_weight = found
    after = {} if optimizer is None else _stepped(form, by_weight, optimizer)
    for path, value in before.items():
        form.weights[path].assign(value)
    return Recording(
        _numbers(tensors, outputs),
        {t: _array(g, y) for t, g, y in zip(tensors, by_tensor, outputs, strict=True)},
        {path: _array(gradient, weights[path]) for path, gradient in by_weight.items()},
        after,
    )


def _stepped(form: KerasForm, gradients, optimizer: "Optimizer") -> dict[str, np.ndarray]:
    """Every weight after a step of the keras.optimizers object, and the statistics that the training call has moved."""
    flowing = {path: gradient for path, gradient in gradients.items() if gradient is not None}
    optimizer.to_keras().apply(list(flowing.values()), [form.weights[path] for path in flowing])
    return {path: np.asarray(variable) for path, variable in form.weights.items()}


def _numbers(tensors, outputs) -> dict[Tensor, np.ndarray]:
    return {tensor: np.asarray(y) for tensor, y in zip(tensors, outputs, strict=True)}


def _array(gradient, like) -> np.ndarray:
    """A gradient as an array; zeros where nothing flowed."""
    return np.zeros(like.shape, like.dtype.as_numpy_dtype) if gradient is None else np.asarray(gradient)
