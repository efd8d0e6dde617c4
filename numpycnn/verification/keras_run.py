"""One run of a Keras model with everything recorded: each layer's output, and the gradient by each and each weight."""

from typing import Any, NamedTuple

import numpy as np

from numpycnn.keras_io.build import KerasForm
from numpycnn.layers.base import Layer, Tensor

__all__ = ["Recording", "record"]


class Recording(NamedTuple):
    """Arrays by our own tensors and layers."""

    outputs: dict[Tensor, np.ndarray]
    output_gradients: dict[Tensor, np.ndarray]
    weight_gradients: dict[Layer, list[np.ndarray]]


def record(form: KerasForm, inputs, dys=None, *, training: bool = False) -> Recording:
    """Run `form` once; with dys, the gradient of a loss by each model output, run it backward as well.

    weight_gradients: those of a layer's trainable weights, in its order; empty without dys.
    """
    import keras
    import tensorflow as tf

    tensors = list(form.tensors)
    watched: Any = keras.Model([form.tensors[t] for t in tensors[: len(inputs)]], [form.tensors[t] for t in tensors])
    arrays = [tf.constant(x) for x in inputs]
    if dys is None:
        return Recording(_numbers(tensors, watched(arrays, training=training)), {}, {})
    trainable = {layer: [w.value for w in built.trainable_weights] for layer, built in form.layers.items()}
    with tf.GradientTape() as tape:
        tape.watch(arrays)
        outputs = watched(arrays, training=training)
        ends = [outputs[tensors.index(tensor)] for tensor in dys]
    sources = [outputs, trainable]
    found, by_weight = tape.gradient(ends, sources, output_gradients=[tf.constant(dy) for dy in dys.values()])
    weights = {
        layer: [_array(g, w) for g, w in zip(by_weight[layer], trainable[layer], strict=True)] for layer in trainable
    }
    by_output = {t: _array(g, y) for t, g, y in zip(tensors, found, outputs, strict=True)}
    return Recording(_numbers(tensors, outputs), by_output, weights)


def _numbers(tensors, outputs) -> dict[Tensor, np.ndarray]:
    return {tensor: np.asarray(y) for tensor, y in zip(tensors, outputs, strict=True)}


def _array(gradient, like) -> np.ndarray:
    """A gradient as an array; zeros where nothing flowed."""
    return np.zeros(like.shape, like.dtype.as_numpy_dtype) if gradient is None else np.asarray(gradient)
