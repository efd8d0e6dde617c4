"""What is measured: rows by name, each with a way to prepare the call of every side."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

SIDES = ("numpycnn", "tensorflow", "gemm", "numpy-ml", "mygrad", "onnx")
"""The columns in their order: ours, TensorFlow, one matrix product of the same MACs, and the pure-NumPy peers."""

FAMILIES = ("convolution", "depthwise", "pooling", "normalization", "passes", "networks", "detection")
"""The modules of benchmarks.families, in the order of the table; each has ROWS."""


class Call(NamedTuple):
    """One call as it is timed.

    run: takes what `before` gives, nothing where there is no `before`.
    before: made anew for each call, untimed (a forward whose backward is timed).
    arrays: turns what `run` gives into NumPy arrays as numpycnn lays them out, so that they can be compared.
    """

    run: Callable[..., Any]
    before: Callable[[], Any] | None = None
    arrays: Callable[[Any], Any] = lambda result: result

    def as_arrays(self, result) -> list[np.ndarray]:
        """What `run` gave, as a list of arrays."""
        found = self.arrays(result)
        return [np.asarray(array) for array in (found if isinstance(found, list | tuple) else [found])]


Prepare = Callable[[], Call | Callable[[], Any]]
"""Imports and makes what the call needs, untimed."""


class Row(NamedTuple):
    """One line of the table.

    sides: how each of SIDES is prepared; those without one have no place in this row.
    reference: the same in float64, for the accuracy of all sides; None where there is nothing to round.
    scale: the same on absolute values in float64, which is S of `verification.tolerances`; None where that is no
        sum of products.
    """

    name: str
    sides: dict[str, Prepare]
    reference: Prepare | None = None
    scale: Prepare | None = None


def all_rows() -> dict[str, Row]:
    rows = [row for family in FAMILIES for row in import_module(f"benchmarks.families.{family}").ROWS]
    return {row.name: row for row in rows}


def drawn(*shapes, seed: int = 0, dtype=np.float32) -> list[np.ndarray]:
    """Normal numbers of these shapes, the same float32 ones whatever the dtype."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, np.float32).astype(dtype) for shape in shapes]
