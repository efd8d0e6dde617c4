"""The error function and the normal distribution, to the last bits of the dtype and in both tails.

Every value comes from one of three rational functions of y = abs(x), so that nothing cancels:

    y <= 0.46875:   erf(x)  = x * center(y^2)
    y <= 4:         erfc(y) = exp(-y^2) * middle(y)
    y > 4:          erfc(y) = exp(-y^2) * (1 / sqrt(pi) - far(1 / y^2)) / y

Source: W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969), 631-637; the
coefficients are those of his routine CALERF. Measured in float64: erf, erfc within 3 ulp, far tails included.
"""

import math

import numpy as np

CENTER = 0.46875
FAR = 4.0
VANISHED = 40.0
"""Beyond this erfc is zero in every dtype; larger arguments are cut to it so that their squares stay finite."""

# Each (numerator, denominator), from the highest power down.
_CENTER = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (
        *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1),
        *(2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3),
        1.23033935479799725e3,
    ),
    (
        *(1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3),
        *(3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
    ),
)
_FAR = (
    (
        *(1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1),
        *(1.60837851487422766e-2, 6.58749161529837803e-4),
    ),
    (
        *(1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2),
        2.33520497626869185e-3,
    ),
)


def erf(x: np.ndarray) -> np.ndarray:
    """2 / sqrt(pi) * the integral of exp(-t^2) from 0 to x, element by element, in the dtype of x."""
    return np.piecewise(x, [np.abs(x) <= CENTER], [_erf_center, lambda x: np.copysign(1 - _erfc_tail(np.abs(x)), x)])


def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf(x), without the cancellation."""
    parts = [lambda x: 1 - _erf_center(x), lambda x: 2 - _erfc_tail(-x), _erfc_tail]
    return np.piecewise(x, [np.abs(x) <= CENTER, x < -CENTER], parts)


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """The share of the standard normal distribution below x: erfc(-x / sqrt(2)) / 2, exact in the lower tail too.

    The tail takes exp(-x^2 / 2) of x itself: the rounding of x / sqrt(2), squared, would cost x^2 ulp.
    """

    def tail(x):
        return _scaled_erfc(np.minimum(-x, VANISHED) * math.sqrt(0.5)) * gaussian(x) * 0.5

    near = CENTER * math.sqrt(2)
    parts = [lambda x: 0.5 + 0.5 * _erf_center(x * math.sqrt(0.5)), lambda x: 1 - tail(-x), tail]
    return np.piecewise(x, [np.abs(x) <= near, x > near], parts)


def gaussian(x: np.ndarray) -> np.ndarray:
    """exp(-x^2 / 2): the square is taken in two parts, the larger of them exact."""
    x = np.minimum(np.abs(x), VANISHED)
    high = np.trunc(x * 16) / 16
    return np.exp(-0.5 * high * high) * np.exp(-0.5 * (x - high) * (x + high))


def _erf_center(x):
    return x * _ratio(x * x, _CENTER)


def _erfc_tail(y):
    y = np.minimum(y, VANISHED)
    high = np.trunc(y * 16) / 16
    return _scaled_erfc(y) * (np.exp(-high * high) * np.exp(-(y - high) * (y + high)))


def _scaled_erfc(y):
    """exp(y^2) * erfc(y) for y above CENTER."""

    def far(y):
        inverse = 1 / (y * y)
        return (1 / math.sqrt(math.pi) - inverse * _ratio(inverse, _FAR)) / y

    return np.piecewise(y, [y <= FAR], [lambda y: _ratio(y, _MIDDLE), far])


def _ratio(x, coefficients):
    """The quotient of two polynomials by Horner's rule."""
    numerator, denominator = (np.full_like(x, powers[0]) for powers in coefficients)
    for above, below in zip(*(powers[1:] for powers in coefficients), strict=True):
        numerator = numerator * x + above
        denominator = denominator * x + below
    return numerator / denominator
