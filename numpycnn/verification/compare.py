"""Layer by layer: a model in NumPy and in TensorFlow, each against a float64 run of the same layer.

Every layer is compared on the very inputs that TensorFlow gave it (isolated), so that a row tells of that layer alone
and its rounding can be bounded; beside it stands how far the two whole runs have drifted from a float64 run by then
(chained), which rounding alone makes grow with depth.
"""

from collections.abc import Callable, Sequence

import numpy as np

from numpycnn.keras_io.build import KerasForm, keras_form
from numpycnn.layers.base import Kept, Layer, Node, Tensor
from numpycnn.models.model import Model
from numpycnn.models.nesting import flattened
from numpycnn.verification.keras_run import Recording, record
from numpycnn.verification.report import Report, Row
from numpycnn.verification.tolerances import scaled_error

__all__ = ["verify"]

Progress = Callable[[str], None]


def verify(
    model: Model,
    inputs=None,
    *,
    against: str = "tensorflow",
    gradients: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Compare every layer's output and every weight's gradient of `model` in NumPy with TensorFlow.

    Outputs are compared in inference; gradients of a random loss in training (batch statistics; dropout lets all
    through), with the same weights on both sides.

    Args:
        model: with its weights.
        inputs: an array, or a list for a model with several inputs; random numbers from `seed` where None.
        against: "tensorflow".
        progress: called with a line before each step of work.

    Returns: a Report; `.holds`, `.rows`, `.first_difference`, `.summary`, `.to_json()`.
    Raises: ValueError for inputs that do not suit the model or another `against`; ImportError without TensorFlow.
    """
    if against != "tensorflow":
        raise ValueError(f'verify: against must be "tensorflow"; got against {against!r}.')
    rng = np.random.default_rng(seed)
    if inputs is None:
        drawn = [rng.normal(size=(2, *tensor.shape)) for tensor in model.inputs]
        inputs = drawn[0] if model.single[0] else drawn
    tell = progress or (lambda line: None)
    arrays = model.arrays(inputs)
    tell("building the model in TensorFlow")
    flat = flattened(model)
    comparison = Comparison(flat, keras_form(flat, dropout=False), arrays, tell)
    rows = comparison.outputs()
    if gradients:
        rows += comparison.gradients(rng)
    return Report(model.name or "model", "TensorFlow", tuple(rows))


class Comparison:
    """One model on one set of inputs, with its Keras form and its float64 self."""

    def __init__(self, model: Model, form: KerasForm, arrays: Sequence[np.ndarray], tell: Progress):
        self.model, self.form, self.arrays, self.tell = model, form, arrays, tell
        self.exact = model.astype("float64")
        self.exact_arrays = [x.astype(np.float64) for x in arrays]
        self.nodes = model.nodes

    def outputs(self) -> list[Row]:
        """A row for each use of each layer, in inference."""
        self.tell("running TensorFlow forward")
        theirs = record(self.form, self.arrays)
        chained = self._chained_outputs(theirs)
        rows = []
        for node in self.nodes:
            name = self.model.node_names[node]
            self.tell(f"comparing the output of {name}")
            given = [theirs.outputs[t] for t in node.inputs]
            wide = [x.astype(np.float64) for x in given]
            layer, length = node.layer, node.layer.sum_length(*node.input_shapes)
            reference = layer.call(self._weights(self.exact, layer), wide).outputs
            narrow = layer.call(self._weights(self.model, layer), given).outputs
            scale = layer.output_scale(self._weights(self.exact, layer), wide)
            for tensor, ours, ref in zip(node.outputs, narrow, reference, strict=True):
                their = theirs.outputs[tensor]
                errors = [scaled_error(y, ref, scale, length=length) for y in (ours, their)]
                rows.append(Row(name, layer.keras_class, "output", their.shape, *errors, *chained[tensor]))
        return rows

    def gradients(self, rng: np.random.Generator) -> list[Row]:
        """In training, a row for the gradient of each layer's input and of each trainable weight."""
        batch = len(self.arrays[0])
        dys = {t: rng.normal(size=(batch, *t.shape)).astype(self.model.dtype) for t in self.model.outputs}
        self.tell("running TensorFlow forward and backward")
        theirs = record(self.form, self.arrays, dys, training=True)
        self.tell("running NumPy forward and backward")
        ours, exact = (self._backward(model, dys) for model in (self.model, self.exact))
        sums = self._isolated_gradients(theirs, dys)
        readers: dict[Tensor, list[str]] = {}
        for node, name in self.model.node_names.items():
            for tensor in dict.fromkeys(node.inputs):
                readers.setdefault(tensor, []).append(name)
        rows = []
        for node in self.nodes:
            layer, owner = node.layer, self.model.names[node.layer]
            for tensor in dict.fromkeys(node.inputs):
                if tensor in sums:
                    their = theirs.output_gradients[tensor]
                    errors, name = sums.pop(tensor).errors(their), " + ".join(readers[tensor])
                    rows.append(Row(name, layer.keras_class, "gradient of input", their.shape, *errors))
            for key in self._trainable(layer):
                path = f"{owner}/{key}"
                if path in sums:
                    their, errors = theirs.weight_gradients[path], sums.pop(path).errors(theirs.weight_gradients[path])
                    drift = [relative_error(g, exact.weights[path]) for g in (ours.weights[path], their)]
                    rows.append(Row(owner, layer.keras_class, f"gradient of {key}", their.shape, *errors, *drift))
        return rows

    def _isolated_gradients(self, theirs: Recording, dys) -> dict[Tensor | str, "GradientSum"]:
        """Each layer's backward on TensorFlow's own inputs and dy, summed by tensor and by weight path."""
        sums: dict[Tensor | str, GradientSum] = {}
        for tensor, dy in dys.items():
            sums.setdefault(tensor, GradientSum()).add(dy, dy.astype(np.float64), abs(dy), 1)
        for node in self.nodes:
            self.tell(f"comparing the gradients of {self.model.node_names[node]}")
            sides = []
            for model in (self.model, self.exact):
                weights, kept = self._kept(model, node, theirs)
                wide = [theirs.output_gradients[t].astype(model.dtype) for t in node.outputs]
                sides.append(node.layer.call_backward(weights, wide, kept))
            scales = node.layer.gradient_scales(weights, wide[0], kept)
            products = wide[0].size * node.layer.sum_length(*node.input_shapes)
            for place, mine, ref, scale in zip(node.inputs, *(s.inputs for s in (*sides, scales)), strict=True):
                sums.setdefault(place, GradientSum()).add(mine, ref, scale, products)
            for name in self._trainable(node.layer):
                path = f"{self.model.names[node.layer]}/{name}"
                mine, ref, scale = (s.weights[name] for s in (*sides, scales))
                sums.setdefault(path, GradientSum()).add(mine, ref, scale, products)
        return sums

    def _kept(self, model: Model, node: Node, theirs: Recording):
        """What our layer would have kept, had it been given TensorFlow's inputs."""
        weights = self._weights(model, node.layer)
        given = tuple(theirs.outputs[t].astype(model.dtype) for t in node.inputs)
        step = node.layer.call(weights, given, training=True)
        return weights, Kept(given, tuple(theirs.outputs[t].astype(model.dtype) for t in node.outputs), step.extra)

    def _chained_outputs(self, theirs: Recording) -> dict[Tensor, list[float]]:
        """How far each side's own run is from the float64 run at each tensor."""
        self.tell("running NumPy forward in float64")
        exact: dict[Tensor, np.ndarray] = {}

        def keep(node, arrays, step):
            exact.update(zip(node.outputs, step.outputs, strict=True))

        self.exact.run(self.exact.values(), self.exact_arrays, visit=keep)
        self.tell(f"running NumPy forward in {self.model.dtype}")
        drift: dict[Tensor, list[float]] = {}

        def compare(node, arrays, step):
            for tensor, y in zip(node.outputs, step.outputs, strict=True):
                drift[tensor] = [relative_error(side, exact[tensor]) for side in (y, theirs.outputs[tensor])]

        self.model.run(self.model.values(), self.arrays, visit=compare)
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


class GradientSum:
    """What several uses send back to one place: ours, in float64, its S, and how many products it took."""

    def __init__(self):
        self.ours = self.exact = self.scale = self.products = 0

    def add(self, ours, exact, scale, products) -> None:
        self.ours, self.exact = self.ours + ours, self.exact + exact
        self.scale, self.products = self.scale + scale, self.products + products

    def errors(self, theirs) -> list[float]:
        length = self.products // max(1, theirs.size)
        return [scaled_error(side, self.exact, self.scale, length=length) for side in (self.ours, theirs)]
