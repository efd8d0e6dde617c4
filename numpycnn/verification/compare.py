"""Layer by layer: a model in NumPy and another side, each against a float64 run of the same layer.

Every layer is compared on the very inputs that the other side gave it (isolated), so that a row tells of that layer
alone and its rounding can be bounded; beside it stands how far the two whole runs have drifted from a float64 run by
then (chained), which rounding alone makes grow with depth. What the other side did not record is computed from what
it did.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from numpycnn.layers.base import Kept, Layer, Node, Tensor
from numpycnn.models.model import Model
from numpycnn.models.nesting import flattened
from numpycnn.verification.findings import find
from numpycnn.verification.gradient_sums import GradientSum
from numpycnn.verification.keras_run import Recording
from numpycnn.verification.layer_calls import backward_call, layer_chain
from numpycnn.verification.report import Report, Row
from numpycnn.verification.sides import Side, other_side
from numpycnn.verification.tolerances import scaled_error
from numpycnn.verification.training_step import statistics_rows, weight_rows

if TYPE_CHECKING:
    from numpycnn.training import Optimizer

__all__ = ["verify"]

Progress = Callable[[str], None]
OPEN = 32
"""The size that random inputs have where a model leaves it open."""

Arrays = dict[Tensor, np.ndarray]


def verify(
    model: Model,
    inputs=None,
    *,
    against: Any = "tensorflow",
    gradients: bool = True,
    training: bool = False,
    step: "float | Optimizer | None" = None,
    layout: str | None = None,
    names: Mapping[str, str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Compare every layer's output and every weight's gradient of `model` in NumPy with another side.

    Outputs are compared in inference. With TensorFlow, gradients are those of a random loss in training (batch
    statistics; dropout lets all through), with the same weights on both sides.

    Args:
        model: with its weights.
        inputs: an array, or a list for a model with several inputs; where None those that were recorded, or random
            numbers from `seed`.
        against: "tensorflow"; the path of a recording (verification.read_recording), or its arrays by name; or
            another Model, which is run on the same inputs.
        gradients: compare gradients as well: TensorFlow's, or those that were recorded.
        training: what was recorded is a run in training.
        step: an optimizer, or the learning rate of plain SGD, to compare its first step as well: the statistics of
            batch normalization, and every weight.
        layout: of recorded images, "nhwc" or "nchw"; None finds out from the shapes.
        names: {their name: our name} for recorded arrays that are not called like the layer.
        progress: called with a line before each step of work.

    Returns: a Report; `.holds`, `.rows`, `.first_difference`, `.summary`, `.to_json()`. The rows that differ have a
        `.finding`: the worst place, what the layer saw there, and the reason.
    Raises: ValueError for inputs that do not suit the model or another `against`; ImportError without TensorFlow.
    """
    rng = np.random.default_rng(seed)
    named = isinstance(against, str) and against == "tensorflow"
    if inputs is None and (named or isinstance(against, Model)):
        drawn = [rng.normal(size=(2, *(OPEN if size is None else size for size in t.shape))) for t in model.inputs]
        inputs = drawn[0] if model.single[0] else drawn
    tell = progress or (lambda line: None)
    tell("building the model in TensorFlow" if named else "matching the two sides")
    flat = flattened(model)
    if not named:
        flat = flat.astype(flat.dtype)  # which may take over weights that were recorded
    side, arrays = other_side(flat, against, inputs, layout, names)
    comparison = Comparison(flat, side, arrays, tell, training=training and not named)
    rows = comparison.outputs()
    if gradients:
        rows += comparison.gradients(rng, _optimizer(step))
    return Report(model.name or "model", side.name, tuple(rows), side.notes)


def _optimizer(step) -> "Optimizer | None":
    from numpycnn.training import SGD  # here, so that importing numpycnn does not import training

    return SGD(learning_rate=step) if isinstance(step, int | float) else step


class Comparison:
    """One model on one set of inputs, with its float64 self and the other side."""

    def __init__(self, model: Model, side: Side, arrays: Sequence[np.ndarray], tell: Progress, *, training=False):
        self.model, self.side, self.arrays, self.tell, self.training = model, side, arrays, tell, training
        self.exact = model.astype("float64")
        self.exact_arrays = [x.astype(np.float64) for x in arrays]
        self.nodes = model.nodes

    def outputs(self) -> list[Row]:
        """A row for each use of each layer that the other side has."""
        self.tell(f"running {self.side.name} forward")
        theirs = self.side.outputs()
        chained = self._chained_outputs(theirs)
        rows, images = [], {}
        narrow, wide, steps = self._starts(theirs)
        for node in self.nodes:
            name = self.model.node_names[node]
            self.tell(f"comparing the output of {name}")
            layer, training = node.layer, self.training
            given, exact_given = ([values[t] for t in node.inputs] for values in (narrow, wide))
            length = layer.sum_length(*(x.shape[1:] for x in given))
            weights = self._weights(self.exact, layer)
            reference = layer.call(weights, exact_given, training=training).outputs
            ours = layer.call(self._weights(self.model, layer), given, training=training).outputs
            if any(t in theirs.outputs or t in self.side.misfits for t in node.outputs):
                scale = layer.output_scale(weights, exact_given, training=training)
            depth = 1 + max((steps[t] for t in node.inputs), default=0)
            for tensor, y, ref in zip(node.outputs, ours, reference, strict=True):
                if tensor in theirs.outputs:
                    their = theirs.outputs[tensor]
                    mine, other = (scaled_error(side, ref, scale, length=length) for side in (y, their))
                    drift = chained[tensor]
                elif tensor in self.side.misfits:
                    their = self.side.misfits[tensor]
                    mine, other = scaled_error(y, ref, scale, length=length), np.inf
                    drift = (None, None)
                else:
                    narrow[tensor], wide[tensor], steps[tensor] = y, ref, depth
                    continue
                row = Row(name, layer.keras_class, "output", their.shape, mine, other, *drift, steps=depth)
                if row.verdict == "differs":
                    chain = layer_chain(layer, weights, exact_given, training=training, **images)
                    row = replace(row, finding=find("y", ref, their, scale, length=length, chain=chain))
                rows.append(row)
                narrow.setdefault(tensor, y)
                wide.setdefault(tensor, ref)
                steps.setdefault(tensor, depth)
            if given[0].ndim == 4 and ours[0].ndim == 2:
                images = {"image": given[0].shape[1:]}
        return rows

    def _starts(self, theirs: Recording) -> tuple[Arrays, Arrays, dict[Tensor, int]]:
        """What layers are fed with at first, in our dtype and in float64, and how many layers lie behind it: none."""
        known = {**dict(zip(self.model.inputs, self.arrays, strict=True)), **theirs.outputs}
        wide = {t: x.astype(np.float64) for t, x in known.items()}
        return {t: x.astype(self.model.dtype) for t, x in known.items()}, wide, dict.fromkeys(known, 0)

    def gradients(self, rng: np.random.Generator, optimizer: "Optimizer | None" = None) -> list[Row]:
        """In training, a row for the gradient of each layer's input and of each trainable weight.

        optimizer: with it, a row for each weight after its first step as well.
        """
        batch = len(self.arrays[0])
        dys = {t: rng.normal(size=(batch, *t.shape)).astype(self.model.dtype) for t in self.model.outputs}
        self.tell(f"running {self.side.name} forward and backward")
        found = self.side.gradients(dys, optimizer)
        if found is None:
            return []
        theirs, dys = found
        self.tell("running NumPy forward and backward")
        ours, exact = (self._backward(model, dys) for model in (self.model, self.exact))
        sums = self._isolated_gradients(theirs, dys)
        stepped = []
        if optimizer is not None:
            stepped = statistics_rows(self.model, self.exact, self._completed(theirs), theirs.after)
            stepped += weight_rows(self.model, sums, theirs.after, optimizer)
        readers: dict[Tensor, list[str]] = {}
        for node, name in self.model.node_names.items():
            for tensor in dict.fromkeys(node.inputs):
                readers.setdefault(tensor, []).append(name)
        rows = []
        for node in self.nodes:
            layer, owner = node.layer, self.model.names[node.layer]
            for tensor in dict.fromkeys(node.inputs):
                if tensor in sums and tensor in theirs.output_gradients:
                    their = theirs.output_gradients[tensor]
                    found, name = sums.pop(tensor), " + ".join(readers[tensor])
                    rows.append(found.row(name, layer, "input", their))
            for key in self._trainable(layer):
                path = f"{owner}/{key}"
                if path in sums and path in theirs.weight_gradients:
                    their = theirs.weight_gradients[path]
                    drift = [relative_error(g, exact.weights[path]) for g in (ours.weights[path], their)]
                    rows.append(sums.pop(path).row(owner, layer, key, their, drift))
        return rows + stepped

    def _isolated_gradients(self, theirs: Recording, dys) -> dict[Tensor | str, GradientSum]:
        """Each layer's backward on the other side's own inputs and dy, summed by tensor and by weight path.

        Where a dy was not recorded, it is what our layers after it send back.
        """
        sums: dict[Tensor | str, GradientSum] = {}
        for tensor, dy in dys.items():
            sums.setdefault(tensor, GradientSum()).add(dy, dy.astype(np.float64), abs(dy), 1)
        outputs = self._completed(theirs)
        for node in reversed(self.nodes):
            self.tell(f"comparing the gradients of {self.model.node_names[node]}")
            if not any(t in theirs.output_gradients or t in sums for t in node.outputs):
                continue
            sides, call = [], None
            for model, place in ((self.model, "ours"), (self.exact, "exact")):
                weights, kept = self._kept(model, node, outputs)
                wide = [
                    self._dy(t, theirs, sums, place, y).astype(model.dtype)
                    for t, y in zip(node.outputs, kept.outputs, strict=True)
                ]
                sides.append(node.layer.call_backward(weights, wide, kept))
            call = backward_call(node.layer, weights, wide[0], kept, training=True)
            scales = node.layer.gradient_scales(weights, wide[0], kept)
            products = wide[0].size * node.layer.sum_length(*(x.shape[1:] for x in kept.inputs))
            for place, mine, ref, scale in zip(node.inputs, *(s.inputs for s in (*sides, scales)), strict=True):
                sums.setdefault(place, GradientSum()).add(mine, ref, scale, products, call, "dx")
            for name in self._trainable(node.layer):
                path = f"{self.model.names[node.layer]}/{name}"
                mine, ref, scale = (s.weights[name] for s in (*sides, scales))
                sums.setdefault(path, GradientSum()).add(mine, ref, scale, products, call, f"d{name}")
        return sums

    @staticmethod
    def _dy(tensor, theirs: Recording, sums, place: str, like) -> np.ndarray:
        if tensor in theirs.output_gradients:
            return theirs.output_gradients[tensor]
        return np.asarray(getattr(sums[tensor], place)) if tensor in sums else np.zeros_like(like)

    def _completed(self, theirs: Recording) -> Arrays:
        """Every tensor's value: theirs, or what our layers make of theirs."""
        _, values, _ = self._starts(theirs)
        for node in self.nodes:
            if not all(t in theirs.outputs for t in node.outputs):
                given = [values[t] for t in node.inputs]
                step = node.layer.call(self._weights(self.exact, node.layer), given, training=True)
                values = {**dict(zip(node.outputs, step.outputs, strict=True)), **values}
        return values

    def _kept(self, model: Model, node: Node, outputs: Arrays):
        """What our layer would have kept, had it been given these inputs."""
        weights = self._weights(model, node.layer)
        given = tuple(outputs[t].astype(model.dtype) for t in node.inputs)
        step = node.layer.call(weights, given, training=True)
        return weights, Kept(given, tuple(outputs[t].astype(model.dtype) for t in node.outputs), step.extra)

    def _chained_outputs(self, theirs: Recording) -> dict[Tensor, list[float]]:
        """How far each side's own run is from the float64 run at each tensor."""
        self.tell("running NumPy forward in float64")
        exact: dict[Tensor, np.ndarray] = {}

        def keep(node, arrays, step):
            exact.update(zip(node.outputs, step.outputs, strict=True))

        self.exact.run(self.exact.values(), self.exact_arrays, training=self.training, visit=keep)
        self.tell(f"running NumPy forward in {self.model.dtype}")
        drift: dict[Tensor, list[float]] = {}

        def compare(node, arrays, step):
            for tensor, y in zip(node.outputs, step.outputs, strict=True):
                if tensor in theirs.outputs:
                    drift[tensor] = [relative_error(side, exact[tensor]) for side in (y, theirs.outputs[tensor])]

        self.model.run(self.model.values(), self.arrays, training=self.training, visit=compare)
        return drift

    def _backward(self, model: Model, dys):
        arrays = [x.astype(model.dtype) for x in self.arrays]
        step = model.call(model.values(), arrays, training=True)
        wide = [dys[t].astype(model.dtype) for t in model.outputs]
        return model.call_backward(model.values(), wide, Kept((), (), step.extra))

    def _trainable(self, layer: Layer) -> list[str]:
        prefix = self.model.names[layer] + "/"
        return [p.removeprefix(prefix) for p, v in self.model.variables.items() if p.startswith(prefix) and v.trainable]

    def _weights(self, model: Model, layer: Layer):
        prefix = self.model.names[layer] + "/"
        return {k.removeprefix(prefix): v for k, v in model.values().items() if k.startswith(prefix)}


def relative_error(y, reference) -> float:
    """The largest difference in units of the largest value; infinite where only one side is finite."""
    difference = np.abs(np.asarray(y, np.float64) - reference).max(initial=0)
    largest = np.abs(reference).max(initial=0)
    return float(difference / largest) if largest else float(difference and np.inf)
