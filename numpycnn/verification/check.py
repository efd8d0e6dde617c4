"""Somebody's own function beside an op of the specification, on drawn cases, shrunk to the smallest that fails."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numpycnn.verification.accepted import Accepted, find_accepted, fitted
from numpycnn.verification.calls import BACKWARD, Call
from numpycnn.verification.explain import Explanation, Observation, explain
from numpycnn.verification.function_report import Failure, FunctionReport
from numpycnn.verification.functions import Bound, bind
from numpycnn.verification.layouts import layout_of
from numpycnn.verification.tolerances import scaled_error

__all__ = ["check"]

PROBES = 80
"""How many drawn calls are used to find out what the function accepts, and what its mistakes have in common."""

MOST_OBSERVED = 8
ROUNDS = 3


def check(
    function: Callable,
    op: str = "conv2d",
    *,
    layout: str = "nhwc",
    params: Mapping[str, str] | None = None,
    dtype="float32",
    examples: int = 200,
    seed: int = 0,
    empty: bool = False,
    plain: bool = False,
    options: Mapping[str, Any] | None = None,
    in_place: bool = False,
) -> FunctionReport:
    """Compare a function of your own with an op on drawn cases: shapes, strides, paddings, ties and the rest.

    The cases are those that numpycnn's own tests use. Each result is compared with the op in float64 under the
    scaled-error rule (verification.tolerances). The first kind of failure is shrunk to the smallest case that shows
    it, and the rules (verification.rules) are asked which of them would give the function's numbers.

    Args:
        function: takes the op's arrays in the op's order and its options by keyword, and gives an array; for the
            backward of an op ("conv2d_backward") it takes dy first and gives all gradients or the first of them.
            Options that it has no parameter for, or answers with TypeError or NotImplementedError, are left out.
        op: a function of numpycnn.ops, or of numpycnn.detection that measures or suppresses boxes.
        layout: "nhwc", or "nchw" for a function that takes images (batch, C, H, W) and kernels (out, in, H, W).
        params: {the op's name: the function's name} for what is called differently, as {"kernel": "w"}.
        dtype: of the arrays; the results must have it too.
        examples: how many cases are drawn.   seed: of the drawing.
        empty: draw empty batches as well.
        plain: of boxes, draw only those with their corners in order and an area.
        options: {the op's name: a value} of options that have this value in every case, as {"format": "yxyx"} for a
            function that takes boxes so.
        in_place: the function may write into its arguments.

    Returns: a FunctionReport; `.holds`, `.failure`, `.summary`, `.to_json()`.
    Raises: ValueError for an unknown op, layout, option or parameter name, an option's value that the op refuses, or
        `plain` where all cases are; TypeError where the function takes too few arrays; ImportError without Hypothesis.
    """
    try:
        from numpycnn.testing import find_op
    except ImportError as error:
        raise ImportError(f'Hypothesis is needed: pip install "numpycnn-reference[testing]"; {error}') from error
    known = find_op(op.removesuffix(BACKWARD))
    if op.endswith(BACKWARD) and not known.gradients:
        raise ValueError(f"check: {known.name} has no backward.")
    if plain and known.plain is None:
        raise ValueError(f"check: all cases of {op} are plain.")
    checker = Checker(known, op.endswith(BACKWARD), np.dtype(dtype), seed, empty, plain, in_place)
    checker.probes = list(checker.drawn(min(examples, PROBES)))
    checker.bound = bind(function, op, layout_of(layout), params, checker.complete(checker.probes[0]))
    fixed = _fixed(op, options, checker.probes)
    checker.accepted = find_accepted(checker.bound, checker.probes, checker.complete, fixed)
    return checker.report(examples)


def _fixed(op: str, options: Mapping[str, Any] | None, probes: Iterable[Call]) -> dict[str, Any]:
    """The options that have one value; ValueError for one that the op does not have, or a value it always refuses."""
    fixed, first = dict(options or {}), next(iter(probes))
    for name in fixed:
        if name not in first.options:
            raise ValueError(f"check: {op} has no option {name!r}; it has {', '.join(first.options) or 'none'}.")
    refusal = None
    for call in probes if fixed else ():
        try:
            fitted(call, fixed).run()
            return fixed
        except (ValueError, TypeError) as error:
            refusal = refusal or error
    if refusal is not None:
        raise ValueError(str(refusal))
    return fixed


@dataclass
class Judged:
    """One case with what the function made of it; kind is None where that is right."""

    call: Call
    kind: str | None = None
    message: str = ""
    theirs: Any = None
    reference: Any = None
    observation: Observation | None = None
    written: Sequence[str] = ()


class Wrong(Exception):
    """Tells Hypothesis that a case fails."""


class Checker:
    """One function beside one op."""

    bound: Bound
    accepted: Accepted

    def __init__(self, op, backward: bool, dtype: np.dtype, seed: int, empty: bool, plain: bool, in_place: bool):
        self.op, self.backward, self.dtype, self.seed = op, backward, dtype, seed
        self.empty, self.plain, self.in_place = empty, plain, in_place
        self.run, self.probes = 0, []

    def report(self, examples: int) -> FunctionReport:
        smallest, compared = self.search(examples), self.run
        if smallest is None and not self.in_place:  # where all else is right
            smallest, self.run = self.search(examples, written=True), compared
        failure = None
        if smallest is not None:
            smallest = self.readable(smallest)
            explanation = self.explained(smallest)
            failure = Failure(
                smallest.kind or "", smallest.message, smallest.call, smallest.theirs, smallest.reference, explanation
            )
        return FunctionReport(self.bound, self.run, tuple(self.accepted.left_out), failure)

    def drawn(self, examples: int) -> Iterator[Call]:
        """Some calls of the op as they are drawn."""
        found: list[Call] = []

        def keep(case):
            if self.wanted(case):
                found.append(self.op.call(case))

        self._given(keep, examples, shrink=False)
        return iter(found)

    def wanted(self, case) -> bool:
        """Whether a case is one to compare on: neither empty nor unusual, unless they are asked for."""
        if not self.empty and not all(np.size(a) for a in case.arrays.values() if isinstance(a, np.ndarray)):
            return False
        return not self.plain or self.op.plain(case)

    def search(self, examples: int, *, written: bool = False) -> Judged | None:
        """The smallest case that fails in the way of the first that did; or that is right but `written` into."""
        last: list[Judged] = []

        def judge(case):
            judged = self.tried(self.op.call(case)) if self.wanted(case) else None
            if judged is None:
                return
            if written and judged.kind is None and judged.written:
                judged = replace(judged, kind="written", message=f"writes into {' and '.join(judged.written)}")
            self.run += not last
            if judged.kind is not None and (not last or judged.kind == last[0].kind):
                last.append(judged)
                raise Wrong

        try:
            self._given(judge, examples, shrink=True)
        except Wrong:
            return last[-1]
        return None

    def _given(self, function, examples: int, *, shrink: bool) -> None:
        from hypothesis import HealthCheck, Phase, Verbosity, given, settings
        from hypothesis import seed as seeded

        unbothered = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
        phases = [Phase.generate, *([Phase.shrink] if shrink else [])]
        chosen = settings(
            max_examples=examples, phases=phases, database=None, deadline=None, report_multiple_bugs=False,
            print_blob=False, verbosity=Verbosity.quiet, suppress_health_check=unbothered,
        )  # fmt: skip
        seeded(self.seed)(chosen(given(self.op.cases)(function)))()

    def complete(self, call: Call) -> Call:
        """The call that the function is for: the op's own, or its backward with a drawn dy; in the dtype."""
        if self.backward:
            y = next(iter(call.run().values()))
            dy = np.random.default_rng(self.seed).normal(size=y.shape).astype(np.float16).astype(np.float64)
            call = replace(call, op=call.op + BACKWARD, arrays={"dy": dy, **call.arrays})
        return call.astype(self.dtype)

    def tried(self, call: Call) -> Judged | None:
        """A drawn call, made to fit what the function accepts; None where that is no call of the op any more."""
        try:
            call = self.accepted.fit(call, self.bound)
            if not self.empty and not all(np.size(a) for a in call.arrays.values() if isinstance(a, np.ndarray)):
                return None
            return self.judged(self.complete(call))
        except (ValueError, TypeError):
            return None

    def judged(self, narrow: Call) -> Judged:
        """What the function makes of a call; ValueError or TypeError where the call itself is none of the op."""
        from numpycnn.testing import Case

        wide = narrow.astype(np.float64)
        reference = wide.run()
        case = Case({k: v for k, v in wide.arrays.items() if k != "dy"}, dict(wide.options))
        if self.backward:
            scales = {f"d{k}": s for k, s in self.op.gradient_scales((wide.arrays["dy"],), case).items()}
            y = wide.arrays["dy"]
            length = max(self.op.gradient_length(case, y, g) for g in reference.values())
        else:
            scales = dict(zip(reference, self.op.output_scales(case), strict=True))
            length = self.op.length(case)
        try:
            outputs, written = self.bound.watched(narrow)
        except Exception as error:
            text = f"raised {type(error).__name__}: {' '.join(str(error).split())}"
            return Judged(narrow, f"exception {type(error).__name__}", text, error, reference)
        theirs = dict(zip(reference, outputs, strict=False))
        judged = Judged(narrow, theirs=theirs, reference=reference, written=written)
        if not outputs or len(outputs) > len(reference):
            return replace(judged, kind="count", message=f"gave {len(outputs)} arrays, not {len(reference)}")
        wrong = []
        for name, y in theirs.items():
            kind, message = self.fault(name, y, reference[name], scales[name], length)
            if kind is not None:
                wrong.append(name)
                judged = judged if len(wrong) > 1 else replace(judged, kind=kind, message=message)
        if judged.kind in (None, "values", "shape"):
            named = {name: np.asarray(y, np.result_type(y, np.float16)) for name, y in theirs.items()}
            if wrong:  # outputs that are right are no business of the rule that explains the others
                named = {name: named[name] for name in wrong}
            judged.observation = Observation((narrow,), named, scales, length, self.op.constant)
        return judged

    def fault(self, name: str, y, reference, scale, length: int) -> tuple[str | None, str]:
        """What is wrong with one output, in a word and in a sentence."""
        if y.dtype.kind not in "buif":
            return "dtype", f"{name} must hold numbers; it holds {y.dtype}"
        if np.asarray(reference).dtype.kind in "iu":
            return _fault_of_integers(name, y, reference)
        if y.shape != np.shape(reference):
            return "shape", f"{name} has shape {y.shape}, and must have {np.shape(reference)}"
        error = scaled_error(y, reference, scale, length=length, dtype=self.dtype, constant=self.op.constant)
        if error > 1:
            return "values", _worst_value(name, y, reference)
        if y.dtype != self.dtype:
            return "dtype", f"{name} is {y.dtype}; for {self.dtype} arguments it must be {self.dtype}"
        return None, ""

    def readable(self, judged: Judged) -> Judged:
        """The same case with whole numbers, where it still fails in the same way."""
        call = judged.call
        whole = {k: np.rint(v) + 0.0 for k, v in call.arrays.items() if isinstance(v, np.ndarray) and k != "dy"}
        fixed = self.backward or judged.kind == "written" or "scores" in call.arrays
        if fixed or not any(v.any() for v in whole.values()):
            return judged
        try:
            other = self.judged(call.with_arrays(**whole))
        except (ValueError, TypeError):
            return judged
        return other if other.kind == judged.kind else judged

    def explained(self, smallest: Judged) -> Explanation | None:
        """The rules that give the function's numbers on all failing cases, and ours where it passed."""
        if smallest.observation is None or smallest.kind == "written":
            return None
        tried = [judged for judged in map(self.tried, self.probes) if judged is not None and judged.observation]
        failing = [j.observation for j in tried if j.kind is not None][:MOST_OBSERVED]
        passing = [j.observation for j in tried if j.kind is None][:MOST_OBSERVED]
        observed = [o for o in (*failing, smallest.observation, *passing) if o is not None]
        found = explain(observed)
        if not found.reasons:  # there may be several mistakes: at least the one that is shown
            return explain([smallest.observation])
        for _ in range(ROUNDS):
            if found.apart is None:
                break
            try:
                settled = self.judged(self.accepted.fit(found.apart[0], self.bound).astype(self.dtype))
            except (ValueError, TypeError):
                break
            if settled.observation is None:
                break
            observed.insert(1, settled.observation)
            narrower = explain(observed)
            if not {r.rules for r in narrower.reasons} & {r.rules for r in found.reasons}:
                break  # on that input something else is wrong as well
            found = narrower
        return found


def _fault_of_integers(name: str, y, reference) -> tuple[str | None, str]:
    """Indices and counts are equal, of whatever integer dtype."""
    if y.shape != reference.shape or not np.array_equal(y, reference):
        return "values", f"{name} is {y.tolist()}, and must be {reference.tolist()}"
    if y.size and y.dtype.kind not in "iu":
        return "dtype", f"{name} is {y.dtype}; it must hold integers"
    return None, ""


def _worst_value(name: str, y, reference) -> str:
    """Where the two are furthest apart, with both values."""
    difference = np.abs(np.asarray(y, np.float64) - reference)
    index = np.unravel_index(np.argmax(np.where(np.isnan(difference), np.inf, difference)), difference.shape)
    at = ", ".join(map(str, index))
    return f"{name}[{at}] is {float(y[index]):.7g}, and must be {float(reference[index]):.7g}"
