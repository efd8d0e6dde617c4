"""The entries of a configuration: how Keras 2 and Keras 3 write down a layer, its calls and what they read."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpycnn.keras_io.errors import ModelFileError
from numpycnn.keras_io.kinds import plain

__all__ = ["Call", "Entry", "Reference", "member", "read_entry", "references"]


class Reference(NamedTuple):
    """Output `tensor` of call number `call` of the layer of this name."""

    layer: str
    call: int
    tensor: int


class Call(NamedTuple):
    """One call of a layer.

    arguments: References, and numbers where it is an operator's.
    joined: whether they came as one list, as those of Keras's merging layers do.
    """

    arguments: list[Any]
    joined: bool


class Entry(NamedTuple):
    """A layer as a configuration lists it. keras2: whether its calls are written as Keras 2 does."""

    name: str
    class_name: str
    config: Mapping[str, Any]
    calls: list[Call]
    keras2: bool


def member(config, key: str, kind: type | tuple[type, ...], what: str = "a configuration") -> Any:
    """config[key], of this type; ModelFileError where it is not there."""
    value = config.get(key) if isinstance(config, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ModelFileError(f"{what} must have {key}; got {_short(value if isinstance(config, Mapping) else config)}")
    return value


def read_entry(described: Any) -> Entry:
    """One element of the `layers` of a model's configuration."""
    class_name, config = member(described, "class_name", str, "a layer"), member(described, "config", (dict, list))
    name = described.get("name") or (config.get("name") if isinstance(config, dict) else None)
    if not isinstance(name, str):
        raise ModelFileError(f"a layer must have a name; got {_short(name)} for a layer of class {class_name!r}")
    nodes = described.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise ModelFileError(f"inbound_nodes must be a list; got {_short(nodes)}")
    keras2 = any(isinstance(node, list) for node in nodes)
    calls = [_read_list(node) if isinstance(node, list) else _read_arguments(node) for node in nodes]
    return Entry(name, _qualified(described, class_name), config, calls, keras2)


def references(listed: Any) -> list[Reference]:
    """`input_layers` and `output_layers`: one reference, a list of them, or a dict of them, read in its keys' order."""
    if isinstance(listed, dict):
        listed = [listed[key] for key in sorted(listed)]
    if not isinstance(listed, list) or not listed:
        raise ModelFileError(f"a model must list its inputs and outputs; got {_short(listed)}")
    return [_reference(listed)] if isinstance(listed[0], str) else [_reference(one) for one in listed]


def _qualified(described: Mapping, class_name: str) -> str:
    """The class name; that of a class from outside Keras with where it comes from, so that it is not taken for ours."""
    module, registered = described.get("module"), described.get("registered_name")
    if module is None or str(module).split(".")[0] in ("keras", "tf_keras", "numpycnn"):
        return class_name
    return registered if isinstance(registered, str) and registered else f"{module}.{class_name}"


def _reference(value: Any) -> Reference:
    right = isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str)
    if not right or not all(type(number) is int and number >= 0 for number in value[1:3]):
        raise ModelFileError(f"an input must be [layer, call, output]; got {_short(value)}")
    return Reference(*value[:3])


def _read_list(node: list) -> Call:
    """Keras 2: a list of [layer, call, output, options], one for each input."""
    for one in node:
        if isinstance(one, list) and len(one) > 3:
            _check_options(one[3] if isinstance(one[3], dict) else {"": one[3]})
    return Call([_reference(one) for one in node], joined=True)


def _read_arguments(node: Any) -> Call:
    """Keras 3: the arguments of the call, tensors described in them."""
    given = member(node, "args", (list, tuple), "a call")
    options = dict(member(node, "kwargs", dict, "a call")) if node.get("kwargs") else {}
    arguments: list[Any] = []
    for value in given:
        arguments += _tensors(value) if isinstance(value, list) else [_tensor(value)]
    _check_options({key: options.pop(key) for key in ("training", "mask") if key in options})
    arguments += [_tensor(value) for value in options.values() if value is not None]
    return Call(arguments, joined=len(given) == 1)


def _tensors(values: list) -> list[Any]:
    return [_tensor(value) for value in values]


def _tensor(value: Any) -> Any:
    """A Reference for a described tensor; a number, or numbers, as they are."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return _reference(member(member(value, "config", dict, "a tensor"), "keras_history", list, "a tensor"))
    return plain(value)


def _check_options(options: Mapping[str, Any]) -> None:
    """A call may be told training=False, which Keras 3 lets give way to what the whole model is told; nothing else."""
    for key, value in options.items():
        if value is not None and not (key == "training" and value is False):
            raise ModelFileError(f"a call may be told training=False alone; got {key}={_short(value)}")


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
