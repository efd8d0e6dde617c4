"""How many bytes each thing of a graph takes, for a batch and a dtype."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

from numpycnn.layers.base import Node, Shape, Tensor, is_open
from numpycnn.models.freezing import frozen
from numpycnn.models.graph import Graph
from numpycnn.models.nesting import flat_graph
from numpycnn.ops.arguments import fail, integer

__all__ = ["DTYPES", "OPTIMIZER_SLOTS", "ItemSize", "Sizes", "dtype_name", "elements", "sized"]


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


OPTIMIZER_SLOTS = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2, "adamw": 2, "nadam": 2}
"""Values that an optimizer keeps for each trainable parameter. Source: keras.optimizers, Keras 3."""


@dataclass(frozen=True)
class Sizes:
    """The bytes of a graph's tensors and weights, as Python integers of any size."""

    graph: Graph
    batch_size: int
    item: ItemSize
    slots: int = 0

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

    @property
    def lasting(self) -> int:
        """What stays from one step of training to the next: all parameters, and what the optimizer keeps of them."""
        return self.parameters + self.slots * sum(self.trained)

    @property
    def copies(self) -> int:
        """In mixed precision, the trained parameters once more as they are computed with."""
        compute, variable = self.item
        return sum(self.trained) * compute // variable if compute < variable else 0


def elements(*shapes: Shape) -> int:
    """How many numbers arrays of these shapes hold, as a Python integer of any size."""
    return sum(prod(map(int, shape)) for shape in shapes)


def sized(model, *, batch_size=1, dtype="float32", optimizer=None, freeze=None) -> Sizes:
    """A model laid out flat, with the sizes of its parts; arguments and errors as of `count`."""
    if not isinstance(model, Graph):
        raise TypeError(f"count: model must be a Model; got {type(model).__name__}. For a layer: count_layer.")
    if is_open(*(tensor.shape for tensor in model.inputs)):
        rule = "every size of the input must be known; fix the open ones with model.with_input_shapes(...) or --input"
        fail("count", rule, input_shapes=tuple(tensor.shape for tensor in model.inputs))
    if isinstance(optimizer, int):
        slots = integer("count", "optimizer", optimizer, least=0)
    elif optimizer is None or optimizer in OPTIMIZER_SLOTS:
        slots = 0 if optimizer is None else OPTIMIZER_SLOTS[optimizer]
    else:
        fail("count", f"optimizer must be one of {', '.join(OPTIMIZER_SLOTS)} or None", optimizer=optimizer)
    batch_size, item = integer("count", "batch_size", batch_size), DTYPES[dtype_name(dtype)]
    graph = flat_graph(model) if freeze is None else frozen(model, freeze)
    return Sizes(graph, batch_size, item, slots)


def dtype_name(dtype) -> str:
    """The name in DTYPES of "float32", np.float32 or np.dtype(np.float32)."""
    name = getattr(dtype, "name", getattr(dtype, "__name__", dtype))
    if name not in DTYPES:
        fail("count", f"dtype must be one of {', '.join(DTYPES)}", dtype=dtype)
    return name
