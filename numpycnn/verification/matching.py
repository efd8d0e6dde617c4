"""Whose is whose: recorded arrays beside the tensors and weights of a model, by name, else by order and shape."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from numpycnn.layers.base import Node, Tensor
from numpycnn.models.model import Model

__all__ = ["Matched", "match", "turn_square_weights"]

LAYOUTS = ("nhwc", "nchw")
CLOSE = 1e-3
"""How near, relative to its largest value, a layer comes to its recorded output under weights that are laid right."""

INPUTS = ("input", "inputs", "x", "image", "images", "data")
OF_A_NAME = re.compile(r"(?P<name>.+?)[._/](?P<what>grad|gradient|after)$")


@dataclass
class Matched:
    """Recorded arrays in our own layout.

    misfits: arrays that a name gives to a tensor of another shape, as they were recorded.
    pairs: their name, our name and how they came together ("name", "names file" or "order").
    """

    layout: str
    outputs: dict[Tensor, np.ndarray] = field(default_factory=dict)
    output_gradients: dict[Tensor, np.ndarray] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    weight_gradients: dict[str, np.ndarray] = field(default_factory=dict)
    after: dict[str, np.ndarray] = field(default_factory=dict)
    misfits: dict[Tensor, np.ndarray] = field(default_factory=dict)
    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)


def match(model: Model, arrays: Mapping[str, np.ndarray], *, layout: str | None = None, names=None) -> Matched:
    """Recorded arrays for the tensors, the weights and the gradients of a model without models in it.

    arrays: by their names. An array called like a weight, "conv1/kernel", is taken for it; one that ends in ".grad"
        for the gradient of a loss by what is called like the rest, in ".after" for a weight after a training step.
    layout: "nhwc" or "nchw"; None for the one under which more shapes fit.
    names: {their name: our name} for what is not called alike.

    Raises: ValueError where both layouts fit equally well, or no array fits at all.
    """
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"verify: layout must be nhwc or nchw; got layout {layout!r}.")
    for ours in (names or {}).values():
        if ours not in {*model.sources.values(), *model.variables}:
            raise ValueError(f"verify: the names file names {ours!r}, which the model does not have.")
    found = {choice: _matched(model, arrays, choice, names or {}) for choice in ([layout] if layout else LAYOUTS)}
    best = max(found.values(), key=_fitting)
    if not best.outputs:
        known = ", ".join(list(model.sources.values())[:6])
        raise ValueError(
            f"verify: no recorded array fits a layer by name or shape; recorded are {_first(arrays)}; "
            f"layers are {known}, ..."
        )
    images = [array for array in best.outputs.values() if array.ndim == 4]
    if len(found) == 2 and _fitting(found["nhwc"]) == _fitting(found["nchw"]) and any(map(_changed_by_layout, images)):
        raise ValueError("verify: the shapes fit both layouts; say which it is with layout (--layout nhwc or nchw).")
    return best


def _matched(model: Model, arrays, layout: str, names) -> Matched:
    matched, sources = Matched(layout), model.sources
    by_name = {canonical(name): tensor for tensor, name in sources.items()}
    if len(model.inputs) == 1:
        by_name |= {name: model.inputs[0] for name in INPUTS if name not in by_name}
    paths = {canonical(path): path for path in model.variables}
    batch = _batch(model, arrays, layout, by_name)
    rest = []
    for name, array in arrays.items():
        found = OF_A_NAME.fullmatch(name)
        bare, what = (found["name"], found["what"][:5]) if found else (name, "")
        key = canonical(names.get(bare, bare))
        how = "names file" if bare in names else "name"
        if key in paths:
            fitting = _weight(array, model.variables[paths[key]].shape)
            if fitting is not None:
                places = {"": matched.weights, "after": matched.after}
                places.get(what, matched.weight_gradients)[paths[key]] = fitting
                matched.pairs.append((name, paths[key], how))
                continue
        if key in by_name:
            tensor = by_name[key]
            fitting = fit(array, tensor.shape, layout, batch)
            if bare != name:
                if fitting is not None:
                    matched.output_gradients[tensor] = fitting
            elif fitting is None:
                matched.misfits[tensor] = array
            else:
                matched.outputs[tensor] = fitting
            matched.pairs.append((name, sources[tensor], how))
        elif bare == name:
            rest.append(name)
    _by_order(model, arrays, rest, matched, batch)
    return matched


def _by_order(model: Model, arrays, rest: list[str], matched: Matched, batch) -> None:
    """What no name has matched: each array beside the next layer, in the order of both, that its shape fits."""
    sources = model.sources
    free = [t for t in sources if t not in matched.outputs and t not in matched.misfits]
    for name in rest:
        for place, tensor in enumerate(free):
            fitting = fit(arrays[name], tensor.shape, matched.layout, batch)
            if fitting is not None:
                matched.outputs[tensor] = fitting
                matched.pairs.append((name, sources[tensor], "order"))
                free = free[place + 1 :]
                break
        else:
            matched.left_over.append(name)


def fit(array: np.ndarray, shape, layout: str, batch: int | None) -> np.ndarray | None:
    """The array in our layout and shape; None where it cannot be that of this tensor.

    (batch, C, 1, 1) is taken for (batch, C) and the other way round (row 34 of the traps).
    """
    if batch is not None and len(array) != batch:
        return None
    if layout == "nchw" and array.ndim == 4:
        array = array.transpose(0, 2, 3, 1)
    if len(shape) == array.ndim - 1 and all(
        own in (None, size) for own, size in zip(shape, array.shape[1:], strict=True)
    ):
        return array
    bare = [size for size in array.shape[1:] if size != 1]
    if bare == [size for size in shape if size != 1] and {array.ndim, len(shape) + 1} == {2, 4}:
        return array.reshape(len(array), *shape)
    return None


def _weight(array: np.ndarray, shape) -> np.ndarray | None:
    """A weight of this shape, or one written out-first as in PyTorch, turned to it."""
    if array.shape == shape:
        return array
    turned = _turned(array)
    return turned if turned is not None and turned.shape == shape else None


def _turned(array: np.ndarray) -> np.ndarray | None:
    """A kernel (out, in, ...) as (..., in, out); None for what is no kernel."""
    return array.transpose(*range(2, array.ndim), 1, 0) if array.ndim in (2, 4) else None


def turn_square_weights(model: Model, matched: Matched) -> tuple[str, ...]:
    """Turn recorded weights whose shape does not tell that they are out-first; their paths are returned.

    The layer tells, where its input and output were recorded too: under the weight as it is it does not give this
    output, turned it does.
    """
    found = []
    for node in model.nodes:
        if not all(t in matched.outputs for t in (*node.inputs, *node.outputs)):
            continue
        start = f"{model.names[node.layer]}/"
        weights = {k: v for k, v in {**model.values(), **matched.weights}.items() if k.startswith(start)}
        weights = {k.removeprefix(start): np.asarray(v, np.float64) for k, v in weights.items()}
        for name, value in weights.items():
            path, turned = start + name, _turned(value)
            if path in found or path not in matched.weights or turned is None or turned.shape != value.shape:
                continue
            if _off(node, matched, {**weights, name: turned}) < CLOSE < _off(node, matched, weights):
                found.append(path)
                for arrays in (matched.weights, matched.weight_gradients, matched.after):
                    again = _turned(arrays[path]) if path in arrays else None
                    if again is not None:
                        arrays[path] = again
    return tuple(found)


def _off(node: Node, matched: Matched, weights) -> float:
    """How far the layer is from its recorded output, relative to the largest value of that."""
    given = [np.asarray(matched.outputs[t], np.float64) for t in node.inputs]
    y, their = node.layer.call(weights, given, training=False).outputs[0], matched.outputs[node.outputs[0]]
    return float(np.abs(y - their).max(initial=0) / (np.abs(their).max(initial=0) or 1))


def _batch(model: Model, arrays, layout, by_name) -> int | None:
    """The number of examples, from the recorded input."""
    for name, array in arrays.items():
        if by_name.get(canonical(name)) in model.inputs and array.ndim:
            return len(array)
    return None


def _fitting(matched: Matched) -> int:
    return len(matched.outputs) - len(matched.misfits)


def _changed_by_layout(array: np.ndarray) -> bool:
    """Whether an image could be read in the other layout without any of its sizes telling."""
    return array.ndim == 4 and array.shape[1:] != (1, 1, 1)


def _first(names) -> str:
    return ", ".join(list(names)[:6]) + (", ..." if len(names) > 6 else "")


def canonical(name: str) -> str:
    """ "Conv1/kernel:0" and "conv1.kernel" alike."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower().removesuffix(":0")).strip("_")
