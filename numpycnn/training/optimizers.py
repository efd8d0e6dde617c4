"""Optimizers: how gradients change weights, with the names, defaults and update rules of Keras 3.

An optimizer here is a frozen description. Its numbers, how many steps were taken and the arrays it keeps for each
weight, are an `OptimizerState`; `update` takes weights, gradients and a state, changes none of them, and gives new
ones. Scalars are computed as Python floats, arrays in the dtype of the weights. Keras computes its scalars in the
weights' dtype too: in float32 its first steps of Adam are off by up to 3e-5 of the step, as 1 - 0.999 loses digits.

Source: Keras 3, keras.optimizers, for every rule as it stands there; the papers are named with each class.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from numpycnn.ops.arguments import fail, ieee
from numpycnn.ops.scalars import real
from numpycnn.training.schedules import Schedule, schedule_from

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Nadam", "Optimizer", "OptimizerState", "RMSprop", "optimizer_from"]

Arrays = Sequence[np.ndarray]


class OptimizerState(NamedTuple):
    """What an optimizer knows between two steps.

    step: how many updates were made.   slots: by Keras's name of it, one array for each weight, or numbers.
    """

    step: int
    slots: dict[str, tuple[Any, ...]]


class Updated(NamedTuple):
    """What one update gives: the weights in their order, and the state for the next."""

    weights: tuple[np.ndarray, ...]
    state: OptimizerState


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """What all optimizers have. Before the rule of its class, each step does, in this order:

    clipping, at most one of the three, with |.| the root of the sum of squares:
        clipnorm: g * clipnorm / max(|g|, clipnorm), each gradient by its own norm;
        global_clipnorm: the same factor for all gradients, from the norm of all of them together;
        clipvalue: every value of g cut to -clipvalue .. clipvalue.
    weight decay: w - w * weight_decay * learning_rate, for every weight ("decoupled").

    Args: learning_rate: a number, or a Schedule of the number of steps taken.

    Raises: ValueError or TypeError for numbers out of range, or two ways of clipping at once.
    """

    learning_rate: float | Schedule
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None

    def __post_init__(self):
        name, clips = type(self).__name__, ("clipnorm", "clipvalue", "global_clipnorm")
        given = {clip: getattr(self, clip) for clip in clips if getattr(self, clip) is not None}
        if len(given) > 1:
            fail(name, "at most one of clipnorm, clipvalue and global_clipnorm can be set", **given)
        positive = {"rule": "a number above 0", "low": np.nextafter(0.0, 1.0)}
        for key, value in given.items():
            real(name, key, value, **positive)
        if not isinstance(self.learning_rate, Schedule):
            real(name, "learning_rate", self.learning_rate, rule="a number of at least 0, or a Schedule", low=0)
        if self.weight_decay is not None:
            real(name, "weight_decay", self.weight_decay, rule="a number of at least 0, or None", low=0)
        for key in ("momentum", "beta_1", "beta_2", "rho"):
            if hasattr(self, key):
                real(name, key, getattr(self, key), rule="a number in [0, 1]", low=0, high=1)
        if hasattr(self, "epsilon"):
            real(name, "epsilon", self.epsilon, rule="a number of at least 0", low=0)  # type: ignore[attr-defined]

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the arrays that are kept for each weight, in Keras's order."""
        return ()

    def initial_state(self, weights: Arrays) -> OptimizerState:
        """The state before the first step: zeros of the shape and dtype of each weight."""
        return OptimizerState(0, {name: tuple(map(np.zeros_like, weights)) for name in self.slots})

    def rate(self, step: int) -> float:
        """The learning rate of the update that follows `step` updates."""
        return float(self.learning_rate(step) if isinstance(self.learning_rate, Schedule) else self.learning_rate)

    @ieee
    def update(
        self, weights: Arrays, gradients: Arrays, state: OptimizerState, *, learning_rate: float | None = None
    ) -> Updated:
        """One step for all weights.

        Args:
            weights, gradients: arrays in one order, of the same shapes.
            learning_rate: in place of the optimizer's own.

        Returns: new weights, of the same dtypes, and the new state; nothing that came in is changed.
        Raises: ValueError where shapes differ, or the state is not one of these weights.

        >>> sgd = SGD(learning_rate=0.5)
        >>> weights = [np.array([1.0, 2.0])]
        >>> sgd.update(weights, [np.array([0.5, 1.0])], sgd.initial_state(weights)).weights
        (array([0.75, 1.5 ]),)
        """
        self._check(weights, gradients, state)
        rate = self.rate(state.step) if learning_rate is None else learning_rate
        gradients = [g.astype(w.dtype, copy=False) for w, g in zip(weights, gradients, strict=True)]
        decay = 0.0 if self.weight_decay is None else self.weight_decay * rate
        shared = self._shared(state)
        updated, slots = [], []
        for i, (w, g) in enumerate(zip(weights, self._clipped(gradients), strict=True)):
            own = {name: state.slots[name][i] for name in self.slots}
            w, own = self._step(w - w * decay if decay else w, g, own, rate, state.step + 1, shared)
            updated.append(w)
            slots.append(own)
        kept = {name: tuple(own[name] for own in slots) for name in self.slots}
        return Updated(tuple(updated), OptimizerState(state.step + 1, kept | shared))

    def _step(self, w, g, slots, rate: float, t: int, shared) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """One weight after its t-th update, counted from 1, and its slots; new arrays."""
        raise NotImplementedError

    def _shared(self, state: OptimizerState) -> dict[str, tuple[float, ...]]:
        """Numbers that all weights share, as they are in the coming update."""
        return {}

    def _clipped(self, gradients):
        if self.clipvalue is not None:
            return [np.clip(g, -self.clipvalue, self.clipvalue) for g in gradients]
        limit = self.clipnorm if self.global_clipnorm is None else self.global_clipnorm
        if limit is None:
            return gradients
        norms = [_norm(g) for g in gradients]
        if self.global_clipnorm is not None:
            norms = [_norm(np.array(norms))] * len(norms)
        return [g * float(limit / np.maximum(n, limit)) for g, n in zip(gradients, norms, strict=True)]

    def _check(self, weights, gradients, state) -> None:
        name, shapes = f"{type(self).__name__}.update", [w.shape for w in weights]
        if shapes != [g.shape for g in gradients]:
            rule = "there must be a gradient of its own shape for each weight"
            fail(name, rule, weights=shapes, gradients=[g.shape for g in gradients])
        for slot in self.slots:
            if [array.shape for array in state.slots.get(slot, ())] != shapes:
                fail(name, f"the state must hold {slot} for each weight, as initial_state does", weights=shapes)

    def config(self) -> dict[str, Any]:
        """As Keras writes it: {"class_name", "config"}."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.learning_rate, Schedule):
            values["learning_rate"] = self.learning_rate.config()
        return {"class_name": type(self).__name__, "config": values}

    def to_keras(self):
        """The keras.optimizers object of the same name and arguments.

        Keras holds a learning rate in keras.config.floatx(), float32 unless it is told otherwise, and rounds the other
        numbers to float32 in any case. Where floatx is float64 they are given to it so that it does not, but for the
        0.96 of Nadam, which stands in its code.
        """
        import keras

        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.learning_rate, Schedule):
            values["learning_rate"] = self.learning_rate.to_keras()
        built = getattr(keras.optimizers, type(self).__name__)(**values)
        if keras.config.floatx() == "float64":
            for key, value in values.items():
                if isinstance(value, float) and key != "learning_rate":
                    setattr(built, key, np.asarray(value))
        return built


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """w - rate * g; with momentum, a velocity that forgets slowly.

    m' = momentum * m - rate * g
    w' = w + m', or with nesterov w + momentum * m' - rate * g

    Source: Polyak (1964); Sutskever et al., ICML 2013, for Nesterov's form.
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    @property
    def slots(self):
        return ("momentum",) if self.momentum else ()

    def _step(self, w, g, slots, rate, t, shared):
        if not self.momentum:
            return w - g * rate, {}
        m = slots["momentum"] * self.momentum - g * rate
        return w + (m * self.momentum - g * rate if self.nesterov else m), {"momentum": m}


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """Gradients over the root of the running mean of their squares.

    v' = rho * v + (1 - rho) * g^2
    a' = rho * a + (1 - rho) * g   if centered, else 0
    step = rate * g / sqrt(v' - a'^2 + epsilon)
    w' = w - step, or with momentum w - m',   m' = momentum * m + step

    Epsilon stands under the root, where Adam's stands outside.
    Source: Tieleman & Hinton, Lecture 6.5 (2012); Graves, arXiv:1308.0850, for the centered form.
    """

    learning_rate: float | Schedule = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    @property
    def slots(self):
        return ("velocity", *("momentum",) * (self.momentum > 0), *("average_gradient",) * self.centered)

    def _step(self, w, g, slots, rate, t, shared):
        made = {"velocity": slots["velocity"] * self.rho + g * g * (1 - self.rho)}
        under = made["velocity"] + self.epsilon
        if self.centered:
            made["average_gradient"] = slots["average_gradient"] * self.rho + g * (1 - self.rho)
            under = made["velocity"] - made["average_gradient"] ** 2 + self.epsilon
        step = g * rate / np.sqrt(under)
        if self.momentum > 0:
            step = made["momentum"] = slots["momentum"] * self.momentum + step
        return w - step, made


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Running means of gradients and of their squares, with their bias towards zero corrected in the rate.

    m' = m + (1 - beta_1) * (g - m)
    v' = v + (1 - beta_2) * (g^2 - v);   with amsgrad the largest v' so far takes its place in the step
    w' = w - rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m' / (sqrt(v') + epsilon)

    Epsilon is added to the root before its bias is corrected ("epsilon hat" of the paper), so that a first step is
    smaller than the paper's algorithm 1 where gradients are as small as epsilon.
    Source: Kingma & Ba, arXiv:1412.6980; Reddi et al., ICLR 2018, for amsgrad.
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False

    @property
    def slots(self):
        return ("momentum", "velocity", *("velocity_hat",) * self.amsgrad)

    def _step(self, w, g, slots, rate, t, shared):
        made = _means(slots, g, self.beta_1, self.beta_2)
        v = made["velocity"]
        if self.amsgrad:
            v = made["velocity_hat"] = np.maximum(slots["velocity_hat"], v)
        alpha = rate * sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        return w - made["momentum"] * alpha / (np.sqrt(v) + self.epsilon), made


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with weight decay by default. Source: Loshchilov & Hutter, arXiv:1711.05101."""

    weight_decay: float | None = 0.004

    def __post_init__(self):
        super().__post_init__()
        if self.weight_decay is None:
            fail("AdamW", "weight_decay must be a number; Adam is the one without")


@dataclass(frozen=True, kw_only=True)
class Nadam(Optimizer):
    """Adam that looks ahead, with Nesterov's momentum on a schedule of its own.

    u_t = beta_1 * (1 - 0.96^t / 2),   U_t = u_1 * ... * u_t
    m', v' as Adam
    m_hat = u_(t+1) * m' / (1 - U_(t+1)) + (1 - u_t) * g / (1 - U_t),   v_hat = v' / (1 - beta_2^t)
    w' = w - rate * m_hat / (sqrt(v_hat) + epsilon)

    Source: Dozat (2016), Incorporating Nesterov Momentum into Adam.
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    @property
    def slots(self):
        return ("momentum", "velocity")

    def initial_state(self, weights):
        state = super().initial_state(weights)
        return state._replace(slots=state.slots | {"u_product": (1.0,)})

    def _shared(self, state):
        return {"u_product": (state.slots["u_product"][0] * self._u(state.step + 1),)}

    def _u(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def _step(self, w, g, slots, rate, t, shared):
        made = _means(slots, g, self.beta_1, self.beta_2)
        (product,) = shared["u_product"]
        ahead = self._u(t + 1)
        m_hat = made["momentum"] * (ahead / (1 - product * ahead)) + g * ((1 - self._u(t)) / (1 - product))
        v_hat = made["velocity"] / (1 - self.beta_2**t)
        return w - m_hat * rate / (np.sqrt(v_hat) + self.epsilon), made


OPTIMIZERS: dict[str, type[Optimizer]] = {kind.__name__.lower(): kind for kind in (SGD, RMSprop, Adam, AdamW, Nadam)}
"""By the names that keras.optimizers.get takes."""


def optimizer_from(identifier, **options) -> Optimizer:
    """An optimizer by its name with these options, or from what `Optimizer.config` or Keras wrote.

    Raises: ValueError for an unknown name or option.

    >>> optimizer_from("sgd", momentum=0.9).slots
    ('momentum',)
    """
    if isinstance(identifier, Optimizer) and not options:
        return identifier
    name = identifier
    if isinstance(identifier, dict):
        name, options = identifier.get("class_name"), {**identifier.get("config", {}), **options}
    kind = OPTIMIZERS.get(str(name).lower())
    if kind is None:
        fail("optimizer_from", f"the name must be one of {', '.join(OPTIMIZERS)}", name=name)
    known = [field.name for field in fields(kind)]
    if isinstance(options.get("learning_rate"), dict):
        options["learning_rate"] = schedule_from(options["learning_rate"])
    for key in options:
        if key not in known:
            fail("optimizer_from", f"{kind.__name__} takes {', '.join(known)}", option=key)
    return kind(**options)


def _means(slots, g, beta_1: float, beta_2: float) -> dict[str, np.ndarray]:
    m, v = slots["momentum"], slots["velocity"]
    return {"momentum": m + (g - m) * (1 - beta_1), "velocity": v + (g * g - v) * (1 - beta_2)}


def _norm(values: np.ndarray) -> float:
    """The root of the sum of squares, scaled so that no square overflows."""
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    scaled = values.astype(np.float64, copy=False) / largest
    return largest * float(np.sqrt(np.vdot(scaled, scaled)))
