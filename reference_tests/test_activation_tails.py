"""Activations far out and next to 0, against 60 digits: where a formula that cancels would show."""
# ruff: noqa: E501 - a row is one line

import math
import warnings
from decimal import Decimal, getcontext

import numpy as np
import pytest

import numpycnn.ops
from numpycnn.ops.normal_distribution import gaussian, normal_cdf

getcontext().prec = 60
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def exact_erfc(z: Decimal) -> Decimal:
    if z < 0:
        return 2 - exact_erfc(-z)
    if z < 4:  # Taylor's series of erf
        term = total = z
        n = 0
        while abs(term) > Decimal(10) ** -55:
            n += 1
            term *= -z * z / n
            total += term / (2 * n + 1)
        return 1 - 2 * total / PI.sqrt()
    fraction = z  # Laplace's continued fraction
    for k in range(400, 0, -1):
        fraction = z + Decimal(k) / 2 / fraction
    return (-z * z).exp() / fraction / PI.sqrt()


def exact(function, x):
    return np.array([float(function(Decimal(float(v)))) for v in x])


def exact_cdf(v):
    return exact_erfc(-v / Decimal(2).sqrt()) / 2


def exact_density(v):
    return (-v * v / 2).exp() / (2 * PI).sqrt()


def exact_sigmoid(v):
    return 1 / (1 + (-v).exp())


def exact_tanh(v):
    return 2 * exact_sigmoid(2 * v) - 1


def ulps(y, reference):
    return np.max(np.abs(y.astype(np.float64) - reference) / np.spacing(np.abs(reference).astype(y.dtype)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_distribution(dtype):
    rng = np.random.default_rng(0)
    far = 12.5 if dtype is np.float32 else 37.0  # the next number of either dtype would be subnormal
    x = np.concatenate([rng.uniform(-far, far, 600), rng.normal(size=600), 10.0 ** rng.uniform(-30, 0, 100)]).astype(
        dtype
    )
    assert ulps(normal_cdf(x), exact(exact_cdf, x)) <= 8
    assert ulps(gaussian(x), exact(lambda v: (-v * v / 2).exp(), x)) <= 4


def test_normal_distribution_against_the_standard_library():
    x = np.linspace(-37, 9, 40001)
    reference = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x])
    np.testing.assert_allclose(normal_cdf(x) / reference, 1, rtol=0, atol=2e-16 * np.maximum(8, x**2).max())
    np.testing.assert_allclose(normal_cdf(x[x > -2]), reference[x > -2], rtol=2e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_distribution_of_special_values(dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, np.finfo(dtype).max, np.finfo(dtype).min], dtype)
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(normal_cdf(x), np.array([np.nan, 1, 0, 0.5, 1, 0], dtype))
        np.testing.assert_array_equal(gaussian(x), np.array([np.nan, 0, 0, 1, 0, 0], dtype))
    assert normal_cdf(x).dtype == gaussian(x).dtype == dtype


TAILS = [
    ("sigmoid", {}, exact_sigmoid, lambda v: exact_sigmoid(v) * exact_sigmoid(-v), 80),
    ("tanh", {}, exact_tanh, lambda v: 4 * exact_sigmoid(2 * v) * exact_sigmoid(-2 * v), 40),
    ("silu", {}, lambda v: v * exact_sigmoid(v), lambda v: exact_sigmoid(v) * (1 + v * exact_sigmoid(-v)), 80),
    ("gelu", {}, lambda v: v * exact_cdf(v), lambda v: exact_cdf(v) + v * exact_density(v), 12),
    ("elu", {"alpha": 0.75}, lambda v: v if v > 0 else (v.exp() - 1) * 3 / 4, lambda v: 1 if v > 0 else v.exp() * 3 / 4, 80),
    ("selu", {}, lambda v: Decimal("1.0507009873554804934193349852946") * (v if v > 0 else (v.exp() - 1) * Decimal("1.6732632423543772848170429916717")),
     lambda v: Decimal("1.0507009873554804934193349852946") * (1 if v > 0 else v.exp() * Decimal("1.6732632423543772848170429916717")), 80),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "value", "slope", "far"), TAILS, ids=[tail[0] for tail in TAILS])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_cancels_in_the_tails_and_about_zero(name, options, value, slope, far, dtype):
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.uniform(-far, far, 300), rng.choice([-1, 1], 300) * 10.0 ** rng.uniform(-20, 0, 300)])
    x = x.astype(dtype)
    op, backward = getattr(numpycnn.ops, name), getattr(numpycnn.ops, f"{name}_backward")
    assert ulps(op(x, **options), exact(value, x)) <= 16
    reference = exact(slope, x)
    clear = np.abs(reference) > np.minimum(
        0.1, 0.1 * exact(value, -np.abs(x)).__abs__()
    )  # silu' and gelu' pass through 0
    assert ulps(backward(np.ones_like(x), x, **options)[clear], reference[clear]) <= 16


def test_approximate_gelu():
    """Against 60 digits: TensorFlow rounds 0.044715 and sqrt(2/pi) to float32."""
    factor, cubic = 2 * (2 / PI).sqrt(), Decimal("0.044715")

    def gate(v):
        return exact_sigmoid(factor * (v + cubic * v**3))

    def slope(v):
        return gate(v) + v * gate(v) * (1 - gate(v)) * factor * (1 + 3 * cubic * v**2)

    x = np.linspace(-4, 4, 161)
    np.testing.assert_allclose(numpycnn.ops.gelu(x, approximate=True), exact(lambda v: v * gate(v), x), rtol=1e-14)
    dx = numpycnn.ops.gelu_backward(np.ones_like(x), x, approximate=True)
    np.testing.assert_allclose(dx, exact(slope, x), rtol=1e-14, atol=1e-15)


def test_approximate_gelu_far_out():
    """The gate is exactly 0 or 1 there, and x^3 never overflows."""
    x = np.array([-1e30, -50, 50, 1e30], np.float32)
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(numpycnn.ops.gelu(x, approximate=True), [0, 0, 50, np.float32(1e30)])
        np.testing.assert_array_equal(numpycnn.ops.gelu_backward(np.ones_like(x), x, approximate=True), [0, 0, 1, 1])
