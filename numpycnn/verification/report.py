"""What a verification found, as plain data: rows, a verdict each, and the one line that sums them up."""

import json
from dataclasses import dataclass, fields
from typing import Any

from numpycnn.verification.findings import Finding, finite

__all__ = ["Report", "Row"]

LENIENCE = 4.0
"""How many times as far off as ours theirs may be in a row over several layers, whose rounding adds up unseen."""


@dataclass(frozen=True)
class Row:
    """One layer's output or one weight's gradient, compared.

    ours, theirs: the largest error of each side on the same inputs against float64, in units of what rounding
        explains (verification.tolerances): at most 1 is right.
    chained_ours, chained_theirs: the largest error of each side against the float64 run when every layer is fed by
        its own side's earlier layers, relative to the largest value; None where there is no such number.
    steps: how many layers lie between the last ones that the other side recorded and this one, this one included.
    finding: the difference looked at closely, where there is one.
    """

    name: str
    kind: str
    quantity: str
    shape: tuple[int, ...]
    ours: float
    theirs: float
    chained_ours: float | None = None
    chained_theirs: float | None = None
    steps: int = 1
    finding: Finding | None = None

    @property
    def verdict(self) -> str:
        """A side is at fault only where rounding does not explain it and the other side is nearer to float64."""
        if self.steps > 1:  # not one layer's tolerance, but what our own rounding over the same layers comes to
            return "differs" if self.theirs > LENIENCE * max(1, self.ours) else "holds"
        if self.theirs > 1 and not self.theirs <= self.ours:
            return "differs"
        return "ours differs" if self.ours > 1 else "holds"

    @property
    def holds(self) -> bool:
        return self.verdict == "holds"

    def to_dict(self) -> dict[str, Any]:
        plain = {f.name: finite(getattr(self, f.name)) for f in fields(self) if f.name != "finding"}
        return {**plain, "verdict": self.verdict, "finding": self.finding and self.finding.to_dict()}


@dataclass(frozen=True)
class Report:
    """The rows of a verification in the order of the network: first outputs, then gradients.

    notes: what was left out or had to be guessed, a line each.
    """

    model: str
    against: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return all(row.holds for row in self.rows)

    @property
    def first_difference(self) -> Row | None:
        return next((row for row in self.rows if not row.holds), None)

    @property
    def summary(self) -> str:
        """One line: holds, or what differs first."""
        row = self.first_difference
        if row is None:
            return f"holds: {self.model} in NumPy equals {self.against} in {self._counted}"
        which = "numpycnn" if row.verdict == "ours differs" else self.against
        line = (
            f"differs: {row.quantity} of {row.name} ({row.kind}) is the first that rounding does not explain; "
            f"{which} is off by {max(row.ours, row.theirs):.3g} times its tolerance"
        )
        explanation = row.finding and row.finding.explanation
        if row.verdict == "differs" and explanation and explanation.reasons:
            line += f", because it {explanation.reasons[0].says}"
        return line

    @property
    def _counted(self) -> str:
        """ "124 layer outputs and 234 gradients", and weights after a step where there are any."""
        outputs = sum(row.quantity == "output" for row in self.rows)
        after = sum(row.quantity.endswith("after a step") for row in self.rows)
        gradients = len(self.rows) - outputs - after
        counts = {"layer outputs": outputs, "gradients": gradients, "weights after a training step": after}
        texts = [f"{count} {what}" for what, count in counts.items() if count or what == "layer outputs"]
        return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)

    def to_dict(self) -> dict:
        return {
            "model": self.model,
            "against": self.against,
            "holds": self.holds,
            "summary": self.summary,
            "notes": list(self.notes),
            "rows": [row.to_dict() for row in self.rows],
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)
