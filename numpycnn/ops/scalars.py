"""Real numbers among the arguments of an op: rates, slopes, limits."""

from numbers import Real

import numpy as np

from numpycnn.ops.arguments import fail


def real(op: str, name: str, value, *, rule: str = "a number", low=-np.inf, high=np.inf, open_high=False) -> float:
    """The value as a float within low .. high (below high where `open_high`); `rule` says so in words.

    Raises: TypeError for what is no real number, ValueError for NaN and for what lies outside.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | np.floating | np.integer):
        raise TypeError(f"{op}: {name} must be {rule}; got {name} {value!r}.")
    number = float(value)
    if not low <= number <= high or (open_high and number == high):
        fail(op, f"{name} must be {rule}", **{name: value})
    return number
