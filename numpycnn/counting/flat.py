"""A model laid out flat: what flows between its layers and in which order they run, nested models in their place."""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from numpycnn.layers.base import Layer, Shape

__all__ = ["Flat", "Use", "Value", "elements", "lay_out"]


@dataclass(frozen=True, eq=False)
class Value:
    """One tensor of the graph: the shape for one example and the name of what makes it."""

    shape: Shape
    source: str


class Use(NamedTuple):
    """One run of a layer."""

    name: str
    layer: Layer
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        return tuple(value.shape for value in self.inputs)


class Flat(NamedTuple):
    """The whole model; `uses` stand in the order in which they run."""

    inputs: tuple[Value, ...]
    uses: tuple[Use, ...]
    outputs: tuple[Value, ...]


def lay_out(model: Any) -> Flat:
    """Every use of a layer in the model's order; a layer that has nodes of its own is a model and is entered.

    The layers of a nested model are called "inner.conv1", and the second use of a shared layer "conv1:1".
    """
    inputs = tuple(Value(t.shape, model.names.get(t.node.layer, "input")) for t in model.inputs)
    uses: list[Use] = []
    outputs = _enter(model, inputs, "", uses)
    return Flat(inputs, tuple(uses), outputs)


def elements(*shapes: Shape) -> int:
    """How many numbers arrays of these shapes hold, as a Python integer of any size."""
    return sum(prod(map(int, shape)) for shape in shapes)


def _enter(graph: Any, inputs, prefix: str, uses: list[Use]) -> tuple[Value, ...]:
    values, names = dict(zip(graph.inputs, inputs, strict=True)), graph.node_names
    for node in graph.nodes:
        read, name = tuple(values[tensor] for tensor in node.inputs), prefix + names[node]
        if hasattr(node.layer, "nodes"):
            made = _enter(node.layer, read, f"{name}.", uses)
        else:
            shapes = node.layer.output_shapes(*(value.shape for value in read))
            made = tuple(Value(shape, name) for shape in shapes)
            uses.append(Use(name, node.layer, read, made))
        values.update(zip(node.outputs, made, strict=True))
    return tuple(values[tensor] for tensor in graph.outputs)
