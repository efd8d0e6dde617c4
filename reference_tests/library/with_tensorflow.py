"""The ops of numpycnn.testing, each beside the function of TensorFlow or Keras that computes the same."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from numpycnn.testing import Op


@dataclass(frozen=True)
class TestedOp(Op):
    """tensorflow: called with the case's arrays as tensors and its options, by the op's own argument names; gives the
        output, or a tuple of outputs.
    tensorflow_dtype: the widest dtype TensorFlow has this op in.
    """

    tensorflow: Callable[..., Any] | None = None
    tensorflow_dtype: type = np.float64


def with_tensorflow(ops: Iterable[Op], functions: Mapping[str, Callable], *narrow: str) -> list[TestedOp]:
    """Every op with its function; TensorFlow has those named in `narrow` in float32 at most.

    KeyError for an op that has none, ValueError for a function that belongs to none.
    """
    ops = list(ops)
    unknown = {*functions, *narrow} - {op.name for op in ops}
    if unknown:
        raise ValueError(f"there is no op {', '.join(sorted(unknown))} here")
    return [
        TestedOp(
            **{f.name: getattr(op, f.name) for f in fields(Op)},
            tensorflow=functions[op.name],
            tensorflow_dtype=np.float32 if op.name in narrow else np.float64,
        )
        for op in ops
    ]
