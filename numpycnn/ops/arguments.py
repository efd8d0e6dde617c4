"""What every op does with its arguments before any work: dtypes, ranks, sizes, and the words of the errors."""

import operator
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

IMAGES = "(batch, height, width, channels)"
FLOATS = (np.float16, np.float32, np.float64)

ieee = np.errstate(over="ignore", under="ignore", invalid="ignore")
"""Decorator of an op that only adds and multiplies: it gives the inf and NaN of IEEE 754 without NumPy's warnings."""


def fail(op: str, rule: str, **received) -> NoReturn:
    """Raise the project's one form of ValueError: the op, the rule it broke, and what came in."""
    got = ", ".join(f"{name} {describe(value)}" for name, value in received.items() if value is not None)
    raise ValueError(f"{op}: {rule}" + (f"; got {got}." if got else "."))


def describe(value) -> str:
    return str(value.shape) if isinstance(value, np.ndarray) else repr(value)


def floating(op: str, **arrays) -> list:
    """The named arrays in one native floating dtype, by NumPy's own promotion; None stays None.

    float16, float32 and float64 are kept; integers and booleans become float64 beside no float, as in np.mean.
    Arrays that already fit are returned as they are, never copied and never written to.

    Raises: TypeError for complex, text, object or wider floats.
    """
    given = {name: _array(op, name, array) for name, array in arrays.items() if array is not None}
    for name, array in given.items():
        if array.dtype.kind not in "buif" or array.dtype.itemsize > 8:
            raise TypeError(f"{op}: {name} must be float16, float32, float64 or integer; got {name} {array.dtype}.")
    dtype = np.result_type(np.bool_, *(array.dtype.newbyteorder("=") for array in given.values()))
    if dtype.kind != "f":
        dtype = np.dtype(np.float64)
    return [None if array is None else given[name].astype(dtype, copy=False) for name, array in arrays.items()]


def _array(op, name, value) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:
        raise TypeError(f"{op}: {name} must be an array, its rows of equal lengths; got {name} {value!r}.") from None


def accumulator(dtype) -> np.dtype:
    """The dtype sums are made in: the array's own, and never narrower than float32."""
    return np.promote_types(dtype, np.float32)


def check_rank(op: str, axes: str, **array) -> None:
    """Raise unless the one named array has as many axes as `axes` names, as in IMAGES."""
    ((name, value),) = array.items()
    if value is None:
        raise TypeError(f"{op}: {name} must be an array; got {name} None.")
    if value.ndim != axes.count(",") + 1:
        fail(op, f"{name} must have the axes {axes}", **array)


def check_shape(op: str, shape: Sequence[int], why: str, **array) -> None:
    """Raise unless the one named array has exactly this shape; `why` says where the shape comes from."""
    ((name, value),) = array.items()
    if value.shape != tuple(shape):
        fail(op, f"{name} must have {why}, {tuple(shape)}", **array)


def integer(op: str, name: str, value, *, least: int = 1) -> int:
    """The value as a plain int; TypeError for what is no whole number, ValueError below `least`."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{op}: {name} must be an integer; got {name} {value!r}.") from None
    if number < least:
        fail(op, f"{name} must be at least {least}", **{name: value})
    return number


def pair(op: str, name: str, value, *, least: int = 1) -> tuple[int, int]:
    """(height, width) out of one integer or two; TypeError or ValueError as `integer`."""
    if entries(value) == 2:
        return integer(op, name, value[0], least=least), integer(op, name, value[1], least=least)
    if entries(value):
        fail(op, f"{name} must be one integer or two (height, width)", **{name: value})
    both = integer(op, name, value, least=least)
    return both, both


def entries(value) -> int:
    """How many others a value holds: 0 for a number, a word, None or an array without axes."""
    if isinstance(value, np.ndarray):
        return len(value) if value.ndim else 0
    return len(value) if isinstance(value, Sequence) and not isinstance(value, str) else 0


def axis_index(op: str, name: str, value, ndim: int) -> int:
    """A possibly negative axis as its non-negative index; ValueError when the array has no such axis."""
    axis = integer(op, name, value, least=-ndim)
    if axis >= ndim:
        fail(op, f"{name} must lie in [{-ndim}, {ndim}) for an array with {ndim} axes", **{name: value})
    return axis % ndim
