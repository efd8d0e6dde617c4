"""One training step: what batch normalization keeps of a batch, and every weight after an optimizer's first step."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from numpycnn.layers.base import Node, Tensor
from numpycnn.models.model import Model
from numpycnn.verification.calls import Call
from numpycnn.verification.findings import find
from numpycnn.verification.gradient_sums import GradientSum
from numpycnn.verification.report import Row
from numpycnn.verification.tolerances import SUM, scaled_error, tolerance, unit_roundoff

if TYPE_CHECKING:
    from numpycnn.training import Optimizer

__all__ = ["statistics_rows", "weight_rows"]

Arrays = Mapping[Tensor, np.ndarray]

SCALARS = 5e-5
"""How much of its first step an optimizer may be off by: Keras computes 1 - beta in float32 (training.optimizers)."""


def weight_rows(
    model: Model, sums: Mapping[Tensor | str, GradientSum], after: Mapping[str, np.ndarray], optimizer: "Optimizer"
) -> list[Row]:
    """A row for every trainable weight after a step, from the gradients on the other side's own inputs."""
    from numpycnn.training import SGD

    paths = [path for path, v in model.variables.items() if v.trainable and path in sums and path in after]
    before = [model.variables[path].value for path in paths]
    found = [sums[path] for path in paths]
    lengths = [one.products // max(1, w.size) for one, w in zip(found, before, strict=True)]
    off = [
        tolerance(one.exact, one.scale, length=length, dtype=w.dtype)
        for one, length, w in zip(found, lengths, before, strict=True)
    ]
    ours = _stepped(optimizer, before, [one.ours for one in found])
    wide = [w.astype(np.float64) for w in before]
    exact, above, below = (
        _stepped(optimizer, wide, [one.exact + sign * d for one, d in zip(found, off, strict=True)])
        for sign in (0, 1, -1)
    )
    rows = []
    for k, path in enumerate(paths):
        theirs, moved = after[path], np.abs(exact[k] - wide[k])
        spread = np.maximum(np.abs(above[k] - exact[k]), np.abs(below[k] - exact[k]))
        if not isinstance(optimizer, SGD):
            spread = spread + SCALARS * moved
        scale = np.abs(exact[k]) + np.abs(wide[k]) + moved + spread / (SUM * unit_roundoff(before[k].dtype))
        mine, other = (scaled_error(side, exact[k], scale) for side in (ours[k], theirs))
        layer, key = path.rsplit("/", 1)
        row = Row(layer, model.get_layer(layer).keras_class, f"{key} after a step", theirs.shape, mine, other)
        if row.verdict == "differs":
            row = replace(row, finding=find(key, exact[k], theirs, scale, length=1, chain=None))
        rows.append(row)
    return rows


def _stepped(optimizer: "Optimizer", weights, gradients) -> tuple[np.ndarray, ...]:
    gradients = [np.asarray(g, w.dtype) for w, g in zip(weights, gradients, strict=True)]
    return optimizer.update(weights, gradients, optimizer.initial_state(weights)).weights


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
