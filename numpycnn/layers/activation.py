"""Activations by Keras's names, as layers of their own and as the `activation=` of convolutions and dense layers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from numpycnn import ops
from numpycnn.layers.base import Gradients, Kept, Layer, Shape, Step, absolute

__all__ = ["ACTIVATIONS", "ActivatedLayer", "Activation"]


@dataclass(frozen=True)
class Function:
    """An activation: its op, that op's backward, and which side of it the backward reads.

    reads: "output", "inputs" or None. Reading the output is what lets a network keep one tensor for ReLU and the
    convolution after it instead of two.
    """

    forward: Callable[..., np.ndarray]
    backward: Callable[..., np.ndarray]
    reads: str | None = "output"

    mixes: bool = False  # each output depends on the whole last axis, as in softmax

    def gradient(self, dy, x, y):
        return self.backward(dy, None, y=y) if self.reads == "output" else self.backward(dy, x)

    def output_scale(self, scale, y):
        """S of the output from S of the input: no activation here is steeper than about 1."""
        return np.abs(y) + (np.abs(y) * 2 * scale.max(axis=-1, keepdims=True, initial=0) if self.mixes else scale)

    def gradient_scale(self, dy, x, y):
        """S of the gradient: softmax subtracts a mean of dy, which may cancel; the others multiply."""
        if self.mixes:
            return np.abs(y) * (np.abs(dy) + np.abs(dy * y).sum(axis=-1, keepdims=True))
        return np.abs(self.gradient(dy, x, y))


ACTIVATIONS: dict[str, Function] = {
    "linear": Function(lambda x: x, lambda dy, x: dy, None),
    "relu": Function(ops.relu, ops.relu_backward),
    "relu6": Function(ops.relu6, ops.relu6_backward),
    "leaky_relu": Function(ops.leaky_relu, ops.leaky_relu_backward),
    "elu": Function(ops.elu, ops.elu_backward),
    "selu": Function(ops.selu, ops.selu_backward),
    "gelu": Function(ops.gelu, ops.gelu_backward, "inputs"),
    "silu": Function(ops.silu, ops.silu_backward, "inputs"),
    "swish": Function(ops.silu, ops.silu_backward, "inputs"),
    "sigmoid": Function(ops.sigmoid, ops.sigmoid_backward),
    "hard_sigmoid": Function(ops.hard_sigmoid, ops.hard_sigmoid_backward, "inputs"),
    "hard_silu": Function(ops.hard_silu, ops.hard_silu_backward, "inputs"),
    "tanh": Function(ops.tanh, ops.tanh_backward),
    "softmax": Function(ops.softmax, ops.softmax_backward, mixes=True),
    "log_softmax": Function(ops.log_softmax, ops.log_softmax_backward),
}


def activation_function(name: str | None) -> Function:
    if name is not None and name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)} or None; got activation {name!r}.")
    return ACTIVATIONS[name or "linear"]


class ActivatedLayer(Layer):
    """A layer whose output goes through an activation: y = activation(forward(x)).

    A subclass has the field `activation` and says `forward` and `backward` of what comes before it.
    """

    activation: str | None

    def __post_init__(self):
        _ = self.function

    @property
    def function(self) -> Function:
        return activation_function(self.activation)

    @property
    def keeps(self):
        return ("inputs", "output") if self.function.reads == "output" else ("inputs",)

    def extra_shapes(self, *input_shapes: Shape) -> dict[str, Shape]:
        return {"preactivation": self.output_shape(*input_shapes)} if self.function.reads == "inputs" else {}

    def call(self, weights, inputs, *, training=False, rng=None) -> Step:
        z = self.forward(weights, *inputs)
        extra = {"preactivation": z} if self.function.reads == "inputs" else {}
        return Step((self.function.forward(z),), extra)

    def call_backward(self, weights, dys, kept: Kept) -> Gradients:
        dz = self.function.gradient(dys[0], kept.extra.get("preactivation"), kept.output)
        return self.backward(weights, dz, kept)

    def output_scale(self, weights, inputs, *, training=False):
        y = self.call(weights, inputs).outputs[0]
        return self.function.output_scale(super().output_scale(weights, inputs), y)

    def gradient_scales(self, weights, dy, kept):
        dz = self.function.gradient_scale(dy, kept.extra.get("preactivation"), kept.output)
        return self.backward(absolute(weights), dz, kept._replace(inputs=tuple(map(np.abs, kept.inputs))))


@dataclass(frozen=True, eq=False)
class Activation(Layer):
    """An activation by its Keras name, element by element (softmax: over the last axis)."""

    activation: str

    def __post_init__(self):
        activation_function(self.activation)

    @property
    def keeps(self):
        reads = activation_function(self.activation).reads
        return () if reads is None else (reads,)

    def output_shape(self, shape):
        return shape

    def forward(self, weights, x):
        return activation_function(self.activation).forward(x)

    def backward(self, weights, dy, kept):
        return Gradients((activation_function(self.activation).gradient(dy, kept.input, kept.output),), {})

    def output_scale(self, weights, inputs, *, training=False):
        y = self.forward(weights, *inputs)
        return activation_function(self.activation).output_scale(np.abs(inputs[0]), y)

    def gradient_scales(self, weights, dy, kept):
        return Gradients((activation_function(self.activation).gradient_scale(dy, kept.input, kept.output),), {})
