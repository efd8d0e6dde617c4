"""The rules by which other frameworks, and slips of the pen, compute the same ops differently."""

from numpycnn.verification.rules import activations, arrangement, boxes, kernels, normalization, windows
from numpycnn.verification.rules.rule import Rule

__all__ = ["RULES", "Rule", "find_rule"]

RULES: tuple[Rule, ...] = tuple(
    rule for family in (windows, kernels, normalization, activations, arrangement, boxes) for rule in family.RULES
)


def find_rule(name: str) -> Rule:
    """The rule of this name; ValueError where there is none."""
    for rule in RULES:
        if rule.name == name:
            return rule
    raise ValueError(f"there is no rule {name!r}; there are {', '.join(rule.name for rule in RULES)}.")
