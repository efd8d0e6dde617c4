"""What a model needs of memory, in bytes: to predict and to train, by what must exist and as the book counts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from numpycnn.counting.course import kept_tensors, predicting
from numpycnn.counting.order import best_order
from numpycnn.counting.sizes import Sizes
from numpycnn.counting.timeline import timeline_of
from numpycnn.layers.base import Tensor
from numpycnn.models.graph import Graph

__all__ = ["Memory", "memory"]

WEIGHT_ROUNDING, STEP_ROUNDING, RUN_ROUNDING = 5, 20, 50
"""The most that an allocator adds, in percent: to weights and slots, which are made once and in order, to what a step
of training needs, and to the few tensors of a run to predict. TensorFlow's best-fit allocator does not split a free
block of less than twice the size that is wanted. With these all peaks of benchmarks/memory.py lie in the ranges."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Every figure in bytes, for the whole batch. Only the figures called low, middle and high look at what a
    framework does with memory; the others count what must exist.

    parameter_bytes: all parameters.
    gradient_bytes: one gradient for each trainable parameter.
    optimizer_bytes: what the optimizer keeps for each trainable parameter.
    copy_bytes: in mixed precision, each trainable parameter once more as it is computed with; else 0.
    input_bytes: the batch that comes in.
    output_bytes: the outputs of all layers, the input not included.
    kept_bytes: what forward keeps for backward, each distinct tensor once, the input batch included in any case.
        Layers that no gradient must pass, such as a frozen base, keep nothing.
    inference_bytes: parameters and the most that must exist at once in the best order of the layers: what the running
        layer reads and writes, and all that is still to be read.
    inference_in_order_bytes: the same in the model's own order, which is the one that Model.predict follows.
    inference_book_bytes: parameters and the two largest consecutive layers, the input being a layer.
    inference_low_bytes, inference_high_bytes: between these a framework's peak lies: from the best order with outputs
        written over inputs where that can be, to the model's own order without, and what an allocator adds.
    training_bytes: parameters, gradients, optimizer, copies and kept_bytes.
    training_book_bytes: parameters, the input batch and the outputs of all layers.
    training_low_bytes, training_high_bytes: between these a framework's peak lies in one step of training: from the
        leanest order of work (gradients of weights made one at a time, results written in place), to all gradients held
        to the end, the optimizer's temporary copies beside them, nothing written in place, and what an allocator adds.
    training_middle_bytes: halfway between the two.
    """

    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    copy_bytes: int
    input_bytes: int
    output_bytes: int
    kept_bytes: int
    inference_bytes: int
    inference_in_order_bytes: int
    inference_book_bytes: int
    inference_low_bytes: int
    inference_high_bytes: int
    training_bytes: int
    training_book_bytes: int
    training_low_bytes: int
    training_middle_bytes: int
    training_high_bytes: int


def memory(sizes: Sizes) -> Memory:
    """The memory of a flat graph."""
    graph, parameters, gradients = sizes.graph, sizes.parameters, sum(sizes.trained)
    inputs, outputs = sizes.tensors(graph.inputs), sum(sizes.tensors(node.outputs) for node in graph.nodes)
    kept, best, courses = kept_bytes(sizes), best_order(sizes), timeline_of(sizes)
    in_order = peak(predicting(sizes, graph.nodes))
    low, high = peak(courses.train_low), rounded_up(sizes.lasting, peak(courses.train_high), STEP_ROUNDING)
    return Memory(
        parameter_bytes=parameters,
        gradient_bytes=gradients,
        optimizer_bytes=sizes.slots * gradients,
        copy_bytes=sizes.copies,
        input_bytes=inputs,
        output_bytes=outputs,
        kept_bytes=kept,
        inference_bytes=peak(courses.predict),
        inference_in_order_bytes=parameters + in_order,
        inference_book_bytes=parameters + largest_neighbours(graph, sizes.tensors),
        inference_low_bytes=parameters + peak(predicting(sizes, best, in_place=True)),
        inference_high_bytes=rounded_up(parameters, parameters + in_order, RUN_ROUNDING),
        training_bytes=sizes.lasting + gradients + sizes.copies + kept,
        training_book_bytes=parameters + inputs + outputs,
        training_low_bytes=low,
        training_middle_bytes=(low + high) // 2,
        training_high_bytes=high,
    )


def kept_bytes(sizes: Sizes) -> int:
    """What forward keeps for the gradients of the weights, with the input batch."""
    trained, _ = sizes.graph.differentiated()
    nodes = [node for node in sizes.graph.nodes if node in trained]
    return sizes.tensors((*sizes.graph.inputs, *kept_tensors(nodes))) + sum(map(sizes.extra, nodes))


def peak(course: Sequence) -> int:
    return max(moment.bytes for moment in course)


def rounded_up(lasting: int, most: int, percent: int) -> int:
    """`most`, of which `lasting` stays from step to step, with what an allocator adds: whole numbers of any size."""
    return most + (WEIGHT_ROUNDING * lasting + percent * (most - lasting)) // 100


def largest_neighbours(graph: Graph, size: Callable[[Iterable[Tensor]], int]) -> int:
    """The largest sum of the outputs of two layers of which one reads the other."""
    made_by = {tensor: (tensor,) for tensor in graph.inputs}
    made_by |= {tensor: node.outputs for node in graph.nodes for tensor in node.outputs}
    pairs = (size(made_by[tensor]) + size(node.outputs) for node in graph.nodes for tensor in node.inputs)
    return max(pairs, default=size(graph.inputs))
