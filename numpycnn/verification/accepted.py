"""What a function accepts of an op's options, found out by trying, and drawn cases made to fit that."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, product
from typing import Any

import numpy as np

from numpycnn.detection import convert_boxes
from numpycnn.ops.arguments import entries
from numpycnn.verification.calls import Call, op_function
from numpycnn.verification.functions import Bound

__all__ = ["Accepted", "find_accepted", "fitted"]

REFUSALS = (TypeError, NotImplementedError)
MOST_TRIED = 12
DEFAULTS = {"strides": 1, "dilation_rate": 1, "groups": 1, "padding": "valid", "output_padding": None}


@dataclass
class Accepted:
    """By option, the forms that the function takes ("one integer", "valid", ...) and what it refuses.

    fixed: options that have one value, whatever was drawn.   boxes: one of BOXES, how it takes two arrays of boxes.
    """

    forms: dict[str, set[str]] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    boxes: str = "lists of boxes"

    @property
    def left_out(self) -> list[str]:
        return [f"{name} ({', '.join(forms)})" for name, forms in self.refused.items() if forms]

    def fit(self, call: Call, bound: Bound) -> Call:
        """The call with every option in a form that is accepted; the default where none is."""
        call = call.with_arrays(**{name: None for name in bound.left_out if name in call.arrays})
        for name, value in call.options.items():
            allowed = self.forms.get(name, set())
            if name in self.fixed:
                call = _changed(call, name, self.fixed[name])
            elif form_of(value) not in allowed:
                call = _changed(call, name, next(iter(_alternatives(call, name, allowed)), default(call, name)))
        return BOXES[self.boxes](call)


def fitted(call: Call, fixed: Mapping[str, Any]) -> Call:
    """The call with these options, and arrays that suit them."""
    for name, value in fixed.items():
        call = _changed(call, name, value)
    return call


def find_accepted(
    bound: Bound, calls: Iterable[Call], complete: Callable[[Call], Call], fixed: Mapping[str, Any]
) -> Accepted:
    """Try each form of each option alone, everything else at its default, on the first call that has it.

    A form that is answered by TypeError or NotImplementedError is refused, None by any error; else it is accepted.

    complete: makes of a call of the op the one that the function is for, such as its backward.
    fixed: options that have one value, and are not tried.
    """
    accepted = Accepted(fixed=fixed)
    for call in calls:
        for name, value in call.options.items():
            if name in fixed:
                continue
            taken = accepted.forms.setdefault(name, set())
            refused = accepted.refused.setdefault(name, [])
            if name in bound.left_out:
                accepted.refused[name] = ["no parameter"]
            elif form_of(value) not in (*taken, *refused):
                alone = _alone(call, name, bound, fixed)
                if alone is None:
                    continue
                if value == default(alone, name) or _takes(bound, complete(alone), value is None):
                    taken.add(form_of(value))
                else:
                    refused.append(form_of(value))
                    one = _as_one(alone, name)
                    if one is not None and _takes(bound, complete(one)):
                        taken.add("one integer")
    if "pairwise" in bound.left_out and "pairwise" not in fixed:
        accepted.boxes = _boxes_taken(accepted, bound, calls, complete)
    return accepted


def _boxes_taken(accepted: Accepted, bound: Bound, calls: Iterable[Call], complete: Callable[[Call], Call]) -> str:
    """Under which of BOXES the results have the right shapes most often, or the first of them."""
    right = dict.fromkeys(BOXES, 0)
    for call, how in product(islice(calls, MOST_TRIED), BOXES):
        given = complete(replace(accepted, boxes=how).fit(call, bound))
        try:
            right[how] += bound(given)[0].shape == np.shape(next(iter(given.run().values())))
        except Exception:
            continue
    return max(right, key=right.__getitem__)


def _takes(bound: Bound, call: Call, any_error: bool = False) -> bool:
    try:
        bound(call)
    except REFUSALS:
        return False
    except Exception:
        return not any_error
    return True


def _as_one(call: Call, name: str) -> Call | None:
    """The first of two integers in place of both."""
    value = call.options[name]
    return _running(call.with_options(**{name: value[0]})) if form_of(value) == "two integers" else None


def _running(call: Call) -> Call | None:
    """The call, or None where it is none of the op."""
    try:
        call.run()
    except (ValueError, TypeError):
        return None
    return call


def form_of(value) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return str(value)
    if entries(value):
        return "two integers" if not entries(value[0]) else "two pairs"
    return "one integer" if isinstance(value, int | np.integer) else "a number"


def default(call: Call, name: str) -> Any:
    """The op's own default of an option."""
    if name in DEFAULTS:
        return DEFAULTS[name]
    if name == "max_output_size":
        return len(call.arrays["scores"])  # what None means, in a form that everybody takes
    value = inspect.signature(op_function(call.op)).parameters[name].default
    return call.options[name] if value is inspect.Parameter.empty else value


def _alternatives(call: Call, name: str, allowed: set[str]):
    """The value in another form."""
    value = call.options[name]
    if entries(value) and "one integer" in allowed:
        yield int(np.min(value))
    if entries(value) == 0 and isinstance(value, int) and "two pairs" in allowed and name == "padding":
        yield ((value, value), (value, value))
    if name == "padding":
        yield from (word for word in ("same", "valid") if word in allowed)


def _alone(call: Call, name: str, bound: Bound, fixed: Mapping[str, Any]) -> Call | None:
    """The call with every other option at its default; None where that is no call of the op."""
    call = call.with_arrays(**{array: None for array in bound.left_out if array in call.arrays})
    for other in call.options:
        if other != name:
            call = _changed(call, other, fixed[other] if other in fixed else default(call, other))
    return _running(call)


def _changed(call: Call, name: str, value) -> Call:
    """The call with another value of an option, and arrays that suit it."""
    groups = call.options.get("groups")
    if name == "groups" and isinstance(groups, int) and value == 1 and groups > 1 and "kernel" in call.arrays:
        call = _first_group(call, groups)
    if name == "format" and value != call.options[name]:
        boxes = {k: v for k, v in call.arrays.items() if k.startswith("boxes")}
        call = call.with_arrays(**{k: convert_boxes(v, call.options[name], str(value)) for k, v in boxes.items()})
    if name == "pairwise" and value != call.options[name]:
        call = _in_pairs(call) if value else _side_by_side(call)
    return replace(call, options={**call.options, name: value})


def _in_pairs(call: Call) -> Call:
    return call.with_arrays(**{name: boxes.reshape(-1, 4) for name, boxes in call.arrays.items()})


def _side_by_side(call: Call) -> Call:
    """As many of one as of the other."""
    count = min(len(boxes) for boxes in call.arrays.values())
    return call.with_arrays(**{name: boxes[:count] for name, boxes in call.arrays.items()})


def _two_boxes(call: Call) -> Call:
    """The first box of either side; ValueError where there is none."""
    if not all(boxes.size for boxes in call.arrays.values()):
        raise ValueError("there is no box to take.")
    call = call.with_arrays(**{name: boxes[0] for name, boxes in call.arrays.items()})
    return call.with_options(pairwise=False)


BOXES: Mapping[str, Callable[[Call], Call]] = {
    "lists of boxes": lambda call: call,
    "boxes side by side": lambda call: _changed(call, "pairwise", False),
    "two boxes at a time": _two_boxes,
}
"""How a function without a parameter `pairwise` may take two arrays of boxes, and a call of all pairs made so."""


def _first_group(call: Call, groups: int) -> Call:
    """The channels and filters of the first group alone."""
    x, kernel, bias = call.arrays["x"], call.arrays["kernel"], call.arrays.get("bias")
    transposed = call.forward_op == "conv2d_transpose"
    kept = kernel.shape[3] // groups
    filters = kernel.shape[2] if transposed else kept
    arrays = {"x": x[..., : x.shape[3] // groups], "kernel": kernel[..., :kept]}
    arrays["bias"] = None if bias is None else bias[:filters]
    return call.with_arrays(**arrays)
