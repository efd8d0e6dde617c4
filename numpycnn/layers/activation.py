"""Activations by Keras's names, as layers of their own and as the `activation=` of convolutions and dense layers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from numpycnn import ops
from numpycnn.layers.base import Gradients, Kept, Layer, Shape, Step, absolute
from numpycnn.ops.arguments import fail

__all__ = ["ACTIVATIONS", "ActivatedLayer", "Activation"]


@dataclass(frozen=True)
class Function:
    """An activation: its op, that op's backward, and which side of it the backward reads.

    reads: "output", "inputs" or None. Reading the output is what lets a network keep one tensor for ReLU and the
    convolution after it instead of two.
    terms, slopes: what y and its derivative are at most sums of: TensorFlow's elu subtracts 1 from exp(x).
    """

    forward: Callable[..., np.ndarray]
    backward: Callable[..., np.ndarray]
    reads: str | None = "output"

    terms: float = 0.0
    slopes: float = 0.0

    def gradient(self, dy, x, y):
        return self.backward(dy, None, y=y) if self.reads == "output" else self.backward(dy, x)

    def output_scale(self, scale, y):
        """S of the output from S of the input: no activation here is steeper than about 1."""
        return np.abs(y) + scale + self.terms

    def gradient_scale(self, dy, x, y):
        """S of the gradient by the input."""
        return np.abs(self.gradient(dy, x, y)) + self.slopes * np.abs(dy)


class Softmax(Function):
    def output_scale(self, scale, y):
        return softmax_scale(scale, y)

    def gradient_scale(self, dy, x, y):
        return softmax_gradient_scale(dy, y)


class LogSoftmax(Function):
    def output_scale(self, scale, y):
        return np.abs(y) + softmax_scale(scale, np.ones_like(y))

    def gradient_scale(self, dy, x, y):
        return np.abs(dy) + _inexact(np.exp(y)) * np.abs(dy).sum(axis=-1, keepdims=True)


def softmax_scale(scale, y, axis: int = -1):
    """S of shares y: what is taken from x before the exponential, the largest of the axis, is rounded."""
    return y * (1 + 2 * scale.max(axis=axis, keepdims=True, initial=0)) + FLUSHED


def softmax_gradient_scale(dy, y, axis: int = -1):
    """S of the gradient: the mean of dy under y is taken away from dy."""
    dy, share = np.abs(dy), _inexact(y)
    return share * (dy + (dy * share).sum(axis=axis, keepdims=True))


def _inexact(y):
    """Shares, each larger by how far down the exponential that it is has been rounded."""
    return y * (1 - np.log(np.maximum(y, np.finfo(y.dtype).tiny))) + FLUSHED


class Mish(Function):
    def gradient_scale(self, dy, x, y):
        """x multiplies what TensorFlow takes away from 1."""
        return super().gradient_scale(dy, x, y) + np.abs(dy * x)


class Exponential(Function):
    def output_scale(self, scale, y):
        return y * (1 + scale) + FLUSHED


FLUSHED = float(np.finfo(np.float32).tiny / np.finfo(np.float32).eps)
"""S of a share below float32's smallest normal number, which TensorFlow's kernels take for 0."""


ACTIVATIONS: dict[str, Function] = {
    "linear": Function(lambda x: x, lambda dy, x: dy, None),
    "relu": Function(ops.relu, ops.relu_backward),
    "relu6": Function(ops.relu6, ops.relu6_backward),
    "leaky_relu": Function(
        partial(ops.leaky_relu, negative_slope=0.2), partial(ops.leaky_relu_backward, negative_slope=0.2)
    ),
    "elu": Function(ops.elu, ops.elu_backward, terms=1, slopes=1),
    "selu": Function(ops.selu, ops.selu_backward, terms=2, slopes=2),
    "gelu": Function(ops.gelu, ops.gelu_backward, "inputs", slopes=2),
    "silu": Function(ops.silu, ops.silu_backward, "inputs", slopes=2),
    "swish": Function(ops.silu, ops.silu_backward, "inputs", slopes=2),
    "sigmoid": Function(ops.sigmoid, ops.sigmoid_backward, slopes=1),
    "hard_sigmoid": Function(ops.hard_sigmoid, ops.hard_sigmoid_backward, "inputs"),
    "hard_silu": Function(ops.hard_silu, ops.hard_silu_backward, "inputs", slopes=2),
    "hard_swish": Function(ops.hard_silu, ops.hard_silu_backward, "inputs", slopes=2),
    "tanh": Function(ops.tanh, ops.tanh_backward, slopes=2),
    "softmax": Softmax(ops.softmax, ops.softmax_backward),
    "exponential": Exponential(ops.exponential, ops.exponential_backward),
    "softplus": Function(ops.softplus, ops.softplus_backward, "inputs", terms=1, slopes=1),
    "log_sigmoid": Function(ops.log_sigmoid, ops.log_sigmoid_backward, "inputs", terms=1, slopes=1),
    "mish": Mish(ops.mish, ops.mish_backward, "inputs", slopes=2),
    "softsign": Function(ops.softsign, ops.softsign_backward, "inputs", slopes=1),
    "squareplus": Function(ops.squareplus, ops.squareplus_backward, "inputs", terms=2, slopes=1),
    "celu": Function(ops.celu, ops.celu_backward, "inputs", terms=1, slopes=1),
    "hard_tanh": Function(ops.hard_tanh, ops.hard_tanh_backward, "inputs"),
    "hard_shrink": Function(ops.hard_shrink, ops.hard_shrink_backward, "inputs"),
    "soft_shrink": Function(ops.soft_shrink, ops.soft_shrink_backward, "inputs", terms=1),
    "tanh_shrink": Function(ops.tanh_shrink, ops.tanh_shrink_backward, "inputs", terms=1, slopes=2),
    "sparse_plus": Function(ops.sparse_plus, ops.sparse_plus_backward, "inputs", terms=1, slopes=1),
    "sparse_sigmoid": Function(ops.sparse_sigmoid, ops.sparse_sigmoid_backward, "inputs", terms=1),
    "log_softmax": LogSoftmax(ops.log_softmax, ops.log_softmax_backward),
}
"""Keras's activation functions by name. leaky_relu has the slope 0.2 here and 0.3 as a layer, as in Keras.

Left out are glu, which changes the shape, threshold, which has no meaning without arguments, and sparsemax, whose
shares in Keras 3.15 do not add up to 1: it gives (0.45, 0.25) for (0.3, 0.1), where arXiv:1602.02068 has (0.6, 0.4).
"""


def activation_function(name: str | None, layer: str = "Activation") -> Function:
    if name is not None and name not in ACTIVATIONS:
        fail(layer, f"activation must be one of {', '.join(ACTIVATIONS)} or None", activation=name)
    return ACTIVATIONS[name or "linear"]


class ActivatedLayer(Layer):
    """A layer whose output goes through an activation: y = activation(forward(x)).

    A subclass has the field `activation` and says `forward`, `input_gradients` and `weight_gradients` of what comes
    before it.
    """

    activation: str | None

    def __post_init__(self):
        _ = self.function

    @property
    def function(self) -> Function:
        return activation_function(self.activation, self.keras_class)

    @property
    def keeps(self):
        return (*self.keeps_for_weights, *(["output"] if self.function.reads == "output" else []))

    def operations(self, *input_shapes):
        values = prod(self.output_shape(*input_shapes))
        kinds = {"bias": "bias" in self.weight_specs(*input_shapes), "activation": self.function.reads is not None}
        return {kind: values for kind, there in kinds.items() if there}

    def extra_shapes(self, *input_shapes: Shape) -> dict[str, Shape]:
        return {"preactivation": self.output_shape(*input_shapes)} if self.function.reads == "inputs" else {}

    def call(self, weights, inputs, *, training=False, rng=None) -> Step:
        z = self.forward(weights, *inputs)
        if self.activation == "relu":  # over z, which nobody else has and no backward reads
            return Step((np.maximum(z, 0, out=z),))
        extra = {"preactivation": z} if self.function.reads == "inputs" else {}
        return Step((self.function.forward(z),), extra)

    def call_backward(self, weights, dys, kept: Kept) -> Gradients:
        dz = self.function.gradient(dys[0], kept.extra.get("preactivation"), kept.output)
        return self.backward(weights, dz, kept)

    def output_scale(self, weights, inputs, *, training=False):
        y = self.call(weights, inputs).outputs[0]
        return self.function.output_scale(super().output_scale(weights, inputs), y)

    def gradient_scales(self, weights, dy, kept):
        z = kept.extra.get("preactivation")
        dz = self.function.gradient_scale(dy, z, kept.output)
        if z is not None:  # the derivative is taken at a z that is itself rounded
            dz = dz + np.abs(dy) * super().output_scale(weights, kept.inputs)
        return self.backward(absolute(weights), dz, kept._replace(inputs=tuple(map(np.abs, kept.inputs))))


@dataclass(frozen=True, eq=False)
class Activation(Layer):
    """An activation by its Keras name, element by element (softmax: over the last axis)."""

    work, in_place = "activation", True

    activation: str

    def __post_init__(self):
        _ = self.function

    @property
    def function(self) -> Function:
        return activation_function(self.activation)

    @property
    def keeps(self):
        return () if self.function.reads is None else (self.function.reads,)

    def output_shape(self, shape):
        return shape

    def operations(self, *input_shapes):
        return {} if self.function.reads is None else super().operations(*input_shapes)

    def forward(self, weights, x):
        y = self.function.forward(x)
        return y.copy() if y is x else y

    def forward_over(self, weights, x):
        return np.maximum(x, 0, out=x) if self.activation == "relu" else None

    def backward(self, weights, dy, kept):
        dx = self.function.gradient(dy, kept.input, kept.output)
        return Gradients((dx.copy() if dx is dy else dx,), {})

    def output_scale(self, weights, inputs, *, training=False):
        return self.function.output_scale(np.abs(inputs[0]), self.forward(weights, *inputs))

    def gradient_scales(self, weights, dy, kept):
        return Gradients((self.function.gradient_scale(dy, kept.input, kept.output),), {})
