"""One call of an op as data: which op, its arrays, its options, and what a rule has changed in it.

What is data can be run again another way: with the kernel flipped, the padding on the other side, another epsilon.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

import numpycnn.detection
import numpycnn.ops
from numpycnn.ops.arguments import fail

__all__ = ["Call", "home_of", "is_float", "op_function"]

BACKWARD = "_backward"
HOMES = (numpycnn.ops, numpycnn.detection)
OUTPUTS = {
    "batch_normalization_train": ("y", "mean", "variance"),
    "non_max_suppression": ("indices",),
    "soft_non_max_suppression": ("indices", "scores"),
    "combined_non_max_suppression": ("boxes", "scores", "classes", "valid_detections"),
}
Arrays = dict[str, Any]
Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Call:
    """A call of `op`, a function of numpycnn.ops or numpycnn.detection, or the backward of one.

    arrays: all of the op's arrays by name in the op's order, None where left out, with dy in front for a backward;
        a backward is not given the bias, but gives its gradient.
    function: computes it in place of the op, with the op's own signature.
    finish: what is done with the outputs, the one added last first.
    hints: what is known about where the arrays come from, such as the image that was flattened.
    """

    op: str
    arrays: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    function: Callable | None = None
    finish: tuple[Callable[[Arrays], Arrays], ...] = ()
    hints: Mapping[str, Any] = field(default_factory=dict)

    @property
    def backward(self) -> bool:
        return self.op.endswith(BACKWARD)

    @property
    def forward_op(self) -> str:
        return self.op.removesuffix(BACKWARD)

    def run(self) -> Arrays:
        """The outputs by name: y (and mean, variance), or dx, dkernel, dbias, ..."""
        function = self.function or op_function(self.op)
        positional, keywords, listed = self.places()
        arrays: list[Any] = [self.arrays[name] for name in positional]
        if listed:
            arrays = [self.arrays["dy"], arrays[1:]] if self.backward else [arrays]
        outputs = function(*arrays, **{name: self.arrays[name] for name in keywords}, **self.options)
        outputs = tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)
        names = self.output_names
        if len(outputs) != len(names):
            fail(self.op, f"there must be {len(names)} outputs, {', '.join(names)}", outputs=len(outputs))
        found = dict(zip(names, outputs, strict=True))
        for step in reversed(self.finish):
            found = step(found)
        return found

    def places(self) -> tuple[list[str], list[str], bool]:
        """The arrays that go by position and those that go by keyword; whether all but dy come as one list."""
        known = [*_parameters(self.function or op_function(self.op)), *_parameters(op_function(self.forward_op))]
        listed = any(p.name == "inputs" and p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in known)
        keyword_only = {p.name for p in known if p.kind is inspect.Parameter.KEYWORD_ONLY}
        given = [name for name in self.arrays if not (self.backward and name == "bias")]
        return [k for k in given if k not in keyword_only], [k for k in given if k in keyword_only], listed

    @property
    def output_names(self) -> tuple[str, ...]:
        if not self.backward:
            return OUTPUTS.get(self.op, ("y",))
        return tuple(f"d{name}" for name in self.arrays if name not in ("dy", "y_true"))

    def astype(self, dtype) -> "Call":
        return self.with_arrays(**{k: v.astype(dtype) for k, v in self.arrays.items() if is_float(v)})

    def with_arrays(self, **arrays) -> "Call":
        return replace(self, arrays={**self.arrays, **arrays})

    # What rules are made of. Each gives another Call, or None where the call has no such thing.

    def with_options(self, **options) -> "Call":
        return replace(self, options={**self.options, **options})

    def with_array(self, name: str, there: Change, back: Change | None = None) -> "Call | None":
        """`there` done to one array first; in a backward, `back` to its gradient. Without `back`, forward only."""
        if self.arrays.get(name) is None or (self.backward and back is None):
            return None
        changed = replace(self, arrays={**self.arrays, name: there(self.arrays[name])})
        if not self.backward or back is None:
            return changed
        gradient = f"d{name}"
        return changed.finished(lambda found: {**found, gradient: back(found[gradient])})

    def with_output(self, there: Change, back: Change) -> "Call":
        """`there` done to the output; in a backward, `back` to dy."""
        if self.backward:
            return replace(self, arrays={**self.arrays, "dy": back(self.arrays["dy"])})
        return self.finished(lambda found: {**found, "y": there(found["y"])})

    def with_function(self, forward: Callable | None, backward: Callable | None = None) -> "Call | None":
        function = backward if self.backward else forward
        return None if function is None else replace(self, function=function)

    def finished(self, step: Callable[[Arrays], Arrays]) -> "Call":
        return replace(self, finish=(*self.finish, step))


def op_function(name: str) -> Callable:
    """The function of this name; ValueError where there is none."""
    return getattr(home_of(name), name)


def home_of(name: str) -> ModuleType:
    """The part of the package that has the function of this name; ValueError where there is none."""
    for home in HOMES:
        if not name.startswith("_") and callable(getattr(home, name, None)):
            return home
    raise ValueError(f"there is no op {name!r}.")


def is_float(value) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


@lru_cache(maxsize=512)
def _parameters(function: Callable) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())
