"""What a row of the traps is: one fact on which frameworks differ, with an example that is computed on the spot."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from numpycnn.verification.calls import Call
from numpycnn.verification.rules import RULES, Rule, find_rule

__all__ = ["Row", "Shown", "line", "square", "under"]

EVIDENCE = {
    "R": "run",
    "S": "read in the specification or the source",
    "I": "read in an issue thread",
    "R*": "stated again from the source, and run",
}


@dataclass(frozen=True)
class Shown:
    """One line of an example: who computes it, and what comes out."""

    who: str
    value: Any

    @property
    def text(self) -> str:
        return number_text(self.value)


@dataclass(frozen=True)
class Row:
    """One trap.

    tensorflow, pytorch, onnx: what each does, "-" where it has no such thing.
    hides: when the difference does not show, or how it is met.
    evidence: letters of EVIDENCE.   ops: functions of the package that it is about.
    example: the lines of the worked example, ours first; None where the package has no op for it.
    given: what the example is computed from, in words.
    """

    number: int
    title: str
    tensorflow: str
    pytorch: str
    onnx: str
    hides: str
    evidence: str
    ops: tuple[str, ...] = ()
    given: str = ""
    example: Callable[[], list[Shown]] | None = None
    sources: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules by which verify and check recognize it."""
        return tuple(rule for rule in RULES if self.number in rule.rows)

    @property
    def evidence_text(self) -> str:
        return "; ".join(EVIDENCE[letter] for letter in self.evidence.split("/"))

    def shown(self) -> list[Shown]:
        return [] if self.example is None else self.example()

    def to_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "title": self.title,
            "tensorflow": self.tensorflow,
            "pytorch": self.pytorch,
            "onnx": self.onnx,
            "hides": self.hides,
            "evidence": self.evidence_text,
            "sources": list(self.sources),
            "ops": list(self.ops),
            "rules": [rule.to_dict() for rule in self.rules],
            "given": self.given,
            "example": [{"who": shown.who, "value": shown.text} for shown in self.shown()],
        }


# What examples are made of.


def line(*numbers: float) -> np.ndarray:
    """An image of one row and one channel."""
    return np.array(numbers, float).reshape(1, 1, -1, 1)


def square(numbers) -> np.ndarray:
    """An image of one channel from rows of numbers."""
    return np.array(numbers, float)[None, ..., None]


def under(call: Call, *names: str, output: str | None = None) -> Any:
    """One output of a call, by default the first, under the rules of these names."""
    for name in names:
        changed = find_rule(name)(call)
        if changed is None:
            raise ValueError(f"rule {name!r} does not apply to this call of {call.op}.")
        call = changed
    outputs = call.run()
    return outputs[output] if output else next(iter(outputs.values()))


def number_text(value: Any) -> str:
    """[321, 543, 65], 16.118, (1, 9, 1), or the text itself."""
    if isinstance(value, np.ndarray):
        flat = [number_text(number) for number in value.ravel().tolist()]
        return f"[{', '.join(flat)}]" if value.size != 1 else flat[0]
    if isinstance(value, float | np.floating):
        return f"{float(value) + 0.0:.5g}"
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10000 else str(value)
