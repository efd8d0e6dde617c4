"""How many bytes each thing of a graph takes, for a batch and a dtype."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

from numpycnn.layers.base import Node, Shape, Tensor
from numpycnn.models.graph import Graph

__all__ = ["DTYPES", "ItemSize", "Sizes", "elements"]


class ItemSize(NamedTuple):
    """Bytes of one number: of what is computed with, and of a weight, its gradient, its slots and statistics."""

    compute: int
    variable: int


DTYPES = {
    "float16": ItemSize(2, 2),
    "bfloat16": ItemSize(2, 2),
    "float32": ItemSize(4, 4),
    "float64": ItemSize(8, 8),
    "mixed_float16": ItemSize(2, 4),
    "mixed_bfloat16": ItemSize(2, 4),
}
"""Keras's dtypes and its policies of mixed precision, which keep weights and statistics in float32."""


@dataclass(frozen=True)
class Sizes:
    """The bytes of a graph's tensors and weights, as Python integers of any size."""

    graph: Graph
    batch_size: int
    item: ItemSize

    def tensors(self, tensors: Iterable[Tensor]) -> int:
        """Each distinct tensor once, for the whole batch."""
        return self.batch_size * self.item.compute * elements(*(tensor.shape for tensor in dict.fromkeys(tensors)))

    def extra(self, node: Node) -> int:
        """What a training call of a layer keeps besides inputs and output."""
        compute, variable = self.item
        options = {"batch_size": self.batch_size, "itemsize": compute, "variable_size": variable}
        return int(node.layer.extra_bytes(*node.input_shapes, **options))

    @cached_property
    def weights(self) -> dict[Node, list[tuple[int, bool]]]:
        """(bytes, whether it is trained) of each weight, by the first node that uses its layer."""
        found, seen = {}, set()
        for node in self.graph.nodes:
            if node.layer not in seen:
                specs = node.layer.weight_specs(*node.input_shapes).values()
                sizes = [(elements(spec.shape), spec.trainable and node.layer.trainable) for spec in specs]
                found[node] = [(self.item.variable * size, trained) for size, trained in sizes]
            seen.add(node.layer)
        return found

    @property
    def parameters(self) -> int:
        return sum(size for weights in self.weights.values() for size, _ in weights)

    @property
    def trained(self) -> list[int]:
        """The bytes of each weight that is trained."""
        return [size for weights in self.weights.values() for size, trained in weights if trained]


def elements(*shapes: Shape) -> int:
    """How many numbers arrays of these shapes hold, as a Python integer of any size."""
    return sum(prod(map(int, shape)) for shape in shapes)
