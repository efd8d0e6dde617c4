"""The reason of a difference: which rule, or which two together, give the numbers of the other side.

What was computed is a chain of calls (a convolution, then its activation), computed again in float64 with one or two
of its calls changed by a rule. A rule explains the other side where rounding explains what is left between the two.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from numpycnn.verification.chains import Chain, Step, changed_outputs, changes, run
from numpycnn.verification.parting import parting
from numpycnn.verification.rules import RULES, Rule
from numpycnn.verification.tolerances import SUM, scaled_error

__all__ = ["Explanation", "Observation", "Reason", "explain"]

MOST_PAIRS = 400
"""Pairs of rules are tried only where no rule alone explains, and no more of them than this."""

CLOSE = 1e-4
"""What is left of the difference, relative to it, under a rule that is named as close though rounding explains less."""


@dataclass(frozen=True)
class Observation:
    """One computation and what the other side made of it.

    theirs: some of the outputs by name.   scale: S by the same names; its largest value counts, since a rule moves
    numbers to other places.   length: K.
    """

    chain: Chain
    theirs: Mapping[str, np.ndarray]
    scale: Mapping[str, Any]
    length: int = 1
    constant: float = SUM

    def error(self, outputs: Mapping[str, np.ndarray]) -> float:
        """How far theirs are from these outputs in units of rounding; infinite for another shape."""
        worst = 0.0
        for name, their in self.theirs.items():
            y = outputs[name]
            if np.shape(y) != their.shape:
                return float("inf")
            scale = np.max(np.abs(self.scale[name]), initial=0) + np.max(np.abs(y[np.isfinite(y)]), initial=0)
            error = scaled_error(their, y, scale, length=self.length, dtype=their.dtype, constant=self.constant)
            worst = max(worst, error)
        return worst


@dataclass(frozen=True)
class Reason:
    """One rule, or two together, and how far the other side is from them in units of what rounding explains."""

    rules: tuple[Rule, ...]
    error: float

    @property
    def says(self) -> str:
        return " and ".join(f"{r.says}{f' ({r.where})' if r.where else ''}" for r in self.rules)

    @property
    def fix(self) -> str:
        return "; ".join(dict.fromkeys(r.fix for r in self.rules))

    def to_dict(self) -> dict[str, Any]:
        return {"rules": [r.to_dict() for r in self.rules], "scaled_error": self.error}


@dataclass(frozen=True)
class Explanation:
    """What explains a difference: the reasons that do, and an input on which they part where there are several.

    error: without any rule.   tried: how many rules and pairs were run.   apart: a chain on which the reasons differ,
    None where one is enough or none was found.   closest: the best of those that rounding does not let pass.
    """

    reasons: tuple[Reason, ...]
    error: float
    tried: int
    apart: Chain | None = None
    closest: Reason | None = None

    @property
    def summary(self) -> str:
        """One or two sentences for people."""
        if not self.reasons:
            text = f"none of {self.tried} known rules and pairs of rules gives these numbers"
            if self.closest is not None and self.closest.error < CLOSE * self.error < np.inf:
                text += f"; closest: the other side {self.closest.says}, off by {self.closest.error:.3g}"
            return text
        first = self.reasons[0]
        if len(self.reasons) == 1:
            off = f"off by {self.error:.3g} times rounding" if np.isfinite(self.error) else "of another shape or NaN"
            return f"the other side {first.says}: {off} without this, {first.error:.2g} with it. To fix it: {first.fix}"
        several = "; or ".join(reason.says for reason in self.reasons)
        if self.apart is None:
            return f"the other side {several}. For this call they are the same computation. To fix it: {first.fix}"
        shapes = ", ".join(f"{k} {v.shape}" for k, v in self.apart[0].arrays.items() if isinstance(v, np.ndarray))
        return f"the other side {several}. This input cannot tell which; another can, with {shapes}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "summary": self.summary,
            "scaled_error": self.error,
            "tried": self.tried,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "tells_apart": None if self.apart is None else _shapes(self.apart),
        }


def explain(observations: Sequence[Observation], *, rules: Iterable[Rule] = RULES, pairs: bool = True) -> Explanation:
    """The rules under which every observation is what the other side gave, alone first, then in pairs.

    >>> from numpycnn import ops
    >>> from numpycnn.verification.calls import Call
    >>> x, kernel = np.arange(6.0).reshape(1, 1, 6, 1), np.array([1.0, 10, 100]).reshape(1, 3, 1, 1)
    >>> call = Call("conv2d", {"x": x, "kernel": kernel, "bias": None}, {"padding": "same"})
    >>> theirs = {"y": ops.conv2d(x, kernel[:, ::-1], padding="same")}
    >>> found = explain([Observation((call,), theirs, {"y": 500.0})])
    >>> [rule.name for rule in found.reasons[0].rules]
    ['flipped kernel']
    """
    observations = [
        Observation(tuple(c.astype(np.float64) for c in o.chain), o.theirs, o.scale, o.length, o.constant)
        for o in observations
    ]
    first = observations[0]
    error = max(o.error(run(o.chain)) for o in observations)
    single = [*changes(first.chain, rules)]
    found = [(Reason((step[1],), _worst(observations, [step], error)), [step]) for step in single]
    if pairs and not any(reason.error <= 1 for reason, _ in found):
        for one, other in list(combinations(single, 2))[:MOST_PAIRS]:
            steps = [one, other]
            found.append((Reason((one[1], other[1]), _worst(observations, steps, error)), steps))
    matching = [(reason, steps) for reason, steps in found if reason.error <= 1]
    closest = min((reason for reason, _ in found), key=lambda reason: reason.error) if found and not matching else None
    apart = parting(first.chain, [steps for _, steps in matching]) if len(matching) > 1 else None
    return Explanation(tuple(reason for reason, _ in matching), error, len(found), apart, closest)


def _worst(observations: Sequence[Observation], steps: Sequence[Step], error: float) -> float:
    """The largest error under these rules; infinite as soon as one observation is no better than without them."""
    worst = 0.0
    for observation in observations:
        outputs = changed_outputs(observation.chain, steps)
        if outputs is None and observation is not observations[0]:
            outputs = run(observation.chain)  # a rule that has nothing to change there
        worst = float("inf") if outputs is None else max(worst, observation.error(outputs))
        if worst > error:
            return worst
    return worst


def _shapes(chain: Chain) -> dict[str, list[int]]:
    return {k: list(v.shape) for k, v in chain[0].arrays.items() if isinstance(v, np.ndarray)}
