"""A layer on the command line: named like its op, its arguments given as options."""

import inspect
import re
from ast import literal_eval
from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any

import numpycnn.layers
from numpycnn import ops
from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.targets import sizes
from numpycnn.layers import Layer
from numpycnn.models.topology import snake_case

__all__ = ["OPTIONS", "find_layer_class", "layer_names", "make_layer", "option_name", "parse_settings"]

OPTIONS = {
    *("filters", "kernel_size", "strides", "padding", "dilation_rate", "groups"),
    *("depth_multiplier", "pool_size", "units", "activation", "use_bias"),
}
"""The arguments that have an option of their own; all others go through --set."""


def layer_names() -> dict[str, type[Layer]]:
    """Every public layer class by the name of its op: conv2d, max_pool2d, batch_normalization, ..."""
    op_names = {_bare(name): name for name, op in vars(ops).items() if inspect.isfunction(op)}
    classes = [kind for kind in vars(numpycnn.layers).values() if _is_concrete(kind)]
    return {op_names.get(_bare(kind.__name__), snake_case(kind.__name__)): kind for kind in classes}


def find_layer_class(name: str) -> type[Layer] | None:
    """The layer of this op or class name, as conv2d or Conv2D; None where there is none."""
    return next((kind for kind in layer_names().values() if _bare(kind.__name__) == _bare(name)), None)


def make_layer(kind: type[Layer], name: str, arguments: dict[str, Any]) -> Layer:
    """The layer with these arguments; Unusable for one that it does not take, lacks or refuses."""
    known = {field.name: field for field in fields(kind) if field.init and field.name not in ("name", "trainable")}
    for argument in arguments:
        if argument not in known:
            raise Unusable(f"{name} takes no {option_name(argument)}; it takes {', '.join(map(option_name, known))}")
    for argument, field in known.items():
        if argument not in arguments and field.default is MISSING and field.default_factory is MISSING:
            raise Unusable(f"{name} needs {option_name(argument)}")
    with usable():
        return kind(**arguments)


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """["rate=0.5", "size=2x3"] as {"rate": 0.5, "size": (2, 3)}; what is no Python literal and no size is text."""
    parsed = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.isidentifier():
            raise Unusable(f"--set must be NAME=VALUE, as rate=0.5; got {setting!r}")
        if re.fullmatch(r"\d+(x\d+)+", text, re.ASCII):
            parsed[name] = sizes("--set", text)
        else:
            try:
                parsed[name] = literal_eval(text)
            except (ValueError, SyntaxError):
                parsed[name] = text
    return parsed


def option_name(argument: str) -> str:
    """How an argument of a layer is given on the command line."""
    if argument == "use_bias":
        return "--no-bias"
    return "--" + argument.replace("_", "-") if argument in OPTIONS else f"--set {argument}=..."


def _bare(name: str) -> str:
    """What an op and its layer have in common: max_pool2d and MaxPooling2D are both maxpool."""
    return re.sub("_|2d", "", name.lower()).replace("pooling", "pool").replace("average", "avg")


def _is_concrete(kind) -> bool:
    """What can be made: bases of several layers say no output shape or have no fields of their own."""
    if not (inspect.isclass(kind) and issubclass(kind, Layer)) or kind is numpycnn.layers.InputLayer:
        return False
    return "__dataclass_fields__" in vars(kind) and kind.output_shape is not Layer.output_shape
