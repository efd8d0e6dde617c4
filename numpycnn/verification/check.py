"""Somebody's own function beside an op of the specification, on drawn cases, shrunk to the smallest that fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from numpycnn.verification.accepted import Accepted, find_accepted, fitted
from numpycnn.verification.calls import BACKWARD, Call
from numpycnn.verification.drawing import Drawing, is_empty, probes
from numpycnn.verification.explain import Explanation, explain
from numpycnn.verification.function_report import Failure, FunctionReport
from numpycnn.verification.functions import Bound, bind
from numpycnn.verification.judging import Judged, judge
from numpycnn.verification.layouts import layout_of

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
            A measure of overlap may take two lists of boxes, boxes side by side, or two boxes at a time.
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
    order = layout_of(layout)
    checker = Checker(Drawing(known, seed, empty, plain), op.endswith(BACKWARD), np.dtype(dtype), examples)
    checker.bound = bind(function, op, order, params, checker.complete(checker.probes[0]))
    fixed = _fixed(op, options, checker.probes)
    checker.accepted = find_accepted(checker.bound, checker.probes, checker.complete, fixed)
    return checker.report(in_place)


def _fixed(op: str, options: Mapping[str, Any] | None, calls: Sequence[Call]) -> dict[str, Any]:
    """The options that have one value; ValueError for one that the op does not have, or a value it always refuses."""
    fixed, first = dict(options or {}), calls[0]
    for name in fixed:
        if name not in first.options:
            raise ValueError(f"check: {op} has no option {name!r}; it has {', '.join(first.options) or 'none'}.")
    refusal = None
    for call in calls if fixed else ():
        try:
            fitted(call, fixed).run()
            return fixed
        except (ValueError, TypeError) as error:
            refusal = refusal or error
    if refusal is not None:
        raise ValueError(str(refusal))
    return fixed


class Wrong(Exception):
    """Tells Hypothesis that a case fails."""


class Checker:
    """One function beside one op."""

    bound: Bound
    accepted: Accepted

    def __init__(self, drawing: Drawing, backward: bool, dtype: np.dtype, examples: int):
        self.drawing, self.backward, self.dtype, self.examples = drawing, backward, dtype, examples
        self.op, self.probes = drawing.op, probes(drawing, min(examples, PROBES))
        self.run, self.writes = 0, False

    def report(self, in_place: bool) -> FunctionReport:
        smallest, compared = self.search(), self.run
        if smallest is None and self.writes and not in_place:  # where all else is right
            smallest, self.run = self.search(written=True), compared
        failure = None
        if smallest is not None:
            smallest = self.readable(smallest)
            explanation = self.explained(smallest)
            failure = Failure(
                smallest.kind or "", smallest.message, smallest.call, smallest.theirs, smallest.reference, explanation
            )
        takes = self.accepted.boxes if "pairwise" in self.bound.left_out else ""
        return FunctionReport(self.bound, self.run, tuple(self.accepted.left_out), failure, takes)

    def search(self, *, written: bool = False) -> Judged | None:
        """The smallest case that fails in the way of the first that did; or that is right but `written` into."""
        last: list[Judged] = []

        def attempt(case):
            judged = self.tried(self.op.call(case)) if self.drawing.wants(case) else None
            if judged is None:
                return
            self.writes |= bool(judged.written)
            if written and judged.kind is None and judged.written:
                judged = replace(judged, kind="written", message=f"writes into {' and '.join(judged.written)}")
            self.run += not last
            if judged.kind is not None and (not last or judged.kind == last[0].kind):
                last.append(judged)
                raise Wrong

        try:
            self.drawing.each(attempt, self.examples, shrink=True)
        except Wrong:
            return last[-1]
        return None

    def complete(self, call: Call) -> Call:
        """The call that the function is for: the op's own, or its backward with a drawn dy; in the dtype."""
        if self.backward:
            y = next(iter(call.run().values()))
            dy = np.random.default_rng(self.drawing.seed).normal(size=y.shape).astype(np.float16).astype(np.float64)
            call = replace(call, op=call.op + BACKWARD, arrays={"dy": dy, **call.arrays})
        return call.astype(self.dtype)

    def tried(self, call: Call) -> Judged | None:
        """A drawn call, made to fit what the function accepts; None where that is no call of the op any more."""
        try:
            call = self.accepted.fit(call, self.bound)
            if not self.drawing.empty and is_empty(call.arrays):
                return None
            return self.judged(self.complete(call))
        except (ValueError, TypeError):
            return None

    def judged(self, call: Call) -> Judged:
        return judge(call, self.bound, self.op, self.dtype)

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
