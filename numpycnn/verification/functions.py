"""Somebody's own function beside an op: which of its parameters is which, and how it is called."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpycnn.verification.calls import Call, is_float, op_function
from numpycnn.verification.layouts import Layout

__all__ = ["Bound", "bind"]

SYNONYMS = {
    "strides": ("stride",),
    "padding": ("pad", "pads"),
    "dilation_rate": ("dilation", "dilations", "rate"),
    "groups": ("group",),
    "pool_size": ("kernel_size", "ksize", "size", "window"),
    "epsilon": ("eps",),
    "depth_radius": ("radius",),
    "negative_slope": ("slope", "alpha"),
    "count_include_pad": ("include_pad",),
    "axis": ("dim",),
    "keepdims": ("keepdim",),
    "iou_threshold": ("threshold", "iou", "iou_thresh", "nms_threshold", "overlap_threshold", "thresh"),
    "score_threshold": ("score_thresh", "confidence_threshold", "conf_threshold", "min_score"),
    "max_output_size": ("max_boxes", "max_detections", "max_det", "top_k"),
    "soft_nms_sigma": ("sigma",),
    "format": ("box_format", "bounding_box_format", "fmt"),
}
BY_NAME = ("classes",)
"""Arrays that no parameter of another name is taken for, whatever its place."""

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Bound:
    """A function with what it takes of an op.

    arrays: our names of the arrays it takes, in the order of its parameters.   keywords: {our name: its name} of those
    that it takes by keyword.   options: {our name: its name}.   left_out: arrays and options that it has no room for.
    """

    function: Callable
    op: str
    layout: Layout
    arrays: tuple[str, ...]
    keywords: Mapping[str, str]
    options: Mapping[str, str]
    left_out: tuple[str, ...]
    listed: bool = False

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def laid(self, call: Call) -> dict[str, Any]:
        """Copies of a call's arrays in the function's own layout, by our names."""
        given = {k: v for k, v in call.arrays.items() if not (call.backward and k == "bias")}
        return {k: _copy(self.layout.there(call.forward_op, k, v)) for k, v in given.items()}

    def arguments(self, call: Call, laid: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments for a call of the op, of arrays in the function's own layout."""
        laid = dict(laid)
        if not self.arrays:  # takes any number of arrays
            dy = [laid.pop("dy")] if "dy" in laid else []
            positional = [*dy, list(laid.values())] if self.listed else [*dy, *laid.values()]
            keywords = {}
        else:
            positional = [laid[k] for k in self.arrays if k in laid]
            keywords = {theirs: laid[ours] for ours, theirs in self.keywords.items() if ours in laid}
        options = self.layout.options(call)
        keywords |= {theirs: options[ours] for ours, theirs in self.options.items() if ours in options}
        return positional, keywords

    def __call__(self, call: Call) -> tuple[np.ndarray, ...]:
        """What the function gives, as arrays in our layout; whatever it raises is raised."""
        return self.watched(call)[0]

    def watched(self, call: Call) -> tuple[tuple[np.ndarray, ...], list[str]]:
        """What the function gives, and our names of the arguments that it has written into."""
        laid = self.laid(call)
        positional, keywords = self.arguments(call, laid)
        given = self.function(*positional, **keywords)
        written = [name for name, before in self.laid(call).items() if not _same(before, laid[name])]
        names = call.output_names
        if isinstance(given, list) and len(names) == 1 and not _holds_arrays(given):
            given = np.asarray(given)  # a list of numbers is one output
        outputs = tuple(given) if isinstance(given, tuple | list) else (given,)
        found = tuple(
            self.layout.back(call.forward_op, name, np.asarray(y), call)
            for name, y in zip([*names, *["?"] * len(outputs)], outputs, strict=False)
        )
        return found, written


def bind(function: Callable, op: str, layout: Layout, params: Mapping[str, str] | None, example: Call) -> Bound:
    """Find the function's parameters for an op's arrays and options, by name, by `params`, then by position.

    Raises: ValueError for a name in `params` that the op or the function does not have; TypeError where the function
        takes fewer arrays than the op must have.
    """
    params = dict(params or {})
    arrays = [k for k in example.arrays if not (example.backward and k == "bias")]
    known = [*arrays, *example.options]
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C do not tell
        return Bound(function, op, layout, tuple(arrays), {}, {k: params.get(k, k) for k in example.options}, ())
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for ours, theirs in params.items():
        if ours not in known:
            raise ValueError(f"check: {op} has no {ours!r}; it has {', '.join(known)}.")
        if theirs not in parameters and not anything:
            raise ValueError(f"check: the function has no parameter {theirs!r}; it has {', '.join(parameters)}.")
    options = {}
    for ours in example.options:
        candidates = [params[ours]] if ours in params else [ours, *SYNONYMS.get(ours, ())]
        theirs = next((name for name in candidates if name in parameters), ours if anything else None)
        if theirs is not None:
            options[ours] = theirs
    left_out = [k for k in example.options if k not in options]
    forward = inspect.signature(op_function(example.forward_op)).parameters
    if "inputs" in forward:
        listed = forward["inputs"].kind is not inspect.Parameter.VAR_POSITIONAL
        return Bound(function, op, layout, (), {}, options, tuple(left_out), listed)
    positional, keywords = _places(arrays, parameters, params, set(options.values()))
    missing = [k for k in arrays if k not in positional and k not in keywords]
    for name in missing:
        if (name in forward and forward[name].default is inspect.Parameter.empty) or name == "dy":
            raise TypeError(f"check: {op} needs {name}, and the function has no parameter left for it.")
    return Bound(function, op, layout, positional, keywords, options, (*left_out, *missing))


def _places(arrays, parameters, params, taken) -> tuple[tuple[str, ...], dict[str, str]]:
    """Which arrays go by position, in order, and which by keyword: by name where names agree, then in order."""
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters.values()):
        return tuple(arrays), {}
    free = [name for name, p in parameters.items() if p.kind in POSITIONAL and name not in taken]
    named = {params.get(ours, ours): ours for ours in arrays if params.get(ours, ours) in parameters}
    others = iter([ours for ours in arrays if ours not in named.values() and ours not in BY_NAME])
    places = {name: named.pop(name) if name in named else next(others, None) for name in free}
    positional = []
    for name in parameters:  # up to the first parameter that is no array
        if places.get(name) is None:
            break
        positional.append(places.pop(name))
    return tuple(positional), {ours: name for name, ours in {**places, **named}.items() if ours is not None}


def _holds_arrays(given: list) -> bool:
    return any(np.ndim(one) and not isinstance(one, list) for one in given)


def _same(before, after) -> bool:
    return before is None or np.array_equal(before, after, equal_nan=is_float(before))


def _copy(array):
    return array.copy() if isinstance(array, np.ndarray) else array
