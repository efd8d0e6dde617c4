"""What a rule is: a named way in which an op is computed elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpycnn.verification.calls import Call

__all__ = ["Rule", "default_option", "rule"]


@dataclass(frozen=True)
class Rule:
    """Another way to compute some ops.

    name: short and unique.   rows: of the traps, empty for a plain mistake that no framework makes.
    ops: forward names; a rule stands for their backward as well where it can be run there.
    says: what the other side does, to follow "the other side".   fix: what would make it agree.
    change: the call computed that way, or None where the rule does not apply to it.
    """

    name: str
    rows: tuple[int, ...]
    ops: tuple[str, ...]
    says: str
    fix: str
    change: Callable[[Call], Call | None]

    def __call__(self, call: Call) -> Call | None:
        return self.change(call) if call.forward_op in self.ops else None

    @property
    def where(self) -> str:
        """ "row 1 of the traps", "rows 1 and 2 of the traps", or nothing."""
        if not self.rows:
            return ""
        return f"row{'s' if len(self.rows) > 1 else ''} {' and '.join(map(str, self.rows))} of the traps"

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "rows": list(self.rows), "says": self.says, "fix": self.fix}


def rule(name: str, rows, ops, says: str, fix: str, change) -> Rule:
    """A Rule; rows and ops may be one or several."""
    rows = (rows,) if isinstance(rows, int) else tuple(rows)
    return Rule(name, rows, (ops,) if isinstance(ops, str) else tuple(ops), says, fix, change)


def default_option(name: str, op: str, option: str, value, rows, who: str) -> Rule:
    """The rule that an option has another value, as `who` has by default."""

    def change(call: Call) -> Call | None:
        now = call.options.get(option)
        same = now is not None and np.isclose(now, value, rtol=1e-6, atol=0)
        return None if same else call.with_options(**{option: value})

    says = f"uses {option}={value!r}, {who}" if who else f"uses {option}={value!r}"
    return rule(name, rows, op, says, f"give it the {option} that is meant here", change)
