"""A model, data and a description brought together and checked: what a backend is given to work on."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from numpycnn.data import Dataset
from numpycnn.models import Model
from numpycnn.models.logits import with_logits
from numpycnn.ops.arguments import fail
from numpycnn.training.config import TrainingConfig
from numpycnn.training.objective import LOSSES, Objective, class_weights

__all__ = ["Problem", "TrainingError", "output_names"]

Logs = dict[str, float]


class TrainingError(RuntimeError):
    """A run that cannot go on: a loss that is no number, a folder that cannot be written. What was finished is kept."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What is trained, on what, and how.

    Raises: ValueError where heads, outputs, classes and inputs do not go together; all before any work.
    """

    model: Model
    data: Dataset
    config: TrainingConfig
    unreadable: list[Exception] = field(default_factory=list, init=False)
    """What was raised while examples were read, for a backend that would wrap it in words of its own."""

    def __post_init__(self):
        model, data, config = self.model, self.data, self.config
        if len(model.outputs) != len(config.heads):
            rule = f"there must be a head for each of the model's {len(model.outputs)} outputs"
            fail("train", rule, heads=[head.loss for head in config.heads])
        targets = data.train.targets
        if len(targets) != len(model.outputs):
            rule = f"the model must have an output for what {data.name} says of each example: {' and '.join(targets)}"
            fail("train", rule, outputs=self.output_names)
        if len(model.inputs) != 1:
            fail("train", f"the model must have one input; this one has {len(model.inputs)}")
        if str(model.dtype) != config.dtype:
            rule = f"the model must be of the dtype of the precision {config.precision}: model.astype({config.dtype!r})"
            fail("train", rule, model=str(model.dtype))
        if not model.trainable_weights:
            fail("train", "there must be a layer with weights that is not frozen", model=model.name)
        if not len(data.train):
            fail("train", f"{data.name} must have at least one example to train on")
        shape = model.inputs[0].shape
        if len(shape) != len(data.shape) or any(a not in (None, b) for a, b in zip(shape, data.shape, strict=True)):
            fail("train", f"the model's input must have the shape of the examples, {data.shape}", input_shape=shape)
        if "box" in targets and config.augmentation is not None and config.augmentation.moves:
            fail("train", "with boxes, augmentation must leave pixels where they are: contrast and brightness alone do")
        for head, tensor, target in zip(config.heads, model.outputs, targets, strict=True):
            classes, outputs = len(data.class_names), tensor.shape[-1]
            if outputs != 4 and (target == "box" or "iou" in head.metrics):
                name = self.model.names[tensor.node.layer]
                fail(
                    "train",
                    f"a box, and iou of boxes, needs an output of 4 numbers, which {name} is not",
                    outputs=outputs,
                )
            if head.loss == "sparse_categorical_crossentropy" and classes and classes != outputs:
                rule = f"the model must have an output for each of the {classes} classes of {data.name}"
                fail("train", rule, outputs=outputs)
        _ = self.class_weight  # checks it
        columns = dict.fromkeys(self.columns, 0.0)
        for monitor in (config.best, config.early_stopping, config.plateau):
            if monitor is not None:
                monitor.value(columns)

    @cached_property
    def _parts(self):
        return with_logits(self.model, [LOSSES[head.loss].squashing for head in self.config.heads])

    @property
    def logits(self) -> Model:
        """The model that is run, laid out flat, its heads without softmax; it shares the weights of `model`."""
        return self._parts[0]

    @cached_property
    def class_weight(self) -> np.ndarray | None:
        return class_weights(self.config.class_weight, self.data.train.y, len(self.data.class_names))

    @cached_property
    def objective(self) -> Objective:
        return Objective(self.config.heads, self._parts[1], self.class_weight, self.config.l2)

    @property
    def output_names(self) -> list[str]:
        return output_names(self.model)

    @property
    def columns(self) -> list[str]:
        """The names of the figures of an epoch: of training, val_ of validation where there is any, the rate."""
        heads = self.config.heads
        trained = self.logs(0.0, [0.0] * len(heads), [dict.fromkeys(head.metrics, 0.0) for head in heads])
        validated = [f"val_{name}" for name in trained] if len(self.data.validation) else []
        return [*trained, *validated, "learning_rate"]

    def logs(self, loss: float, parts, metrics) -> Logs:
        """The columns that Keras has: loss, accuracy; with several outputs class_output_loss and so on."""
        if len(self.config.heads) == 1:
            return {"loss": loss, **metrics[0]}
        found = {"loss": loss}
        for name, part, own in zip(self.output_names, parts, metrics, strict=True):
            found |= {f"{name}_loss": part, **{f"{name}_{key}": value for key, value in own.items()}}
        return found


def output_names(model: Model) -> list[str]:
    """The names of the layers that give the outputs, as Keras calls them."""
    return [model.names[tensor.node.layer] for tensor in model.outputs]
