"""What a model needs of memory, in bytes: to predict and to train, by what must exist and as the book counts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod

from numpycnn.layers.base import Shape, Tensor
from numpycnn.models.graph import Graph

__all__ = ["OPTIMIZER_SLOTS", "Memory", "elements", "memory"]

OPTIMIZER_SLOTS = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2, "adamw": 2, "nadam": 2}
"""Values that an optimizer keeps for each trainable parameter. Source: keras.optimizers, Keras 3."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Every figure in bytes, for the whole batch; what a framework adds on top is in none of them.

    parameter_bytes: all parameters.
    gradient_bytes: one gradient for each trainable parameter.
    optimizer_bytes: what the optimizer keeps for each trainable parameter.
    input_bytes: the batch that comes in.
    output_bytes: the outputs of all layers, the input not included.
    kept_bytes: what forward keeps for backward, each distinct tensor once, the input batch included in any case.
    inference_bytes: parameters and the most that must exist at once while the layers run in the model's order: what
        the running layer reads and writes, and all that is still to be read.
    inference_book_bytes: parameters and the two largest consecutive layers, the input being a layer.
    training_bytes: parameters, gradients, optimizer and kept_bytes.
    training_book_bytes: parameters, the input batch and the outputs of all layers.
    """

    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    input_bytes: int
    output_bytes: int
    kept_bytes: int
    inference_bytes: int
    inference_book_bytes: int
    training_bytes: int
    training_book_bytes: int


def memory(graph: Graph, parameters: int, trainable: int, *, batch_size: int, itemsize: int, slots: int) -> Memory:
    """The memory of a model whose numbers take `itemsize` bytes each, under an optimizer with so many slots."""

    def size(tensors: Iterable[Tensor]) -> int:
        return batch_size * itemsize * elements(*(tensor.shape for tensor in dict.fromkeys(tensors)))

    parameter_bytes, gradient_bytes = parameters * itemsize, trainable * itemsize
    input_bytes = size(graph.inputs)
    output_bytes = sum(size(node.outputs) for node in graph.nodes)
    extras = (n.layer.extra_bytes(*n.input_shapes, batch_size=batch_size, itemsize=itemsize) for n in graph.nodes)
    kept_bytes = size((*graph.inputs, *kept_tensors(graph))) + sum(map(int, extras))
    return Memory(
        parameter_bytes=parameter_bytes,
        gradient_bytes=gradient_bytes,
        optimizer_bytes=slots * gradient_bytes,
        input_bytes=input_bytes,
        output_bytes=output_bytes,
        kept_bytes=kept_bytes,
        inference_bytes=parameter_bytes + peak(graph, size),
        inference_book_bytes=parameter_bytes + largest_neighbours(graph, size),
        training_bytes=parameter_bytes + gradient_bytes + slots * gradient_bytes + kept_bytes,
        training_book_bytes=parameter_bytes + input_bytes + output_bytes,
    )


def elements(*shapes: Shape) -> int:
    """How many numbers arrays of these shapes hold, as a Python integer of any size."""
    return sum(prod(map(int, shape)) for shape in shapes)


def kept_tensors(graph: Graph) -> list[Tensor]:
    """The tensors that some backward reads, as the layers declare them."""
    kept: list[Tensor] = []
    for node in graph.nodes:
        kept += node.inputs if "inputs" in node.layer.keeps else ()
        kept += node.outputs if "output" in node.layer.keeps else ()
    return kept


def peak(graph: Graph, size: Callable[[Iterable[Tensor]], int]) -> int:
    """The most that is alive at once, from being made (inputs: the start) to the last read (outputs: the end)."""
    last_read = {tensor: step for step, node in enumerate(graph.nodes) for tensor in (*node.outputs, *node.inputs)}
    last_read |= dict.fromkeys(graph.outputs, len(graph.nodes))
    alive = most = size(graph.inputs)
    for step, node in enumerate(graph.nodes):
        alive += size(node.outputs)
        most = max(most, alive)
        alive -= size(tensor for tensor in (*node.outputs, *node.inputs) if last_read[tensor] == step)
    return most


def largest_neighbours(graph: Graph, size: Callable[[Iterable[Tensor]], int]) -> int:
    """The largest sum of the outputs of two layers of which one reads the other."""
    made_by = {tensor: (tensor,) for tensor in graph.inputs}
    made_by |= {tensor: node.outputs for node in graph.nodes for tensor in node.outputs}
    pairs = (size(made_by[tensor]) + size(node.outputs) for node in graph.nodes for tensor in node.inputs)
    return max(pairs, default=size(graph.inputs))
