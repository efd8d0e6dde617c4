"""Learning-rate schedules: the rate as a function of how many steps have been taken, with Keras's names and formulas.

Source: Keras 3, keras.optimizers.schedules; Loshchilov & Hutter, arXiv:1608.03983, for the cosines.
"""

from dataclasses import asdict, dataclass
from math import ceil, cos, floor, log, pi
from typing import Any

import numpy as np

from numpycnn.ops.arguments import fail
from numpycnn.ops.scalars import real

__all__ = [
    "SCHEDULES",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "Schedule",
    "schedule_from",
]


@dataclass(frozen=True)
class Schedule:
    """The base of all schedules: a frozen description that is called with a step, counted from 0."""

    def __call__(self, step: int) -> float:
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        """As Keras writes it: {"class_name", "config"}."""
        return {"class_name": type(self).__name__, "config": asdict(self)}

    def to_keras(self):
        """The keras.optimizers.schedules object of the same name and arguments.

        It computes in keras.config.floatx(); Keras takes plain numbers as float32 whatever that is.
        """
        import keras

        values, floatx = asdict(self), keras.config.floatx()
        if floatx != "float32":
            values = {key: _numbers(value, floatx) for key, value in values.items()}
        return getattr(keras.optimizers.schedules, type(self).__name__)(**values)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """rate = initial * decay_rate^p,   p = step / decay_steps, rounded down if staircase

    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)
    0.025
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self):
        _above_zero(self, "decay_steps")

    def __call__(self, step):
        return self.initial_learning_rate * self.decay_rate ** _progress(self, step)


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """rate = initial / (1 + decay_rate * p),   p = step / decay_steps, rounded down if staircase

    >>> InverseTimeDecay(0.1, decay_steps=10, decay_rate=0.5)(20)
    0.05
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self):
        _above_zero(self, "decay_steps")

    def __call__(self, step):
        return self.initial_learning_rate / (1 + self.decay_rate * _progress(self, step))


@dataclass(frozen=True)
class PiecewiseConstantDecay(Schedule):
    """rate = values[i] for the first i with step <= boundaries[i], the last value beyond them all.

    >>> falling = PiecewiseConstantDecay((100, 200), (0.1, 0.01, 0.001))
    >>> [falling(step) for step in (0, 100, 101, 201)]
    [0.1, 0.1, 0.01, 0.001]
    """

    boundaries: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self):
        for name in ("boundaries", "values"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.boundaries or len(self.boundaries) != len(self.values) - 1:
            rule = "values must have one more entry than boundaries, and boundaries at least one"
            fail("PiecewiseConstantDecay", rule, boundaries=self.boundaries, values=self.values)
        if any(a >= b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            fail("PiecewiseConstantDecay", "boundaries must rise", boundaries=self.boundaries)

    def __call__(self, step):
        return self.values[sum(step > boundary for boundary in self.boundaries)]


@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """rate = (initial - end) * (1 - s / d)^power + end,   d = decay_steps,   s = the smaller of step and d

    cycle: d is instead the first multiple of decay_steps that is not below the step, so that the rate jumps up again.

    >>> PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)(5)
    0.05
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False

    def __post_init__(self):
        _above_zero(self, "decay_steps")

    def __call__(self, step):
        turns = max(1, ceil(step / self.decay_steps)) if self.cycle else 1
        share = min(step / (self.decay_steps * turns), 1)
        fall = self.initial_learning_rate - self.end_learning_rate
        return fall * (1 - share) ** self.power + self.end_learning_rate


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Half a cosine from the full rate to alpha times it, after a straight rise where there is a warmup_target.

    rate = initial + (target - initial) * step / warmup_steps                     while step < warmup_steps
    rate = top * ((1 - alpha) * (1 + cos(pi * s / decay_steps)) / 2 + alpha),     s = step - warmup_steps, after it

    top = target, or initial without a target; then warmup_steps counts as 0. s stops at decay_steps.

    >>> CosineDecay(0.0, decay_steps=10, warmup_target=0.1, warmup_steps=4)(2)
    0.05
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: float = 0

    def __post_init__(self):
        _above_zero(self, "decay_steps")

    def __call__(self, step):
        first, top, rise = self.initial_learning_rate, self.warmup_target, self.warmup_steps
        if top is None:
            top, rise = first, 0
        if step < rise:
            return first + (top - first) * step / rise
        return top * _half_cosine(min((step - rise) / self.decay_steps, 1), self.alpha)


@dataclass(frozen=True)
class CosineDecayRestarts(Schedule):
    """Half cosines one after the other, each t_mul times as long as the one before it and m_mul times as high.

    rate = initial * ((1 - alpha) * m_mul^i * (1 + cos(pi * p)) / 2 + alpha),   i cosines lie behind, p of this one

    >>> warm = CosineDecayRestarts(0.1, first_decay_steps=10, m_mul=0.5)
    >>> [round(warm(step), 6) for step in (0, 5, 10, 30)]
    [0.1, 0.05, 0.05, 0.025]
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def __post_init__(self):
        _above_zero(self, "first_decay_steps")

    def __call__(self, step):
        share, turn = step / self.first_decay_steps, 0
        if self.t_mul == 1:
            turn = floor(share)
            share -= turn
        else:
            turn = floor(log(1 - share * (1 - self.t_mul)) / log(self.t_mul) + 1e-12)  # 3 is reached at log(8) / log(2)
            share = (share - (1 - self.t_mul**turn) / (1 - self.t_mul)) / self.t_mul**turn
        return self.initial_learning_rate * _half_cosine(share, self.alpha, self.m_mul**turn)


SCHEDULES: dict[str, type[Schedule]] = {
    kind.__name__: kind
    for kind in (
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        CosineDecay,
        CosineDecayRestarts,
    )
}


def schedule_from(config: dict[str, Any]) -> Schedule:
    """The schedule that `Schedule.config` or Keras wrote; ValueError for an unknown class_name."""
    name = config.get("class_name")
    if name not in SCHEDULES:
        fail("schedule_from", f"class_name must be one of {', '.join(SCHEDULES)}", class_name=name)
    return SCHEDULES[name](**{key: value for key, value in config["config"].items() if key != "name"})


def _numbers(value, dtype: str):
    """Numbers as arrays of this dtype; a truth value or None as it is."""
    if isinstance(value, tuple):
        return [np.asarray(number, dtype) for number in value]
    return value if isinstance(value, bool) or value is None else np.asarray(value, dtype)


def _progress(schedule, step: int) -> float:
    share = step / schedule.decay_steps
    return floor(share) if schedule.staircase else share


def _half_cosine(share: float, alpha: float, height: float = 1.0) -> float:
    return (1 - alpha) * height * (1 + cos(pi * share)) / 2 + alpha


def _above_zero(schedule: Schedule, name: str) -> None:
    value = getattr(schedule, name)
    if real(type(schedule).__name__, name, value, rule="a number above 0", low=0) == 0:
        fail(type(schedule).__name__, f"{name} must be a number above 0", **{name: value})
