"""What a check of somebody's function found: holds, or the smallest case that fails, both results, and the reason."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpycnn.verification.accepted import default
from numpycnn.verification.calls import Call, home_of, is_float
from numpycnn.verification.explain import Explanation
from numpycnn.verification.functions import Bound

__all__ = ["Failure", "FunctionReport"]

MOST_SHOWN = 400
"""The most numbers of an array that a snippet writes out."""


@dataclass(frozen=True)
class Failure:
    """The smallest case that fails.

    kind: "values", "shape", "dtype", "count", "written" or "exception" with its class.
    theirs, reference: outputs by name, in our layout; for an exception the exception itself.
    """

    kind: str
    message: str
    call: Call
    theirs: Any
    reference: dict[str, np.ndarray]
    explanation: Explanation | None


@dataclass(frozen=True)
class FunctionReport:
    """How a function compares with an op: `.holds`, `.summary`, `.snippet`, `.failure`, `.to_json()`.

    examples: how many cases were compared before one failed.   left_out: options that the function does not take.
    takes: in which form it takes boxes, where that is not all that the op does.
    """

    bound: Bound
    examples: int
    left_out: tuple[str, ...]
    failure: Failure | None
    takes: str = ""

    @property
    def holds(self) -> bool:
        return self.failure is None and self.examples > 0

    @property
    def summary(self) -> str:
        name, op = self.bound.name, self.bound.op
        if self.failure is None:
            if not self.examples:
                return f"differs: {name} could not be compared with {op}: no drawn case fits what it takes"
            return f"holds: {name} equals {op} in {self.examples} drawn cases"
        line = f"differs: {name} beside {op}: {self.failure.message}"
        explanation = self.failure.explanation
        if explanation is not None and explanation.reasons:
            line += f", because it {explanation.reasons[0].says}"
        return line

    @property
    def snippet(self) -> str:
        """Python that shows the failure, both results written beside the calls."""
        return _snippet(self.bound, self.failure) if self.failure is not None else ""

    @property
    def lines(self) -> list[str]:
        """The report for people, without the summary."""
        lines = []
        renamed = {ours: theirs for ours, theirs in self.bound.options.items() if ours != theirs}
        if renamed:
            lines.append("called with " + ", ".join(f"{theirs} for {ours}" for ours, theirs in renamed.items()))
        if self.takes:
            lines.append(f"takes {self.takes}")
        if self.left_out or self.bound.left_out:
            arrays = [name for name in self.bound.left_out if name not in " ".join(self.left_out)]
            lines.append(f"left out, since it does not take them: {', '.join([*arrays, *self.left_out])}")
        if self.failure is not None:
            lines += [
                "the smallest case that fails:",
                "",
                *(f"    {line}".rstrip() for line in self.snippet.split("\n")),
            ]
            if self.failure.explanation is not None:
                lines += ["", f"reason: {self.failure.explanation.summary}"]
        return lines

    def to_dict(self) -> dict[str, Any]:
        failure = self.failure
        return {
            "function": self.bound.name,
            "op": self.bound.op,
            "holds": self.holds,
            "summary": self.summary,
            "examples": self.examples,
            "left_out": [*self.left_out],
            "takes": self.takes,
            "failure": failure
            and {
                "kind": failure.kind,
                "message": failure.message,
                "snippet": self.snippet,
                "options": {k: repr(v) for k, v in failure.call.options.items()},
                "shapes": {k: list(v.shape) for k, v in failure.call.arrays.items() if isinstance(v, np.ndarray)},
                "explanation": failure.explanation and failure.explanation.to_dict(),
            },
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)


def _snippet(bound: Bound, failure: Failure) -> str:
    call = failure.call
    home = home_of(call.op).__name__.rpartition(".")[2]
    lines = ["import numpy as np", f"from numpycnn import {home}", _import(bound), ""]
    given = {k: v for k, v in call.arrays.items() if not (call.backward and k == "bias")}
    laid = {k: bound.layout.there(call.forward_op, k, v) for k, v in given.items()}
    lines += [f"{name} = {_array(array)}" for name, array in laid.items() if array is not None]
    lines += ["", f"{bound.name}({_arguments(bound, call, laid)})"]
    if failure.kind.startswith("exception"):
        lines.append(f"# {failure.message}")
    else:
        lines += [f"# {name}: {_result(y)}" for name, y in failure.theirs.items()]
    texts = {k: bound.layout.text(call.forward_op, k, v, k) if v is not None else "None" for k, v in given.items()}
    positional, keywords, listed = call.places()
    arrays = [texts[name] for name in positional]
    if listed:
        start = 1 if call.backward else 0
        arrays = [*arrays[:start], f"[{', '.join(arrays[start:])}]"]
    arrays += [f"{name}={texts[name]}" for name in keywords]
    options = [f"{k}={_option(v)}" for k, v in call.options.items() if _stated(bound, call, k)]
    lines += ["", f"{home}.{call.op}({', '.join([*arrays, *options])})"]
    dtype = next(v.dtype for v in laid.values() if is_float(v))
    right = (f"# {name}: {_result(y.astype(dtype) if is_float(y) else y)}" for name, y in failure.reference.items())
    return "\n".join([*lines, *right])


def _import(bound: Bound) -> str:
    module = getattr(bound.function, "__module__", None)
    known = module and module != "__main__" and not module.startswith("numpycnn_target_")
    return f"from {module} import {bound.name}" if known else f"# {bound.name} is the function that is checked"


def _arguments(bound: Bound, call: Call, laid) -> str:
    options = bound.layout.options(call)
    names = bound.arrays or tuple(laid)
    positional = [k if laid[k] is not None else "None" for k in names if k in laid]
    if bound.listed:
        positional = ["[" + ", ".join(positional) + "]"]
    keywords = [f"{theirs}={k if laid[k] is not None else None}" for k, theirs in bound.keywords.items() if k in laid]
    keywords += [f"{theirs}={_option(options[ours])}" for ours, theirs in bound.options.items() if ours in options]
    return ", ".join([*positional, *keywords])


def _stated(bound: Bound, call: Call, name: str) -> bool:
    """Whether an option must be written: all that the function takes, and those that are fixed to another value."""
    return name not in bound.left_out or call.options[name] != default(call, name)


def _option(value) -> str:
    return _number(value) if isinstance(value, float) else repr(value)


def _array(array: np.ndarray) -> str:
    if array.size > MOST_SHOWN:
        return f"...  # {array.dtype} {array.shape}"
    numbers = ", ".join(_number(value) for value in array.ravel().tolist())
    shape = f".reshape{array.shape}" if array.ndim != 1 else ""
    return f'np.array([{numbers}], "{array.dtype}"){shape}'


def _number(value) -> str:
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if np.isnan(value) else ("np.inf" if value > 0 else "-np.inf")
    return f"{value:g}" if isinstance(value, float) and value == float(f"{value:g}") else repr(value)


def _result(y: np.ndarray) -> str:
    y = np.asarray(y)
    flat = np.array2string(y.ravel(), separator=", ", threshold=64, precision=7, max_line_width=10**6)
    return f"{y.dtype} {y.shape} {flat}"
