"""Operators on tensors in Keras's functional style, as `x + 3.0`: Keras makes them layers of a kind of their own."""

from collections.abc import Sequence
from typing import Any

from numpycnn.keras_io.calls import Entry
from numpycnn.keras_io.errors import ModelFileError
from numpycnn.layers import Add, Layer, Multiply, Rescaling, Subtract, Tensor

__all__ = ["is_operator", "read_operator"]

OF_TENSORS: dict[str, type[Layer]] = {"Add": Add, "Subtract": Subtract, "Multiply": Multiply}


def is_operator(entry: Entry) -> bool:
    """Whether this is an operator: Keras's layers of the same names take one list, operators take two arguments."""
    return bool(entry.calls) and not entry.calls[0].joined


def read_operator(entry: Entry, arguments: Sequence[Any]) -> Layer:
    """The layer of one call of an operator.

    Args: arguments: symbolic tensors, and numbers, or numbers for each channel.
    Raises: ModelFileError for an operator that has no equal here.
    """
    name, kind = entry.name, entry.class_name
    if all(isinstance(argument, Tensor) for argument in arguments) and kind in OF_TENSORS:
        return OF_TENSORS[kind](name=name)
    if len(arguments) == 2:
        tensor_first = isinstance(arguments[0], Tensor)
        number = arguments[1] if tensor_first else arguments[0]
        scaling = _scaling(kind, number, tensor_first)
        if scaling is not None:
            return Rescaling(*scaling, name=name)
    raise ModelFileError(f"operator {name!r}: {kind} of these arguments has no equal here; got {len(arguments)}")


def _scaling(kind: str, number: Any, tensor_first: bool) -> tuple[Any, Any] | None:
    """scale and offset of the layer that does what the operator does with this number."""
    if not isinstance(number, int | float) or isinstance(number, bool):
        return None
    if kind == "Add":
        return 1.0, number
    if kind == "Multiply":
        return number, 0.0
    if kind == "Subtract":
        return (1.0, -number) if tensor_first else (-1.0, number)
    if kind in ("TrueDivide", "Divide") and tensor_first and number != 0:
        return 1 / number, 0.0
    return None
