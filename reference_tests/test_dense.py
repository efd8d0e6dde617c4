"""Dense ops and reshapes: what cancels, what stays in its row, blocks, shapes alone, errors."""
# ruff: noqa: E501 - a message is one line, here as for the user

import warnings
from fractions import Fraction

import numpy as np
import pytest

import numpycnn.ops
from numpycnn.ops import (
    dense,
    dense_backward,
    flatten,
    flatten_backward,
    radial_basis,
    radial_basis_backward,
    reshape,
    reshape_backward,
    windows,
)
from numpycnn.ops.dense import differences
from numpycnn.testing.strategies import DTYPES


def drawn(*shapes, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_a_special_value_stays_in_its_row(special):
    x, kernel = drawn((5, 3, 7), (7, 4))
    for op in (dense, lambda x, kernel: radial_basis(x.reshape(15, 7), kernel).reshape(5, 3, 4)):
        clean = op(x, kernel)
        dirty = x.copy()
        dirty[2, 1, 3] = special
        with warnings.catch_warnings(action="error"):
            y = op(dirty, kernel)
        assert not np.isfinite(y[2, 1]).any()
        y[2, 1] = clean[2, 1]
        np.testing.assert_array_equal(y, clean)


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_batches_and_no_features(dtype):
    x, kernel = np.zeros((0, 3), dtype), np.ones((3, 4), dtype)
    for op, backward in ((dense, dense_backward), (radial_basis, radial_basis_backward)):
        y = op(x, kernel)
        assert (y.shape, y.dtype) == ((0, 4), dtype)
        dx, dkernel, *dbias = backward(y, x, kernel)
        assert dx.shape == (0, 3)
        np.testing.assert_array_equal(dkernel, np.zeros((3, 4)))
        assert [d.tolist() for d in dbias] == ([[0, 0, 0, 0]] if op is dense else [])
        np.testing.assert_array_equal(op(np.ones((2, 0), dtype), np.ones((0, 4), dtype)), np.zeros((2, 4)))


def test_dense_sums_float16_in_float32():
    """4096 ones: in float16 a running sum stops at 2048."""
    ones = np.ones((2, 4096), np.float16)
    np.testing.assert_array_equal(dense(ones, np.ones((4096, 3), np.float16)), np.full((2, 3), 4096))
    many = np.ones((4096, 2), np.float16)
    _, dkernel, dbias = dense_backward(np.ones((4096, 3), np.float16), many, np.ones((2, 3), np.float16))
    np.testing.assert_array_equal(dkernel, np.full((2, 3), 4096))
    np.testing.assert_array_equal(dbias, np.full(3, 4096))


def test_radial_basis_near_a_centre_does_not_cancel():
    """Expanded into x^2 - 2 x k + k^2, float32 would keep no digit of these distances."""
    (x,) = drawn((3, 5), dtype=np.float32)
    x += 1000
    kernel = x.T + drawn((5, 3), dtype=np.float32, seed=1)[0] / 100
    exact = [
        [float(sum((Fraction(float(a)) - Fraction(float(b))) ** 2 for a, b in zip(row, column, strict=True))) for column in kernel.T]
        for row in x
    ]  # fmt: skip
    np.testing.assert_allclose(radial_basis(x, kernel), exact, rtol=1e-6)


@pytest.mark.parametrize("budget", [8, 64, 100, 400, 2000, 2**21])
def test_differences_stay_within_the_budget_and_cover_everything_once(budget, monkeypatch):
    x, kernel, dy = drawn((5, 7), (7, 4), (5, 4))
    whole = [radial_basis(x, kernel), *radial_basis_backward(dy, x, kernel)]
    monkeypatch.setattr(windows, "BLOCK_BYTES", budget)
    seen = np.zeros((5, 7, 4), int)
    for n, f, u, apart in differences(x, kernel):
        assert apart.nbytes <= budget
        np.testing.assert_array_equal(apart, x[n, f, None] - kernel[None, f, u])
        seen[n, f, u] += 1
    assert (seen == 1).all()
    for a, b in zip(whole, [radial_basis(x, kernel), *radial_basis_backward(dy, x, kernel)], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_reshapes_copy_and_read_only_the_shape_of_x():
    (x,) = drawn((4, 2, 3))
    shape_only = np.broadcast_to(np.float16(np.nan), x.shape)
    for op, backward, options in (
        (flatten, flatten_backward, {}),
        (reshape, reshape_backward, {"target_shape": (-1,)}),
    ):
        y = op(x, **options)
        assert y.shape == (4, 6)
        assert not np.shares_memory(y, x)
        dx = backward(y, shape_only, **options)
        np.testing.assert_array_equal(dx, x)
        assert dx.dtype == np.float64
        assert not np.shares_memory(dx, y)


def test_reshape_of_empty_batches_and_sizes():
    assert reshape(np.ones((0, 12)), (3, -1)).shape == (0, 3, 4)
    assert reshape(np.ones((5, 0)), (0, 7)).shape == (5, 0, 7)
    assert reshape(np.ones(5), ()).shape == (5,)
    assert reshape(np.ones((5, 12)), 12).shape == (5, 12)
    assert reshape(np.ones((5, 12)), [4, np.int64(3)]).shape == (5, 4, 3)
    assert flatten(np.ones((0, 2, 3))).shape == (0, 6)
    assert flatten(np.ones(5)).shape == (5, 1)


X, KERNEL = np.zeros((2, 5, 3)), np.zeros((3, 4))
FILL = "target_shape must hold the 12 values of one example, with at most one -1"
ERRORS = [
    ("dense", (X, np.zeros((4, 3))), ValueError, "dense: x features (3) must equal kernel.shape[0] (4); got x (2, 5, 3), kernel (4, 3)."),
    ("dense", (X, X), ValueError, "dense: kernel must have the axes (features, units); got kernel (2, 5, 3)."),
    ("dense", (np.zeros(()), KERNEL), ValueError, "dense: x features (none) must equal kernel.shape[0] (3); got x (), kernel (3, 4)."),
    ("dense", (X, KERNEL, np.zeros(3)), ValueError, "dense: bias must have one value for each unit, (4,); got bias (3,)."),
    ("dense", (X, None), TypeError, "dense: kernel must be an array; got kernel None."),
    ("dense_backward", (X, X, KERNEL), ValueError, "dense_backward: dy must have the shape of the output, (2, 5, 4); got dy (2, 5, 3)."),
    ("dense_backward", (X, X, KERNEL.T), ValueError, "dense_backward: x features (3) must equal kernel.shape[0] (4); got x (2, 5, 3), kernel (4, 3)."),
    ("radial_basis", (X, KERNEL), ValueError, "radial_basis: x must have the axes (batch, features); got x (2, 5, 3)."),
    ("radial_basis", (X[0], KERNEL.T), ValueError, "radial_basis: x features (3) must equal kernel.shape[0] (4); got x (5, 3), kernel (4, 3)."),
    ("radial_basis_backward", (X[0], X[0], KERNEL), ValueError, "radial_basis_backward: dy must have the shape of the output, (5, 4); got dy (5, 3)."),
    ("flatten", (np.zeros(()),), ValueError, "flatten: x must have a batch axis; got x ()."),
    ("flatten_backward", (X, X), ValueError, "flatten_backward: dy must have the shape of the output, (2, 15); got dy (2, 5, 3)."),
    ("reshape", (np.zeros((5, 12)), (3, 5)), ValueError, f"reshape: {FILL}; got x (5, 12), target_shape (3, 5)."),
    ("reshape", (np.zeros((5, 12)), (-1, -1)), ValueError, f"reshape: {FILL}; got x (5, 12), target_shape (-1, -1)."),
    ("reshape", (np.zeros((5, 12)), (5, -1)), ValueError, f"reshape: {FILL}; got x (5, 12), target_shape (5, -1)."),
    ("reshape", (np.zeros((5, 12)), (0, -1)), ValueError, f"reshape: {FILL}; got x (5, 12), target_shape (0, -1)."),
    ("reshape", (np.zeros((5, 12)), (-2, -6)), ValueError, "reshape: target_shape must be at least -1; got target_shape -2."),
    ("reshape", (np.zeros((5, 12)), (2.5,)), TypeError, "reshape: target_shape must be an integer; got target_shape 2.5."),
    ("reshape", (np.zeros(()), (1,)), ValueError, "reshape: x must have a batch axis; got x ()."),
    ("reshape_backward", (X, X, (3, 5)), ValueError, "reshape_backward: dy must have the shape of the output, (2, 3, 5); got dy (2, 5, 3)."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "error", "message"), ERRORS, ids=[e[-1][:60] for e in ERRORS])
def test_errors(name, arguments, error, message):
    with pytest.raises(error) as raised:
        getattr(numpycnn.ops, name)(*arguments)
    assert str(raised.value) == message
