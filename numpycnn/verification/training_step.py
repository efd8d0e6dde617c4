"""One training step: what batch normalization keeps of a batch, and every weight after a step of plain SGD."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from numpycnn.layers.base import Node, Tensor
from numpycnn.models.model import Model
from numpycnn.verification.calls import Call
from numpycnn.verification.findings import find
from numpycnn.verification.gradient_sums import GradientSum
from numpycnn.verification.report import Row
from numpycnn.verification.tolerances import scaled_error

__all__ = ["statistics_rows", "weight_rows"]

Arrays = Mapping[Tensor, np.ndarray]


def weight_rows(
    model: Model, sums: Mapping[Tensor | str, GradientSum], after: Mapping[str, np.ndarray], rate: float
) -> list[Row]:
    """A row for every trainable weight after w - rate * gradient, from the gradients on the other side's own inputs."""
    rows = []
    for path, variable in model.variables.items():
        found = sums.get(path)
        if path in after and variable.trainable and found is not None:
            theirs, before = after[path], variable.value
            ours = before - np.asarray(rate, before.dtype) * np.asarray(found.ours, before.dtype)
            exact = before.astype(np.float64) - rate * found.exact
            scale = np.abs(exact) + np.abs(before) + rate * found.scale
            length = found.products // max(1, theirs.size)
            mine, other = (scaled_error(side, exact, scale, length=length) for side in (ours, theirs))
            layer, key = path.rsplit("/", 1)
            row = Row(layer, model.get_layer(layer).keras_class, f"{key} after a step", theirs.shape, mine, other)
            if row.verdict == "differs":
                row = replace(row, finding=find(key, exact, theirs, scale, length=length, chain=None))
            rows.append(row)
    return rows


def statistics_rows(model: Model, exact: Model, inputs: Arrays, after: Mapping[str, np.ndarray]) -> list[Row]:
    """A row for every moving statistic after a training call on the other side's own inputs.

    Layers that are used at several places are left out: their statistics move several times.
    """
    rows = []
    uses = [node.layer for node in model.nodes]
    for node in model.nodes:
        name = model.names[node.layer]
        if uses.count(node.layer) == 1:
            rows += _statistics(model, exact, node, name, inputs, after)
    return rows


def _statistics(model, exact, node: Node, name: str, inputs: Arrays, after) -> list[Row]:
    layer, rows = node.layer, []
    sides = []
    for one in (model, exact):
        weights = {k.removeprefix(f"{name}/"): v for k, v in one.values().items() if k.startswith(f"{name}/")}
        given = tuple(np.asarray(inputs[t], one.dtype) for t in node.inputs)
        sides.append(layer.call(weights, given, training=True))
    for key, reference in sides[1].updates.items():
        path = f"{name}/{key}"
        if path not in after:
            continue
        theirs, batch = after[path], key.removeprefix("moving_")
        x = np.asarray(inputs[node.inputs[0]], np.float64)
        axes, momentum = tuple(range(x.ndim - 1)), getattr(layer, "momentum", 0.0)
        size = np.abs(x).mean(axis=axes)
        if batch == "variance":
            size = np.square(np.abs(x) + size).mean(axis=axes)
        scale, length = np.abs(weights[key]) + (1 - momentum) * size, x.size // max(1, x.shape[-1])
        mine, other = (scaled_error(y, reference, scale, length=length) for y in (sides[0].updates[key], theirs))
        row = Row(name, layer.keras_class, f"{key} after a step", theirs.shape, mine, other)
        if row.verdict == "differs":
            arrays = {"moving": weights[key], "batch": sides[1].extra[batch]}
            call = Call("moving_average", arrays, {"momentum": momentum}, hints={"count": length})
            row = replace(row, finding=find("y", reference, theirs, scale, length=length, chain=(call,)))
        rows.append(row)
    return rows
