"""Running errors: bounds that float32 keeps, and that are not far above what it does."""

import numpy as np
import pytest

from numpycnn.testing.running_error import Rounded
from numpycnn.verification.tolerances import SUM

U = 2.0**-24


def quotient(a, b, c):
    return (a - b) * np.where(a > b, c, -c) / (b + c)


def angle(a, b, c):
    return np.arctan2(np.maximum(a, b), c) ** 2 - np.minimum(a, c)


@pytest.mark.parametrize("formula", [quotient, angle])
def test_float32_keeps_the_bound_and_comes_near_it(formula):
    a, b, c = np.float32(np.random.default_rng(0).uniform(0.5, 2, (3, 20_000)))
    wide = formula(*(Rounded(x) for x in (a, b, c)))
    np.testing.assert_array_equal(wide.value, formula(*(x.astype(np.float64) for x in (a, b, c))))
    error = np.abs(formula(a, b, c) - wide.value) / (U * wide.error)
    assert 0.2 < error.max() <= SUM  # an elementary function of the platform may be off by several units


def test_errors_of_what_is_given_come_through():
    x = Rounded(np.array([3.0, 5.0]), 7.0)
    np.testing.assert_array_equal((x - x).error, 14)
    np.testing.assert_array_equal((x * 0).error, 0)
    np.testing.assert_array_equal((x * Rounded(2.0, 3.0)).error, [3 * 3 + 2 * 7 + 6, 5 * 3 + 2 * 7 + 10])
    np.testing.assert_array_equal(np.stack([x, -x]).error, 7)
    with pytest.raises(TypeError):
        np.exp(x)
