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
    comparison = Comparison(model, keras_form(model), arrays, tell)
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
        self.nodes = [node for node in model.nodes if node.outputs[0] not in model.inputs]

    def outputs(self) -> list[Row]:
        """A row for each use of each layer, in inference."""
        self.tell("running TensorFlow forward")
        theirs = record(self.form, self.arrays)
        chained = self._chained_outputs(theirs)
        rows = []
        for node in self.nodes:
            self.tell(f"comparing the output of {self.model.names[node.layer]}")
            given = [theirs.outputs[t] for t in node.inputs]
            wide = [x.astype(np.float64) for x in given]
            layer, length = node.layer, node.layer.sum_length(*node.input_shapes)
            reference = layer.call(self._weights(self.exact, layer), wide).outputs
            narrow = layer.call(self._weights(self.model, layer), given).outputs
            scale = layer.output_scale(self._weights(self.exact, layer), wide)
            for tensor, ours, ref in zip(node.outputs, narrow, reference, strict=True):
                their = theirs.outputs[tensor]
                errors = [scaled_error(y, ref, scale, length=length) for y in (ours, their)]
                rows.append(self._row(layer, "output", their.shape, errors, chained[tensor]))
        return rows

    def gradients(self, rng: np.random.Generator) -> list[Row]:
        """A row for each trainable weight, in training, and one for each input of the model."""
        dys = {t: rng.normal(size=(len(self.arrays[0]), *t.shape)).astype(self.model.dtype) for t in self.model.outputs}
        self.tell("running TensorFlow forward and backward")
        theirs = record(self.form, self.arrays, dys, training=True)
        self.tell("running NumPy forward and backward")
        ours, exact = (self._backward(model, dys) for model in (self.model, self.exact))
        rows = []
        for layer in dict.fromkeys(node.layer for node in self.nodes):
            names = [name for name, v in self._variables(layer).items() if v.trainable]
            if names:
                self.tell(f"comparing the gradients of {self.model.names[layer]}")
                isolated = self._isolated_gradients(layer, theirs)
                for name, their in zip(names, theirs.weight_gradients[layer], strict=True):
                    path = f"{self.model.names[layer]}/{name}"
                    drift = [relative_error(g, exact.weights[path]) for g in (ours.weights[path], their)]
                    mine, ref, scale, length = isolated[name]
                    errors = [scaled_error(g, ref, scale, length=length) for g in (mine, their)]
                    rows.append(self._row(layer, f"gradient of {name}", their.shape, errors, drift))
        return rows

    def _isolated_gradients(self, layer: Layer, theirs: Recording) -> dict[str, tuple]:
        """The layer's backward on TensorFlow's inputs and TensorFlow's dy: ours, float64, S and K by weight."""
        ours, exact, scales = {}, {}, {}
        products = 0
        for node in self.nodes:
            if node.layer is layer:
                dys = [theirs.output_gradients[t] for t in node.outputs]
                for model, sums in ((self.model, ours), (self.exact, exact)):
                    weights, kept = self._kept(model, node, theirs)
                    wide = [dy.astype(model.dtype) for dy in dys]
                    _add_all(sums, layer.call_backward(weights, wide, kept).weights)
                weights, kept = self._kept(self.exact, node, theirs)
                _add_all(scales, layer.gradient_scales(weights, dys[0].astype(np.float64), kept))
                products += dys[0].size * layer.sum_length(*node.input_shapes)
        return {name: (ours[name], exact[name], scales[name], products // ours[name].size) for name in exact}

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
        self.exact.run(
            self._all(self.exact),
            self.exact_arrays,
            visit=lambda n, a, s: exact.update(zip(n.outputs, s.outputs, strict=True)),
        )
        self.tell(f"running NumPy forward in {self.model.dtype}")
        drift: dict[Tensor, list[float]] = {}

        def compare(node, arrays, step):
            for tensor, y in zip(node.outputs, step.outputs, strict=True):
                drift[tensor] = [relative_error(side, exact[tensor]) for side in (y, theirs.outputs[tensor])]

        self.model.run(self._all(self.model), self.arrays, visit=compare)
        return drift

    def _backward(self, model: Model, dys):
        arrays = [x.astype(model.dtype) for x in self.arrays]
        step = model.call(self._all(model), arrays, training=True)
        wide = [dys[t].astype(model.dtype) for t in model.outputs]
        return model.call_backward(self._all(model), wide, Kept((), (), step.extra))

    def _row(self, layer: Layer, quantity, shape, errors, drift) -> Row:
        return Row(self.model.names[layer], layer.keras_class, quantity, tuple(shape), *errors, *drift)

    def _variables(self, layer: Layer):
        prefix = self.model.names[layer] + "/"
        return {k.removeprefix(prefix): v for k, v in self.model.variables.items() if k.startswith(prefix)}

    def _all(self, model: Model):
        return {path: variable.value for path, variable in model.variables.items()}

    def _weights(self, model: Model, layer: Layer):
        prefix = self.model.names[layer] + "/"
        return {k.removeprefix(prefix): v for k, v in self._all(model).items() if k.startswith(prefix)}


def relative_error(y, reference) -> float:
    """The largest difference in units of the largest value; infinite where only one side is finite."""
    difference = np.abs(np.asarray(y, np.float64) - reference).max(initial=0)
    largest = np.abs(reference).max(initial=0)
    return float(difference / largest) if largest else float(difference and np.inf)


def _add_all(sums: dict[str, np.ndarray], values: dict[str, np.ndarray]) -> None:
    for name, value in values.items():
        sums[name] = sums[name] + value if name in sums else value
