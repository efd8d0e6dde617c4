"""Numbers that carry what rounding may have done to them: the scale S of a formula, from the formula itself.

Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.3, running error analysis.
"""

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

__all__ = ["Rounded"]

COMPARISONS = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)


class Rounded(NDArrayOperatorsMixin):
    """float64 values, and beside each a bound on its error in units of u, to the first order of u.

    Every operation adds the rounding of its own result to what the errors of its operands come to. It goes through
    code that is written for arrays, as far as that adds, multiplies, divides and compares.

    >>> third = Rounded(np.float64(1.0)) / 3
    >>> (third - third).error
    np.float64(0.6666666666666666)
    """

    def __init__(self, value: Any, error: Any = 0.0):
        self.value = np.asarray(value, np.float64)[()]
        self.error = np.broadcast_to(np.asarray(error, np.float64), self.value.shape)[()]

    def __array_ufunc__(self, ufunc, method, *inputs, **options) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        values, errors = zip(*(_parts(one) for one in inputs), strict=True)
        value = ufunc(*values)
        if ufunc in COMPARISONS:
            return value
        passed = PASSED.get(ufunc)
        if passed is None:
            return NotImplemented
        own = 0 if ufunc in EXACT else np.abs(value)
        return Rounded(value, passed(value, *values, *errors) + own)

    def __array_function__(self, function, types, arguments, options) -> Any:
        if function is np.where:
            chosen, (a, da), (b, db) = arguments[0], *map(_parts, arguments[1:])
            return Rounded(np.where(chosen, a, b), np.where(chosen, da, db))
        if function is np.stack:
            values, errors = zip(*map(_parts, arguments[0]), strict=True)
            return Rounded(np.stack(values, **options), np.stack(errors, **options))
        return NotImplemented


def _parts(one) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(one, Rounded):
        return one.value, one.error
    value = np.asarray(one)
    return value, np.zeros(value.shape)


# What the errors of operands come to in the result: by its value, the operands' values, and their errors.


def _of_sum(value, a, b, da, db):
    return da + db


def _of_product(value, a, b, da, db):
    return np.abs(a) * db + np.abs(b) * da


def _of_quotient(value, a, b, da, db):
    return (da + np.abs(value) * db) / np.abs(b)


def _of_power(value, a, power, da, _):
    return np.abs(power * a ** (power - 1)) * da


def _of_angle(value, a, b, da, db):
    square = a**2 + b**2
    return (np.abs(b) * da + np.abs(a) * db) / np.where(square == 0, 1, square)


PASSED = {
    np.add: _of_sum, np.subtract: _of_sum, np.multiply: _of_product, np.divide: _of_quotient, np.power: _of_power,
    np.arctan2: _of_angle, np.negative: lambda value, a, da: da,
    np.maximum: lambda value, a, b, da, db: np.maximum(da, db),
    np.minimum: lambda value, a, b, da, db: np.maximum(da, db),
}  # fmt: skip
EXACT = (np.negative, np.maximum, np.minimum)
