"""The standard normal distribution in pure NumPy, to the last bits of the dtype and far out in both tails.

cdf(x) = (1 + erf(x / sqrt(2))) / 2 cancels for negative x. Here the part beyond abs(x) is what is computed,

    cdf(-x) = exp(-x^2 / 2) * p((x - 5) / (x + 5)) / (1 + x)         for x >= 0

with a polynomial p: the quotient cdf(-x) / exp(-x^2 / 2) falls smoothly from 1/2 like 1 / (x * sqrt(2 pi)), and
(x - 5) / (x + 5) brings all x >= 0 to -1 .. 1. The same polynomial serves everywhere, so that nothing branches.

Source of the method: Shepherd & Laframboise, Math. Comp. 36 (1981), who expand (1 + 2x) * exp(x^2) * erfc(x) so. The
coefficients are our own: the Chebyshev interpolant through 60 points, made with 60 digits, cut where its terms fall
below 1e-17. Measured against 60 digits: cdf within 6 ulp in float32 and float64.
"""

import numpy as np

POLYNOMIAL = (
    *(-3.815816262632953e-10, -2.8220772290629865e-10, 4.4011596227599254e-09, 3.627373163401201e-09),
    *(-3.095201755804207e-08, -2.6286205089898754e-08, 1.9627809920091187e-07, 1.27878221820937e-07),
    *(-1.3074486019237587e-06, -7.034644683537101e-08, 9.05982468125664e-06, -9.896097759279782e-06),
    *(-5.36075811148722e-05, 0.00018233414511643843, 7.791597409338999e-06, -0.00167607234455447),
    *(0.006522000667783896, -0.015170415402514863, 0.024536963243678652, -0.026401042966308307),
    *(0.010002352385229382, 0.031030368425963708, -0.09155228183400904, 0.46151582985003775),
)
"""The coefficients of p, from the highest power down."""

VANISHED = 40.0
"""Beyond this exp(-x^2 / 2) is 0 in every dtype; x is cut to it, so that its square stays finite."""


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """The share of the standard normal distribution below x, element by element, in the dtype of x."""
    beyond = np.minimum(np.abs(x), VANISHED)
    place = (beyond - 5) / (beyond + 5)
    ratio = np.full_like(place, POLYNOMIAL[0])
    for coefficient in POLYNOMIAL[1:]:
        ratio *= place
        ratio += coefficient
    return np.abs((x > 0) - gaussian(beyond) * ratio / (1 + beyond))


def gaussian(x: np.ndarray) -> np.ndarray:
    """exp(-x^2 / 2): the square is taken in two parts, the larger of them exact."""
    x = np.minimum(np.abs(x), VANISHED)
    high = np.trunc(x * 16) / 16
    return np.exp(-0.5 * high * high) * np.exp(-0.5 * (x - high) * (x + high))
