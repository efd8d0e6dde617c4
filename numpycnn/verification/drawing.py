"""The cases of an op that a function is tried on: drawn by Hypothesis, and the same ones each time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from numpycnn.verification.calls import Call

if TYPE_CHECKING:
    from numpycnn.testing import Case, Op

__all__ = ["Drawing", "is_empty", "probes"]


@dataclass(frozen=True)
class Drawing:
    """Which cases are drawn; empty: those without an element as well.   plain: only ordinary ones."""

    op: "Op"
    seed: int
    empty: bool
    plain: bool

    def wants(self, case: "Case") -> bool:
        """Whether a case is one to compare on: neither empty nor unusual, unless they are asked for."""
        if not self.empty and is_empty(case.arrays):
            return False
        return not self.plain or self.op.plain is None or self.op.plain(case)

    def each(self, function: Callable[["Case"], None], examples: int, *, shrink: bool) -> None:
        """Call a function with so many cases; where it raises, with ever smaller ones on which it does, if shrink."""
        from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

        unbothered = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
        phases = [Phase.generate, *([Phase.shrink] if shrink else [])]
        chosen = settings(
            max_examples=examples, phases=phases, database=None, deadline=None, report_multiple_bugs=False,
            print_blob=False, verbosity=Verbosity.quiet, suppress_health_check=unbothered,
        )  # fmt: skip
        seed(self.seed)(chosen(given(self.op.cases)(function)))()


@lru_cache(maxsize=32)
def probes(drawing: Drawing, examples: int) -> tuple[Call, ...]:
    """Some calls of the op as they are drawn, kept for the next function that is checked against it."""
    found: list[Call] = []

    def keep(case: "Case") -> None:
        if drawing.wants(case):
            found.append(drawing.op.call(case))

    drawing.each(keep, examples, shrink=False)
    return tuple(found)


def is_empty(arrays) -> bool:
    """Whether an array among these values has no element."""
    return not all(np.size(a) for a in arrays.values() if isinstance(a, np.ndarray))
