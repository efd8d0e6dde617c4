"""The yardstick of every comparison, and every constant it is used with.

A floating result y of a sum of K terms is right when, against the same op in float64,

    |y - ref64| <= c * sqrt(K) * u * S  +  v * |ref64|  +  s

S is the op on absolute values (what the terms add up to before any of them cancel), u half the epsilon of the
dtype the sum is made in (never narrower than float32), v half the epsilon of the dtype the result is stored in,
and s that dtype's smallest subnormal number. A bare relative tolerance has no such meaning: of 2,000 drawn float32
convolutions of normal numbers, all correct, none is off by more than 2 units of eps * S, but one, where its terms
cancel, by 8e-2 of its value.

Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., sections 3.1 and 4.2.
"""

import numpy as np

SUM = 4.0
"""c for contractions and sums. Measured over 6,500 drawn ordinary, depthwise and transposed convolutions each, of
numbers over five decades with K up to 80, outputs and gradients: at most 1.6 in float32 and float64; and with K from
64 to 12,800 at most 1.1."""

ELEMENTWISE = 8.0
"""c for element by element functions and normalizations (K = 1): a chain of a few roundings and one or two
elementary functions of the platform's libm, each below 1 unit; measured at most 4."""


def unit_roundoff(dtype) -> float:
    """u: half the distance from 1 to the next number of this floating dtype."""
    return float(np.finfo(dtype).eps) / 2


def tolerance(reference, scale, *, length=1, dtype, constant=SUM):
    """The largest |y - reference| a right result of this dtype may have, element by element, in float64.

    Args: reference: ref64; scale: S, an array that broadcasts with it; length: K; dtype: of the result.
    """
    carried = unit_roundoff(np.promote_types(dtype, np.float32))
    stored = np.finfo(dtype)
    return (
        constant * np.sqrt(max(length, 1)) * carried * np.abs(scale)
        + unit_roundoff(dtype) * np.abs(reference)
        + float(stored.smallest_subnormal)
    )


def scaled_error(y, reference, scale, *, length=1, dtype=None, constant=SUM) -> float:
    """The largest |y - reference| in units of its tolerance: at most 1 is right. 0 for empty arrays.

    NaN and infinities must stand at the same places in both; where they do not, the error is infinite.
    """
    y, reference = np.asarray(y), np.asarray(reference, np.float64)
    allowed = tolerance(reference, scale, length=length, dtype=y.dtype if dtype is None else dtype, constant=constant)
    y = y.astype(np.float64)
    finite = np.isfinite(reference)
    if not np.array_equal(y[~finite], reference[~finite], equal_nan=True) or not np.isfinite(y[finite]).all():
        return float("inf")
    allowed = np.broadcast_to(allowed, reference.shape)[finite]
    with np.errstate(over="ignore"):  # a miss of the exact zero is infinitely wrong
        return float(np.max(np.abs(y[finite] - reference[finite]) / allowed, initial=0.0))
