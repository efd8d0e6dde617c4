"""Optimizers and schedules in words, as on the command line: "sgd,momentum=0.9,nesterov" and "cosine,alpha=0.1"."""

from dataclasses import fields
from typing import Any

from numpycnn.ops.arguments import fail
from numpycnn.training.optimizers import OPTIMIZERS, Optimizer, optimizer_from
from numpycnn.training.schedules import SCHEDULES

__all__ = ["SCHEDULE_WORDS", "optimizer_in_words"]

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
