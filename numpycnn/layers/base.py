"""What a layer is: a frozen description that knows its shapes, weights, cost, arithmetic and Keras form.

A layer holds no numbers. A model owns the weights and hands them to the layer it runs; the same description can so
be counted without an array being made, run in any dtype, and built as a Keras layer.

Shapes here are those of one example, without the batch axis: (224, 224, 3). In a graph a size may be open, None: layers
never see that, since `Node` asks them at two sizes and compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import prod
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from numpycnn.ops.arguments import fail, ieee
from numpycnn.ops.windows import Reach

Shape = tuple[int, ...]
OpenShape = tuple[int | None, ...]
Pair = int | tuple[int, int]
Weights = Mapping[str, np.ndarray]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class WeightSpec(NamedTuple):
    """One weight of a layer before it has numbers."""

    shape: Shape
    initializer: Any = "zeros"
    trainable: bool = True


class Step(NamedTuple):
    """What one call of a layer gives.

    extra: what its backward needs besides inputs and output (a mask, batch statistics), by name.
    updates: new values of weights that a training call changes without a gradient (moving statistics).
    """

    outputs: tuple[np.ndarray, ...]
    extra: Mapping[str, Any] = NOTHING
    updates: Weights = NOTHING


class Kept(NamedTuple):
    """What of a call was kept for its backward.

    Inputs and outputs that the layer does not declare in `keeps` are stand-ins: of the right shape and dtype, but
    zeros that take no memory.

    input_gradients: whether the gradient by any of the inputs is asked for; no layer before the first that is trained
        is asked, nor is that one for its own.
    """

    inputs: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]
    extra: Mapping[str, Any]
    input_gradients: bool = True

    @property
    def input(self) -> np.ndarray:
        return self.inputs[0]

    @property
    def output(self) -> np.ndarray:
        return self.outputs[0]


class Gradients(NamedTuple):
    """The gradients of a loss by a layer's inputs, in their order, and by its weights, by name.

    What nobody asks for may be left out: all inputs, and the weights of a layer that is not trained.
    """

    inputs: tuple[np.ndarray, ...]
    weights: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """The base of all layers. Two layers are the same only if they are the same object: that is how one is shared.

    A subclass says `output_shape`, `forward` and `backward`, the last at once or in two parts; where it has them
    `weight_specs`, `macs`, and in `keeps` what of "inputs" and "output" its backward reads. The names of its fields are
    Keras's.
    """

    name: str | None = None
    trainable: bool = True

    keeps: ClassVar[Any] = ()
    """Which of "inputs" and "output" the backward reads: a tuple, or a property that gives one."""

    in_place: ClassVar[bool] = False
    """Whether the output can be written over an input of its size, and dx over dy, as frameworks do; here only those
    layers do that have a `forward_over`, in Model.predict."""

    view: ClassVar[bool] = False
    """Whether the output is the input in another shape, which needs no memory of its own."""

    work: ClassVar[str | None] = None
    """What kind of arithmetic it is, where that is one operation for each value of the output."""

    def output_shape(self, *input_shapes: Shape) -> Shape:
        """The shape of one example's output; ValueError where the inputs do not suit the layer."""
        raise NotImplementedError

    def weight_specs(self, *input_shapes: Shape) -> dict[str, WeightSpec]:
        """The weights in Keras's order."""
        return {}

    def is_trained(self, *input_shapes: Shape) -> bool:
        """Whether training changes any of the weights by a gradient."""
        return self.trainable and any(spec.trainable for spec in self.weight_specs(*input_shapes).values())

    def macs(self, *input_shapes: Shape) -> int:
        """Multiply-accumulates for one example: the products of convolutions and dense layers, padded taps included."""
        return 0

    def operations(self, *input_shapes: Shape) -> dict[str, int]:
        """What one example takes besides `macs`: bias, normalization, activation, pooling, merging or resizing."""
        return {self.work: prod(self.output_shape(*input_shapes))} if self.work else {}

    def reach(self, *input_shapes: Shape) -> tuple[Reach, Reach] | None:
        """Which rows and columns of its inputs one output reads; None for all of them.

        By default its own pixel, where height and width stay the same.
        """
        shapes = (*input_shapes, *self.output_shapes(*input_shapes))
        same_pixels = all(len(shape) == 3 for shape in shapes) and len({shape[:2] for shape in shapes}) == 1
        return (Reach(), Reach()) if same_pixels else None

    def extra_shapes(self, *input_shapes: Shape) -> dict[str, Shape]:
        """The shapes for one example of what a training call keeps besides inputs and output."""
        return {}

    def extra_bytes(self, *input_shapes: Shape, batch_size: int, itemsize: int, variable_size: int) -> int:
        """The bytes of what a training call keeps besides inputs and output.

        itemsize: of one number that is computed with.   variable_size: of one number of a weight or a statistic.
        """
        return batch_size * itemsize * sum(map(prod, self.extra_shapes(*input_shapes).values()))

    def forward(self, weights: Weights, *inputs: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def forward_over(self, weights: Weights, *inputs: np.ndarray) -> np.ndarray | None:
        """`forward` in inference, written over the first input, which nobody else reads; None where it cannot be."""
        return None

    @ieee
    def backward(self, weights: Weights, dy: np.ndarray, kept: Kept) -> Gradients:
        """The gradients that are asked for; a layer that makes all of them of the same sums overrides this."""
        return Gradients(
            self.input_gradients(weights, dy, kept) if kept.input_gradients else (),
            self.weight_gradients(weights, dy, kept) if self.trainable else {},
        )

    def input_gradients(self, weights: Weights, dy: np.ndarray, kept: Kept) -> tuple[np.ndarray, ...]:
        """The part of `backward` that goes on to the layers before."""
        raise NotImplementedError

    def weight_gradients(self, weights: Weights, dy: np.ndarray, kept: Kept) -> dict[str, np.ndarray]:
        """The part of `backward` that stays here, which a frozen layer does without."""
        raise NotImplementedError

    @property
    def keeps_for_weights(self) -> tuple[str, ...]:
        """What `weight_gradients` alone reads, for `keeps`: the inputs, where they are made."""
        return ("inputs",) if self.trainable else ()

    # What a model calls. Layers that are random, keep statistics or have several outputs override these.

    def output_shapes(self, *input_shapes: Shape) -> tuple[Shape, ...]:
        return (self.output_shape(*input_shapes),)

    def call(self, weights: Weights, inputs, *, training: bool = False, rng=None) -> Step:
        return Step((self.forward(weights, *inputs),))

    def call_backward(self, weights: Weights, dys, kept: Kept) -> Gradients:
        return self.backward(weights, dys[0], kept)

    # What a right result may be off by: S and K of verification.tolerances.

    def output_scale(self, weights: Weights, inputs, *, training: bool = False) -> np.ndarray:
        """S: what the terms of each output add up to before any of them cancel.

        By default the layer on absolute values, which is right for sums of products and for picking the largest.
        """
        return self.forward(absolute(weights), *map(np.abs, inputs))

    def gradient_scales(self, weights: Weights, dy: np.ndarray, kept: Kept) -> Gradients:
        """S of each gradient; by default what |dy| sends back, which is right where nothing is subtracted."""
        return absolute_gradients(self.backward(weights, np.abs(dy), kept))

    def sum_length(self, *input_shapes: Shape) -> int:
        """K: how many terms one output is the sum of, at most about."""
        outputs = max(1, prod(self.output_shape(*input_shapes)))
        return max(1, self.macs(*input_shapes) // outputs, sum(map(prod, input_shapes)) // outputs)

    # The Keras form and the functional style.

    @property
    def keras_class(self) -> str:
        return type(self).__name__

    def keras_config(self) -> dict[str, Any]:
        """The arguments of the Keras layer of the same name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def __call__(self, *inputs) -> Any:
        """Put this layer after symbolic tensors; gives its symbolic output, or a list where it has several."""
        if len(inputs) == 1 and isinstance(inputs[0], list | tuple):
            inputs = tuple(inputs[0])
        for tensor in inputs:
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"{self.keras_class}: a layer is called on symbolic tensors, as from Input(shape); "
                    f"got {type(tensor).__name__}. To compute with arrays, put the layer into a Model."
                )
        outputs = Node(self, inputs).outputs
        return outputs[0] if len(outputs) == 1 else list(outputs)


@dataclass(frozen=True, eq=False)
class Tensor:
    """The symbolic output of a layer in a graph: a shape, in which an open size is None, and where it comes from."""

    node: "Node"
    index: int
    shape: Any


@dataclass(frozen=True, eq=False)
class Node:
    """One use of a layer in a graph.

    Where a size of an input is open, the layer is asked at two sizes instead, one and the same for all open axes. An
    axis of the output that comes out the same is known; one that does not is open itself.

    Raises: ValueError where the layer refuses its inputs, or where a weight would depend on an open size.
    """

    layer: Layer
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...] = field(init=False)

    def __post_init__(self):
        shapes = self.layer.output_shapes(*filled(self.input_shapes, PROBES[0]))
        if self.inputs and is_open(*self.input_shapes):
            shapes = _merged(self.layer, self.input_shapes, shapes)
        object.__setattr__(self, "outputs", tuple(Tensor(self, i, shape) for i, shape in enumerate(shapes)))

    @property
    def input_shapes(self) -> tuple[Any, ...]:
        return tuple(tensor.shape for tensor in self.inputs)

    @property
    def output_shapes(self) -> tuple[Any, ...]:
        return tuple(tensor.shape for tensor in self.outputs)


PROBES = 1440, 2880
"""The two sizes at which layers are asked in place of an open one: large, and multiples of many numbers."""


def is_open(*shapes: OpenShape) -> bool:
    """Whether any size is open."""
    return any(None in shape for shape in shapes)


def filled(shapes, size: int = PROBES[0]) -> tuple[Shape, ...]:
    """The shapes with every open size replaced by this one."""
    return tuple(tuple(size if own is None else own for own in shape) for shape in shapes)


def _merged(layer: Layer, input_shapes, output_shapes) -> tuple[OpenShape, ...]:
    """The output shapes with None where they depend on the open sizes of the inputs."""
    first, second = (filled(input_shapes, size) for size in PROBES)
    weights, others = layer.weight_specs(*first), layer.weight_specs(*second)
    for name, spec in weights.items():
        if spec.shape != others[name].shape:
            axis = next(i for i, (a, b) in enumerate(zip(spec.shape, others[name].shape, strict=True)) if a != b)
            rule = f"axis {axis} of {name} depends on a size of the input that is open (None) and must be known"
            fail(layer.keras_class, rule, input_shapes=input_shapes)
    pairs = zip(output_shapes, layer.output_shapes(*second), strict=True)
    return tuple(tuple(a if a == b else None for a, b in zip(*shapes, strict=True)) for shapes in pairs)


@dataclass(frozen=True, eq=False)
class InputLayer(Layer):
    """Where a model's input enters; `shape` is that of one example."""

    shape: Any

    def output_shape(self, *input_shapes):
        return self.shape


def Input(shape, name: str | None = None) -> Tensor:
    """A symbolic input for models written in the functional style.

    Args: shape: of one example, as (224, 224, 3); None for a size that is open, as in (None, None, 3).

    Raises: ValueError for a size that is neither a positive integer nor None.
    """
    sizes = tuple(shape)
    if not all(size is None or (isinstance(size, int | np.integer) and size > 0) for size in sizes):
        raise ValueError(f"Input: every size of shape must be a positive integer or None; got shape {shape!r}.")
    return Node(InputLayer(tuple(size if size is None else int(size) for size in sizes), name=name), ()).outputs[0]


def check_image(layer: str, shape: Shape) -> tuple[int, int, int]:
    """The shape as (height, width, channels); ValueError naming the layer's class where it is none."""
    if len(shape) != 3:
        fail(layer, "the input must have the axes (batch, height, width, channels)", input_shape=shape)
    height, width, channels = shape
    return height, width, channels


def absolute(weights: Weights) -> dict[str, np.ndarray]:
    return {name: np.abs(value) for name, value in weights.items()}


def absolute_gradients(gradients: Gradients) -> Gradients:
    return Gradients(tuple(map(np.abs, gradients.inputs)), absolute(gradients.weights))


def stand_in(array: np.ndarray) -> np.ndarray:
    """Zeros of the same shape and dtype in a single element of memory: for backwards that read only those."""
    return np.broadcast_to(np.zeros((), array.dtype), array.shape)


__all__ = ["Gradients", "Input", "InputLayer", "Kept", "Layer", "Node", "Pair", "Shape", "Step", "Tensor", "WeightSpec"]
