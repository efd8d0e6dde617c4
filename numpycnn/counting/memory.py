"""What a model needs of memory, in bytes: to predict and to train, by what must exist and as the book counts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from numpycnn.counting.flat import Flat, Value, elements

__all__ = ["OPTIMIZER_SLOTS", "Memory", "memory"]

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


def memory(flat: Flat, parameters: int, trainable: int, *, batch_size: int, itemsize: int, slots: int) -> Memory:
    """The memory of a model whose numbers take `itemsize` bytes each, under an optimizer with so many slots."""

    def size(values: Iterable[Value]) -> int:
        return batch_size * itemsize * elements(*(value.shape for value in dict.fromkeys(values)))

    parameter_bytes, gradient_bytes = parameters * itemsize, trainable * itemsize
    input_bytes = size(flat.inputs)
    output_bytes = sum(size(use.outputs) for use in flat.uses)
    extras = (u.layer.extra_bytes(*u.input_shapes, batch_size=batch_size, itemsize=itemsize) for u in flat.uses)
    kept_bytes = size((*flat.inputs, *kept_values(flat))) + sum(map(int, extras))
    return Memory(
        parameter_bytes=parameter_bytes,
        gradient_bytes=gradient_bytes,
        optimizer_bytes=slots * gradient_bytes,
        input_bytes=input_bytes,
        output_bytes=output_bytes,
        kept_bytes=kept_bytes,
        inference_bytes=parameter_bytes + peak(flat, size),
        inference_book_bytes=parameter_bytes + largest_neighbours(flat, size),
        training_bytes=parameter_bytes + gradient_bytes + slots * gradient_bytes + kept_bytes,
        training_book_bytes=parameter_bytes + input_bytes + output_bytes,
    )


def kept_values(flat: Flat) -> list[Value]:
    """The tensors that some backward reads, as the layers declare them."""
    kept: list[Value] = []
    for use in flat.uses:
        kept += use.inputs if "inputs" in use.layer.keeps else ()
        kept += use.outputs if "output" in use.layer.keeps else ()
    return kept


def peak(flat: Flat, size: Callable[[Iterable[Value]], int]) -> int:
    """The most that is alive at once, from being made (inputs: the start) to the last read (outputs: the end)."""
    last_read = {value: step for step, use in enumerate(flat.uses) for value in (*use.outputs, *use.inputs)}
    last_read |= dict.fromkeys(flat.outputs, len(flat.uses))
    alive = most = size(flat.inputs)
    for step, use in enumerate(flat.uses):
        alive += size(use.outputs)
        most = max(most, alive)
        alive -= size(value for value in (*use.outputs, *use.inputs) if last_read[value] == step)
    return most


def largest_neighbours(flat: Flat, size: Callable[[Iterable[Value]], int]) -> int:
    """The largest sum of the outputs of two layers of which one reads the other."""
    made_by = {value: (value,) for value in flat.inputs}
    made_by |= {value: use.outputs for use in flat.uses for value in use.outputs}
    pairs = (size(made_by[value]) + size(use.outputs) for use in flat.uses for value in use.inputs)
    return max(pairs, default=size(flat.inputs))
