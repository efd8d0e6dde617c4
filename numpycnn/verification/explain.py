"""The reason of a difference: which rule, or which two together, give the numbers of the other side.

What was computed is a chain of calls (a convolution, then its activation), computed again in float64 with one or two
of its calls changed by a rule. A rule explains the other side where rounding explains what is left between the two.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from numpycnn.detection import convert_boxes, valid_boxes
from numpycnn.verification.calls import Call
from numpycnn.verification.rules import RULES, Rule
from numpycnn.verification.tolerances import SUM, scaled_error

__all__ = ["Explanation", "Observation", "Reason", "explain"]

MOST_PAIRS = 400
"""Pairs of rules are tried only where no rule alone explains, and no more of them than this."""

CLOSE = 1e-4
"""What is left of the difference, relative to it, under a rule that is named as close though rounding explains less."""

Chain = tuple[Call, ...]


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
    single = {(place, rule): one for place, rule, one in _changes(first.chain, rules)}
    tried, found = 0, []
    for (place, rule), _ in single.items():
        tried += 1
        found.append((Reason((rule,), _worst(observations, [(place, rule)], error)), [(place, rule)]))
    if pairs and not any(reason.error <= 1 for reason, _ in found):
        for one, other in list(combinations(single, 2))[:MOST_PAIRS]:
            tried += 1
            steps = [one, other]
            found.append((Reason((one[1], other[1]), _worst(observations, steps, error)), steps))
    matching = [(reason, steps) for reason, steps in found if reason.error <= 1]
    closest = min((reason for reason, _ in found), key=lambda reason: reason.error) if found and not matching else None
    parted, apart = _parted(first.chain, matching)
    return Explanation(tuple(parted), error, tried, apart, closest)


def run(chain: Chain) -> dict[str, Any]:
    """The outputs of the last call; each earlier one gives the x of the next."""
    outputs: dict[str, Any] = {}
    for call in chain:
        outputs = (call.with_arrays(x=outputs["y"]) if outputs else call).run()
    return outputs


def _changes(chain: Chain, rules) -> Iterator[tuple[int, Rule, Chain]]:
    """Every (place, rule) that applies to a call of the chain, with the chain changed so."""
    values = chain[0]
    for place, call in enumerate(chain):
        if place:
            values = call.with_arrays(x=run(chain[:place])["y"])
        for rule in rules:
            changed = _tried(rule, values)
            if changed is not None:
                yield place, rule, (*chain[:place], changed, *chain[place + 1 :])


def _tried(rule: Rule, call: Call) -> Call | None:
    try:
        return rule(call)
    except (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError):
        return None


def changed_outputs(chain: Chain, steps) -> dict[str, Any] | None:
    """The outputs of the chain under these (place, rule); None where they do not apply to it or cannot be run."""
    outputs: dict[str, Any] = {}
    try:
        with np.errstate(all="ignore"):
            for place, call in enumerate(chain):
                call = call.with_arrays(x=outputs["y"]) if outputs else call
                for at, rule in steps:
                    if at == place:
                        call = rule(call)
                        if call is None:
                            return None
                outputs = call.run()
    except (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError):
        return None
    return outputs


def _worst(observations, steps, error: float) -> float:
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


# Several reasons for one difference.


def _parted(chain: Chain, matching) -> tuple[list[Reason], Chain | None]:
    """The matching reasons, and a chain on which they differ; all of them are kept."""
    reasons = [reason for reason, _ in matching]
    if len(matching) < 2:
        return reasons, None
    steps = [step for _, step in matching]
    best, most = None, 1
    for candidate in _inputs(chain):
        kinds = _kinds(candidate, steps)
        if kinds > most:
            best, most = candidate, kinds
        if kinds == len(steps):
            break
    return reasons, best


def _kinds(chain: Chain, steps) -> int:
    """How many different results the rules give on this chain."""
    different: list[dict] = []
    for one in steps:
        outputs = changed_outputs(chain, one)
        if outputs is None:
            outputs = run(chain) if _runs(chain) else None
        if outputs is not None and not any(_alike(outputs, other) for other in different):
            different.append(outputs)
    return len(different)


def _runs(chain: Chain) -> bool:
    try:
        run(chain)
    except (ValueError, TypeError):
        return False
    return True


def _alike(a: dict, b: dict) -> bool:
    """Equal shapes, and values closer than anybody would have to look for."""
    for name, y in a.items():
        if np.shape(y) != np.shape(b[name]):
            return False
        size = np.max(np.abs(y), initial=0)
        if not np.allclose(y, b[name], rtol=0, atol=1e-4 * size, equal_nan=True):
            return False
    return True


def _inputs(chain: Chain) -> Iterator[Chain]:
    """The same calls on other inputs: numbers of many sizes, images a few pixels larger on one side or the other."""
    rng, call = np.random.default_rng(0), chain[0]
    x = call.arrays.get("x")
    if x is None:
        yield from ((drawn, *chain[1:]) for drawn in _boxes(rng, call))
        return
    for size in (1, 1e-3):
        for more in ((0, 0), (1, 0), (0, 1), (1, 2), (2, 3), (3, 1), (4, 5)) if x.ndim == 4 else ((0, 0),):
            shape = (2, x.shape[1] + more[0], x.shape[2] + more[1], x.shape[3]) if x.ndim == 4 else (5, *x.shape[1:])
            arrays = {k: _drawn(rng, k, v.shape) for k, v in call.arrays.items() if isinstance(v, np.ndarray)}
            drawn = call.with_arrays(**{**arrays, "x": size * _drawn(rng, "x", shape)})
            if call.backward:
                drawn = _with_dy(rng, drawn)
            if drawn is not None:
                yield (drawn, *chain[1:])


def _boxes(rng, call: Call) -> Iterator[Call]:
    """The same call on other boxes of whole numbers, with scores that tie and other thresholds.

    First ordinary boxes, some of one width, so that overlaps of 1/2 and 1/3 are frequent; then boxes in any order,
    where those of the call are.
    """
    known = {"format": call.options.get("format", "xyxy")}
    given = [boxes for name, boxes in call.arrays.items() if name.startswith("boxes")]
    ordinary = all(valid_boxes(boxes, **known).all() for boxes in given)
    for k in range(20 if given else 0):
        arrays = {name: v for name, v in call.arrays.items() if isinstance(v, np.ndarray) and name != "dy"}
        for name, array in arrays.items():
            shape = (12, *array.shape[1:]) if array.ndim > 1 or "boxes" not in name else array.shape
            arrays[name] = rng.integers(0, 8, shape) / (1 if "boxes" in name else 16)
            if "boxes" in name and (ordinary or k < 12):
                low, sides = arrays[name][..., :2], arrays[name][..., 2:] + 1
                if k % 2:
                    low, sides = (
                        low * (1, 0) // 2,
                        np.stack([0 * sides[..., 0] + 4, 2 + sides[..., 1] % 2 * 2], axis=-1),
                    )
                corners = np.concatenate([low, low + sides], axis=-1)
                arrays[name] = convert_boxes(corners, "xyxy", known["format"])
        if "classes" in arrays:
            arrays["classes"] = rng.integers(0, 3, 12)
        drawn = call.with_arrays(**arrays)
        if call.options.get("max_output_size") == len(call.arrays.get("scores", ())):  # all of them
            drawn = drawn.with_options(max_output_size=len(arrays["scores"]))
        if k > 2 and "iou_threshold" in call.options:
            drawn = drawn.with_options(iou_threshold=(0.5, 0.25, 1 / 3)[k // 2 % 3])
        if call.backward:
            drawn = _with_dy(rng, drawn)
        if drawn is not None:
            yield drawn


def _with_dy(rng, call: Call) -> Call | None:
    """A backward with a dy of the shape that its forward now gives."""
    arrays = {k: v for k, v in call.arrays.items() if k != "dy"}
    try:
        y = next(iter(replace(call, op=call.forward_op, arrays=arrays, function=None, finish=()).run().values()))
    except (ValueError, TypeError):
        return None
    return call.with_arrays(dy=rng.normal(size=y.shape))


def _drawn(rng, name: str, shape) -> np.ndarray:
    """Numbers over a decade and a half; variances so small that an epsilon shows."""
    numbers = rng.normal(size=shape) * 10.0 ** rng.uniform(-1, 0.5, shape)
    return 1e-6 * np.abs(numbers) if name == "variance" else numbers


def _shapes(chain: Chain) -> dict[str, list[int]]:
    return {k: list(v.shape) for k, v in chain[0].arrays.items() if isinstance(v, np.ndarray)}
