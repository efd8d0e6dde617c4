"""A layer on given inputs as the calls of ops that it makes: what the rules work on.

The calls follow from names: the op is named like the layer, its arrays like the layer's weights, its options like the
layer's fields. Whether they are right is asked each time: run, they must give what the layer gives, to the bit.
"""

import inspect
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from numpycnn import ops
from numpycnn.layers.activation import ActivatedLayer, Activation, Function
from numpycnn.layers.base import Kept, Layer
from numpycnn.models.topology import snake_case
from numpycnn.verification.calls import Call
from numpycnn.verification.chains import Chain, run

__all__ = ["backward_call", "layer_chain"]

UNUSUAL = {"p_re_lu": "prelu"}
STATISTICS = {"mean": "moving_mean", "variance": "moving_variance"}


def layer_chain(layer: Layer, weights, inputs, *, training: bool = False, **hints) -> Chain | None:
    """The calls that give the layer's output; None where it is no op of the package."""
    calls = []
    if isinstance(layer, Activation):
        calls = _activation(layer.function, inputs[0])
    else:
        main = _main(layer, weights, inputs, training, hints)
        if main is None:
            return None
        calls = [main]
        if isinstance(layer, ActivatedLayer):
            calls += _activation(layer.function, None)
    if not calls:
        return None
    try:
        y = layer.call(weights, inputs, training=training).outputs[0]
        same = np.array_equal(run(tuple(calls))["y"], y, equal_nan=True)
    except (ValueError, TypeError):
        return None
    return tuple(calls) if same else None


def backward_call(layer: Layer, weights, dy, kept: Kept, *, training: bool = True) -> Call | None:
    """The call of the op's backward; None where the layer is no single op of the package."""
    if isinstance(layer, Activation):
        (main,) = _activation(layer.function, kept.input) or [None]
    else:
        main = _main(layer, weights, kept.inputs, training, {})
        if isinstance(layer, ActivatedLayer):
            dy = layer.function.gradient(dy, kept.extra.get("preactivation"), kept.output)
    if main is None or not hasattr(ops, f"{main.op}_backward"):
        return None
    return replace(main, op=f"{main.op}_backward", arrays={"dy": dy, **main.arrays})


def _activation(function: Function, x) -> list[Call]:
    """The activation as a call, or none for linear."""
    forward, options = function.forward, {}
    if isinstance(forward, partial):
        forward, options = forward.func, forward.keywords
    name = getattr(forward, "__name__", "")
    return [Call(name, {"x": x}, dict(options))] if hasattr(ops, name) else []


def _main(layer: Layer, weights, inputs, training: bool, hints) -> Call | None:
    """The op that the layer is named after."""
    op = getattr(layer, "op", None)
    name = op.forward.__name__ if op is not None else UNUSUAL.get(snake_case(layer.keras_class))
    name = name or snake_case(layer.keras_class)
    if name == "batch_normalization" and training and layer.trainable:
        name = "batch_normalization_train"
    if not hasattr(ops, name):
        return None
    arrays, options = {}, {}
    fields: dict[str, Any] = {**{k: getattr(layer, k) for k in dir(layer) if k in _parameters(name)}}
    fields |= getattr(layer, "arguments", {}) if isinstance(getattr(layer, "arguments", None), dict) else {}
    for key, parameter in _parameters(name).items():
        stored = STATISTICS.get(key, key)
        if key == "x":
            arrays["x"] = inputs[0]
        elif key in ("inputs", "x1"):
            arrays |= {f"x{i}": x for i, x in enumerate(inputs, 1)}
        elif stored in weights:
            arrays[key] = weights[stored]
        elif key in ("bias", "gamma", "beta") and not isinstance(fields.get(key), int | float):
            arrays[key] = None
        elif key in fields:
            options[key] = fields[key]
        elif key != "x2" and parameter.default is inspect.Parameter.empty:
            return None
    return Call(name, arrays, options, hints=hints)


def _parameters(op: str):
    return inspect.signature(getattr(ops, op)).parameters
