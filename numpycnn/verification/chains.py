"""A chain of calls (a convolution, then its activation), run as it is or with some of its calls changed by rules."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from numpycnn.verification.calls import Call
from numpycnn.verification.rules import Rule

__all__ = ["Chain", "Step", "changed_outputs", "changes", "run"]

Chain = tuple[Call, ...]

Step = tuple[int, Rule]
"""A rule and the place in the chain of the call that it changes."""

NONE_OF_THE_OP = (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError)


def run(chain: Chain) -> dict[str, Any]:
    """The outputs of the last call; each earlier one gives the x of the next."""
    outputs: dict[str, Any] = {}
    for call in chain:
        outputs = (call.with_arrays(x=outputs["y"]) if outputs else call).run()
    return outputs


def changes(chain: Chain, rules: Iterable[Rule]) -> Iterator[Step]:
    """Every rule at every place where it applies to a call of the chain."""
    values = chain[0]
    for place, call in enumerate(chain):
        if place:
            values = call.with_arrays(x=run(chain[:place])["y"])
        for rule in rules:
            if _applies(rule, values):
                yield place, rule


def _applies(rule: Rule, call: Call) -> bool:
    try:
        return rule(call) is not None
    except NONE_OF_THE_OP:
        return False


def changed_outputs(chain: Chain, steps: Sequence[Step]) -> dict[str, Any] | None:
    """The outputs of the chain under these rules; None where they do not apply to it or cannot be run."""
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
    except NONE_OF_THE_OP:
        return None
    return outputs
