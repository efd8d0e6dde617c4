"""Optimizers, schedules and heads in words, as on the command line: "sgd,momentum=0.9,nesterov", "box_output=iou"."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from numpycnn.ops.arguments import fail
from numpycnn.training.config import Head
from numpycnn.training.optimizers import OPTIMIZERS, Optimizer, optimizer_from
from numpycnn.training.schedules import SCHEDULES

__all__ = ["SCHEDULE_WORDS", "heads_in_words", "optimizer_in_words"]

SCHEDULE_WORDS = {
    "exponential": "ExponentialDecay",
    "inverse_time": "InverseTimeDecay",
    "piecewise": "PiecewiseConstantDecay",
    "polynomial": "PolynomialDecay",
    "cosine": "CosineDecay",
    "cosine_restarts": "CosineDecayRestarts",
}


def optimizer_in_words(text: str, *, learning_rate: float | None = None, schedule: str | None = None, steps: int = 1):
    """The optimizer that is meant.

    Args:
        text: a name of OPTIMIZERS and its options, "adam" or "sgd,momentum=0.9,nesterov".
        learning_rate: in place of its default.
        schedule: a word of SCHEDULE_WORDS and its options, "cosine,warmup_steps=100,warmup_target=0.01"; it starts at
            the learning rate, and decay_steps are all `steps` of the run unless it says how many. Several numbers are
            written with slashes: "piecewise,boundaries=100/200,values=0.1/0.01/0.001".

    Raises: ValueError for an unknown word, or an option that the optimizer or the schedule does not have.

    >>> optimizer_in_words("sgd,momentum=0.9,nesterov").nesterov
    True
    >>> optimizer_in_words("adam", learning_rate=0.01, schedule="cosine", steps=500).rate(250)
    0.005
    """
    name, options = _words(text)
    if name not in OPTIMIZERS:
        fail("optimizer", f"the name must be one of {', '.join(OPTIMIZERS)}", name=name)
    if learning_rate is not None:
        options["learning_rate"] = learning_rate
    made = optimizer_from(name, **options)
    return made if schedule is None else _scheduled(made, schedule, steps)


OF_TARGETS = {"class": "sparse_categorical_crossentropy", "box": "mean_squared_error"}
"""The loss of a target where none is named."""

OF_LOSSES = {
    "sparse_categorical_crossentropy": ("accuracy",),
    "categorical_crossentropy": ("accuracy",),
    "binary_crossentropy": ("binary_accuracy",),
}
"""The metrics that go with a loss unasked."""


def heads_in_words(
    outputs: Sequence[str],
    targets: Sequence[str] = ("class",),
    *,
    losses: Sequence[str] = (),
    weights: Sequence[str] = (),
    metrics: Sequence[str] = (),
) -> tuple[Head, ...]:
    """A head for each output of a model.

    Args:
        outputs: the names of the outputs; targets: what the data says of each example, "class" or "box".
        losses, weights: a word for each output in their order, or OUTPUT=WORD for some; the others have the loss that
            goes with their target, and 1.
        metrics: each a word for every output, or OUTPUT=WORD for one; those that go with a loss or a box come first.

    Raises: ValueError for an output that the model has not, or one that is named twice, and as Head.

    >>> _, box = heads_in_words(["name", "place"], ["class", "box"], weights=["place=0.2"])
    >>> box.loss, box.weight, box.metrics
    ('mean_squared_error', 0.2, ('iou',))
    """
    known = targets if len(targets) == len(outputs) else ["class"] * len(outputs)
    own_losses, own_weights = _of_outputs("loss", losses, outputs), _of_outputs("loss-weight", weights, outputs)
    own_metrics: dict[str, list[str]] = {name: [] for name in outputs}
    for text in metrics:
        name, equals, word = text.partition("=")
        for output in [_known(text, name, outputs)] if equals else outputs:
            own_metrics[output].append(word if equals else text)
    heads = []
    for name, target in zip(outputs, known, strict=True):
        loss = own_losses.get(name, OF_TARGETS[target])
        with_it = ("iou",) if target == "box" else OF_LOSSES.get(loss, ())
        weight = _number("loss-weight", own_weights.get(name, "1"))
        heads.append(Head(loss=loss, weight=weight, metrics=tuple(dict.fromkeys([*with_it, *own_metrics[name]]))))
    return tuple(heads)


def _of_outputs(option: str, words: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    """The word of each output that has one."""
    named = [text.partition("=") for text in words if "=" in text]
    if not named:
        if words and len(words) != len(outputs):
            rule = f"{option} must be given for each of the outputs {', '.join(outputs)}, or as {outputs[0]}=..."
            fail("train", rule, got=list(words))
        return dict(zip(outputs, words, strict=False))
    if len(named) != len(words):
        fail("train", f"{option} must name its output each time or never, as {outputs[0]}=...", got=list(words))
    names = [_known(name + equals + word, name, outputs) for name, equals, word in named]
    if len(set(names)) != len(names):
        fail("train", f"{option} must be said once of an output", got=list(words))
    return {name: word for name, _, word in named}


def _known(text: str, name: str, outputs: Sequence[str]) -> str:
    return name if name in outputs else fail("train", f"the model's outputs are {', '.join(outputs)}", word=text)


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        fail("train", f"{option} must be a number, or OUTPUT=number", word=text)


def _scheduled(optimizer: Optimizer, text: str, steps: int) -> Optimizer:
    name, options = _words(text)
    if name not in SCHEDULE_WORDS:
        fail("schedule", f"the name must be one of {', '.join(SCHEDULE_WORDS)}", name=name)
    kind = SCHEDULES[SCHEDULE_WORDS[name]]
    known = [field.name for field in fields(kind)]
    for key in options:
        if key not in known:
            fail("schedule", f"{name} takes {', '.join(known)}", option=key)
    given: dict[str, Any] = {"initial_learning_rate": optimizer.rate(0), "decay_steps": steps}
    given = {key: value for key, value in given.items() if key in known}
    try:
        schedule = kind(**given | options)
    except TypeError:
        fail("schedule", f"{name} needs {', '.join(key for key in known if key not in given)}", schedule=text)
    return optimizer_from(optimizer.config(), learning_rate=schedule.config())


def _words(text: str) -> tuple[str, dict[str, Any]]:
    """The first word, and the options after it; one without a value is True."""
    name, *others = (word.strip() for word in text.split(","))
    options: dict[str, Any] = {}
    for word in others:
        key, equals, value = word.partition("=")
        options[key] = _value(word, value) if equals else True
    return name, options


def _value(word: str, text: str):
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return tuple(map(float, text.split("/"))) if "/" in text else float(text)
    except ValueError:
        fail("train", "an option must be a number, as momentum=0.9", option=word)
