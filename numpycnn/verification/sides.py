"""The other side of a comparison: TensorFlow, somebody's recorded arrays, or a second model run in NumPy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from numpycnn.layers.base import Tensor
from numpycnn.models.model import Model
from numpycnn.training import Optimizer
from numpycnn.verification.keras_run import Recording, record
from numpycnn.verification.matching import Matched, match, turn_square_weights
from numpycnn.verification.recordings import read_recording

__all__ = ["Recorded", "Side", "TensorFlow", "other_side"]

Arrays = dict[Tensor, np.ndarray]


class Side(Protocol):
    """What is compared with.

    misfits: outputs that a name gives to a tensor of another shape.   notes: what people should know of the match.
    """

    name: str
    misfits: Arrays

    @property
    def notes(self) -> tuple[str, ...]: ...

    def outputs(self) -> Recording:
        """Outputs of tensors, of some at least."""
        ...

    def gradients(self, dys: Arrays, optimizer: Optimizer | None) -> tuple[Recording, Arrays] | None:
        """Outputs and gradients of a loss, and its gradients by the model's outputs: `dys`, or the side's own.

        optimizer: of the training step that comes with it, if any.
        """
        ...


class TensorFlow:
    """The same model built in Keras, with the same weights."""

    name = "TensorFlow"
    notes: tuple[str, ...] = ()

    def __init__(self, form, arrays: Sequence[np.ndarray]):
        self.form, self.arrays = form, arrays
        self.misfits: Arrays = {}

    def outputs(self) -> Recording:
        return record(self.form, self.arrays)

    def gradients(self, dys, optimizer):
        return record(self.form, self.arrays, dys, training=True, optimizer=optimizer), dys


class Recorded:
    """Arrays that were recorded once, by somebody's own run."""

    def __init__(self, name: str, model: Model, matched: Matched, turned: tuple[str, ...] = ()):
        self.name, self.model, self.matched, self.misfits = name, model, matched, matched.misfits
        self.turned = turned

    @property
    def notes(self) -> tuple[str, ...]:
        notes = []
        ordered = [f"{theirs} = {ours}" for theirs, ours, how in self.matched.pairs if how == "order"]
        if ordered:
            notes.append(f"matched by order and shape, not by name: {', '.join(ordered)}")
        if self.matched.left_over:
            notes.append(f"matched with no layer: {', '.join(self.matched.left_over)}")
        if self.matched.layout == "nchw":
            notes.append("images were recorded channels first (nchw)")
        if self.turned:
            notes.append(f"weights were recorded out-first, as their layers' outputs tell: {', '.join(self.turned)}")
        return tuple(notes)

    def outputs(self) -> Recording:
        return Recording(self.matched.outputs, {}, {})

    def gradients(self, dys, optimizer):
        found = self.matched
        if not (found.output_gradients or found.weight_gradients or (found.after and optimizer is not None)):
            return None
        missing = [t for t in self.model.outputs if t not in found.output_gradients]
        if missing:
            starts = ", ".join(f"{self.model.sources[t]}.grad" for t in missing)
            raise ValueError(f"verify: {self.name} holds gradients, but not where they start: {starts}.")
        dys = {t: found.output_gradients[t].astype(self.model.dtype) for t in self.model.outputs}
        return Recording(found.outputs, found.output_gradients, found.weight_gradients, found.after), dys


def other_side(model: Model, against: Any, inputs, layout: str | None, names) -> tuple[Side, list[np.ndarray]]:
    """The side that `against` says, and the inputs of the comparison.

    model: without models in it; it takes over weights that were recorded with the outputs.
    against: "tensorflow", the path of a recording, its arrays by name, or another Model.
    """
    if isinstance(against, str) and against == "tensorflow":
        from numpycnn.keras_io.build import keras_form

        arrays = _inputs(model, inputs)
        return TensorFlow(keras_form(model, dropout=False), arrays), arrays
    if isinstance(against, Model):
        arrays = _inputs(model, inputs)
        given = against.arrays(arrays[0] if against.single[0] else arrays)
        recorded = dict(zip((model.sources[t] for t in model.inputs), arrays, strict=True))
        recorded |= against.activations(given[0] if against.single[0] else given)
        matched = match(model, recorded, layout="nhwc", names=names)
        return Recorded(against.name or "the other model", model, matched), arrays
    if isinstance(against, str | Path):
        if not Path(against).exists():
            raise ValueError(
                f'verify: against must be "tensorflow", a recording, or a Model; got against {str(against)!r}, '
                "and there is no such file."
            )
        name, recorded = Path(against).stem, read_recording(against)
    else:
        name, recorded = "the recording", dict(against)
    matched = match(model, recorded, layout=layout, names=names)
    turned = turn_square_weights(model, matched)
    for path, value in matched.weights.items():
        model.variables[path].assign(value)
    missing = [model.sources[t] for t in model.inputs if t not in matched.outputs]
    if inputs is not None:
        arrays = _inputs(model, inputs)
    elif missing:
        raise ValueError(f"verify: {name} must hold the model's input, {', '.join(missing)}, or inputs be given.")
    else:
        arrays = model.arrays(_given(model, [matched.outputs[t] for t in model.inputs]))
    return Recorded(name, model, matched, turned), arrays


def _inputs(model: Model, inputs) -> list[np.ndarray]:
    if inputs is None:
        raise ValueError("verify: inputs must be given.")
    return model.arrays(inputs)


def _given(model: Model, arrays):
    return arrays[0] if model.single[0] else arrays
