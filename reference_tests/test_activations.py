"""Activations: gradients at every kink, gradients from the output alone, NaN and infinities, errors."""
# ruff: noqa: E501 - a message is one line, here as for the user

import warnings

import numpy as np
import pytest
import tensorflow as tf
from keras import activations

import numpycnn.ops
from numpycnn.testing.strategies import DTYPES, STORAGES, stored_otherwise
from reference_tests.catalogue.activations import tf_prelu

INFINITY = float("inf")
FUNCTIONS = {
    "relu": activations.relu, "relu6": activations.relu6, "leaky_relu": activations.leaky_relu,
    "elu": activations.elu, "selu": activations.selu, "sigmoid": activations.sigmoid, "tanh": activations.tanh,
    "hard_sigmoid": activations.hard_sigmoid, "hard_silu": activations.hard_silu, "silu": activations.silu,
    "gelu": activations.gelu, "celu": activations.celu, "hard_tanh": activations.hard_tanh,
    "hard_shrink": activations.hard_shrink, "soft_shrink": activations.soft_shrink,
    "sparse_plus": activations.sparse_plus, "sparse_sigmoid": activations.sparse_sigmoid,
}  # fmt: skip


def op_and_backward(name):
    return getattr(numpycnn.ops, name), getattr(numpycnn.ops, f"{name}_backward")


def tensorflow(function, x, **options):
    """y and dy/dx of TensorFlow's function."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x, **options)
    return y.numpy(), tape.gradient(y, x).numpy()


KINKS = [
    ("relu", {}),
    ("relu", {"max_value": 6}),
    ("relu", {"max_value": 6, "negative_slope": 0.25}),
    ("relu", {"max_value": 3}),
    ("relu", {"max_value": 3, "negative_slope": 0.25}),
    ("relu", {"max_value": 0.0}),
    ("relu", {"negative_slope": 0.25}),
    ("relu", {"negative_slope": -0.25}),
    ("relu", {"threshold": 3}),
    ("relu", {"threshold": 3, "negative_slope": 0.25}),
    ("relu", {"threshold": 3, "max_value": 6}),
    ("relu", {"threshold": 3, "max_value": 6, "negative_slope": 0.25}),
    ("relu", {"threshold": -3}),
    ("relu", {"threshold": -3, "max_value": 6}),
    ("relu", {"threshold": -3, "max_value": 3, "negative_slope": 0.25}),
    ("relu", {"threshold": 6, "max_value": 3}),
    ("relu6", {}),
    *(("leaky_relu", {"negative_slope": slope}) for slope in (0.25, 0.0, -0.25, 1.0, 2.0)),
    *(("elu", {"alpha": alpha}) for alpha in (1.0, 0.5, -0.5, 0.0)),
    ("selu", {}),
    ("hard_sigmoid", {}),
    ("hard_silu", {}),
    *(("celu", {"alpha": alpha}) for alpha in (1.0, 0.5)),
    ("hard_tanh", {}),
    *((name, {"threshold": 3.0}) for name in ("hard_shrink", "soft_shrink")),
    ("sparse_plus", {}),
    ("sparse_sigmoid", {}),
]


@pytest.mark.parametrize(("name", "options"), KINKS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kinks_are_tensorflows(name, options, dtype):
    x = np.array([-7, -6, -3, -1, -0.0, 0.0, 1, 3, 4, 6, 7], dtype)
    op, backward = op_and_backward(name)
    y, dx = tensorflow(FUNCTIONS[name], x, **options)
    np.testing.assert_allclose(op(x, **options), y, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(backward(np.ones_like(x), x, **options), dx, rtol=1e-6, atol=1e-7)


def test_prelu_kink_is_kerass():
    x, alpha = np.array([[-1, -0.0, 0.0, 1]]), np.array([0.25, 0.5, -0.5, 0.75])
    _, dx = tensorflow(lambda x: tf_prelu(x, alpha), x)
    np.testing.assert_array_equal(numpycnn.ops.prelu_backward(np.ones_like(x), x, alpha)[0], dx)
    assert dx.tolist() == [[0.25, 0, 0, 1]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("number", [0.1, 0.3])  # float16 rounds the first down, the second up
@pytest.mark.parametrize("option", ["max_value", "threshold"])
@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_limits_are_rounded_to_the_dtype(dtype, number, option, slope):
    """A limit lies on its kink in every dtype, though float16's 0.1 is another number than float64's.

    Not compared in float64, where Keras rounds a Python float to float32 on its way.
    """
    options = {option: number, "negative_slope": slope}
    x = np.array([number, np.nextafter(dtype(number), dtype(1)), np.nextafter(dtype(number), dtype(0))], dtype)
    y, dx = tensorflow(activations.relu, x, **options)
    np.testing.assert_allclose(numpycnn.ops.relu(x, **options), y, atol=5e-4)
    np.testing.assert_array_equal(numpycnn.ops.relu_backward(np.ones_like(x), x, **options), dx)


FROM_OUTPUT = [
    *((name, options) for name, options in KINKS[:3]),
    ("relu", {"negative_slope": 0.25}),
    ("relu6", {}),
    *(("leaky_relu", {"negative_slope": slope}) for slope in (0.25, 0.0, 1.0, 2.0)),
    *(("elu", {"alpha": alpha}) for alpha in (1.0, 0.5, 0.0, 2.0)),
    ("selu", {}),
    ("sigmoid", {}),
    ("tanh", {}),
    *(("softmax", {"axis": axis}) for axis in (-1, 0)),
    *(("log_softmax", {"axis": axis}) for axis in (-1, 1)),
]


@pytest.mark.parametrize(("name", "options"), FROM_OUTPUT, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_output_alone_gives_the_gradient(name, options, dtype):
    rng = np.random.default_rng(1)
    x = np.round(rng.normal(size=(3, 5, 4)) * 8).astype(dtype) / 4  # kinks are among them
    x.flat[:3] = 6, 7, -7
    dy = rng.normal(size=x.shape).astype(dtype)
    op, backward = op_and_backward(name)
    y = op(x, **options)
    near = 8 * np.finfo(dtype).eps
    for given in (None, x):
        dx = backward(dy, given, y=y, **options)
        assert dx.dtype == dtype
        np.testing.assert_allclose(dx, backward(dy, x, **options), rtol=near, atol=near)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("relu", {"threshold": 1.0}),
        ("relu", {"negative_slope": -0.5}),
        ("relu", {"max_value": 5.0}),
        ("leaky_relu", {"negative_slope": -0.5}),
        ("elu", {"alpha": -0.5}),
    ],
)
def test_x_counts_where_the_output_alone_does_not_tell(name, options):
    x = np.array([-7.0, -1, 0, 0.5, 5, 6, 8])
    op, backward = op_and_backward(name)
    y = op(x, **options)
    np.testing.assert_array_equal(backward(x, x, y=y, **options), backward(x, x, **options))
    with pytest.raises(ValueError, match="y alone gives the gradient only where"):
        backward(x, None, y=y, **options)


SPECIALS = [*KINKS[:1], ("relu", {"max_value": 3}), ("relu", {"threshold": 3, "negative_slope": 0.25}), ("relu6", {})]
SPECIALS += [("leaky_relu", {"negative_slope": 0.25}), ("elu", {"alpha": 1.0}), ("elu", {"alpha": 0.5}), ("selu", {})]
SPECIALS += [(name, {}) for name in ("sigmoid", "tanh", "hard_sigmoid", "hard_silu", "silu")]
SPECIALS += [("gelu", {"approximate": False}), ("gelu", {"approximate": True})]


@pytest.mark.parametrize(("name", "options"), SPECIALS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_and_infinities_are_tensorflows(name, options, dtype):
    largest = np.finfo(dtype).max
    x = np.array([np.nan, np.inf, -np.inf, largest, -largest, 1, -1, 100, -100, 0, 2], dtype)
    op, backward = op_and_backward(name)
    with warnings.catch_warnings(action="error"):
        y, dx = op(x, **options), backward(np.ones_like(x), x, **options)
    np.testing.assert_allclose(y, tensorflow(FUNCTIONS[name], x, **options)[0], rtol=1e-5, atol=1e-30)
    assert np.isfinite(dx[3:]).all()


@pytest.mark.parametrize("name", sorted({name for name, _ in SPECIALS}))
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_stays_where_it_is(name, dtype):
    x = np.linspace(-2, 2, 21).astype(dtype)
    op, _ = op_and_backward(name)
    clean = op(x)
    x[7] = np.nan
    np.testing.assert_array_equal(op(x), np.where(np.isnan(x), np.nan, clean))


def test_nan_stays_under_a_threshold_and_a_limit():
    """Where Keras has a threshold it makes NaN 0; here NaN stays."""
    assert np.isnan(numpycnn.ops.relu(np.array([np.nan]), threshold=1.0, max_value=2.0)).all()


@pytest.mark.parametrize(("name", "function"), [("softmax", tf.nn.softmax), ("log_softmax", tf.nn.log_softmax)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_rows_of_softmax(name, function, dtype):
    nan, inf = np.nan, np.inf
    rows = [[inf, 1, 2], [-inf, 1, 2], [-inf, -inf, -inf], [nan, 1, 2], [1e4, 0, -1e4], [-inf, 7, -inf], [inf, inf, 0]]
    x = np.array(rows, dtype)
    op, backward = op_and_backward(name)
    with warnings.catch_warnings(action="error"):
        y, dx = op(x), backward(np.ones_like(x) * [1, 2, 3], x)
        op(x[:, :0]), op(x[:0], axis=0)
    reference = function(x.astype(np.float64))  # in float32 oneDNN puts 0 beside the NaN of an infinity
    np.testing.assert_allclose(y, reference, rtol=1e-6)
    assert np.isnan(y[[0, 2, 3, 6]]).all()
    assert np.isfinite(dx[[1, 4, 5]]).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("how", STORAGES)
def test_long_sums_do_not_depend_on_storage(name, how):
    """Long enough that NumPy would add in another order where the axis is not contiguous."""
    x = np.random.default_rng(4).normal(size=(20, 300))
    op, backward = op_and_backward(name)
    np.testing.assert_array_equal(op(stored_otherwise(x, how)), op(x))
    np.testing.assert_array_equal(backward(x, stored_otherwise(x, how)), backward(x, x))


# Arguments.


def test_prelu_alpha_broadcasts_as_numpy():
    rng = np.random.default_rng(3)
    x, dy = rng.normal(size=(2, 2, 5, 4, 3))
    for shape in [(), (1,), (3,), (4, 3), (1, 3), (4, 1), (5, 4, 3), (5, 1, 1)]:
        alpha = rng.normal(size=shape)
        full = np.broadcast_to(alpha, (5, 4, 3))
        np.testing.assert_array_equal(numpycnn.ops.prelu(x, alpha), np.where(x > 0, x, full * x))
        dx, dalpha = numpycnn.ops.prelu_backward(dy, x, alpha)
        wide_dx, wide_dalpha = numpycnn.ops.prelu_backward(dy, x, full)
        np.testing.assert_array_equal(dx, wide_dx)
        assert dalpha.shape == shape
        np.testing.assert_allclose(np.vdot(dalpha, alpha), np.vdot(wide_dalpha, full), rtol=1e-12)


@pytest.mark.parametrize("name", [*FUNCTIONS, "softmax", "log_softmax"])
def test_lists_integers_and_no_axes(name):
    op, backward = op_and_backward(name)
    assert op([1, -2]).dtype == np.float64
    assert op(np.array([[1, -2]], np.int32)).shape == (1, 2)
    if "softmax" not in name:
        point = op(np.float32(0.5))
        assert isinstance(point, np.ndarray)
        assert (point.shape, point.dtype) == ((), np.float32)
        assert isinstance(backward(np.float32(1), np.float32(0.5)), np.ndarray)


X = np.zeros((2, 5, 3))
ERRORS = [
    ("relu", (X,), {"max_value": -1.0}, ValueError, "relu: max_value must be None or at least 0; got max_value -1.0."),
    ("relu", (X,), {"max_value": "6"}, TypeError, "relu: max_value must be None or at least 0; got max_value '6'."),
    ("relu", (X,), {"threshold": None}, TypeError, "relu: threshold must be a number; got threshold None."),
    ("relu", (X,), {"negative_slope": float("nan")}, ValueError, "relu: negative_slope must be a number; got negative_slope nan."),
    ("relu", (None,), {}, TypeError, "relu: x must be an array; got x None."),
    ("relu6", (X.astype(complex),), {}, TypeError, "relu6: x must be float16, float32, float64 or integer; got x complex128."),
    ("relu_backward", (X, None), {}, TypeError, "relu_backward: x must be an array; got x None."),
    ("relu_backward", (X, None), {"y": X, "max_value": 5}, ValueError, "relu_backward: y alone gives the gradient only where threshold is 0, negative_slope at least 0, max_value None or 6; give x; got threshold 0.0, negative_slope 0.0, max_value 5.0."),
    ("relu6_backward", (X[0], X), {}, ValueError, "relu6_backward: dy must have the shape of x, (2, 5, 3); got dy (5, 3)."),
    ("tanh_backward", (X[0], None), {"y": X}, ValueError, "tanh_backward: dy must have the shape of y, (2, 5, 3); got dy (5, 3)."),
    ("leaky_relu", (X, True), {}, TypeError, "leaky_relu: negative_slope must be a number; got negative_slope True."),
    ("elu", (X, "1"), {}, TypeError, "elu: alpha must be a number; got alpha '1'."),
    ("elu_backward", (X, None, -1.0), {"y": X}, ValueError, "elu_backward: y alone gives the gradient only where alpha is at least 0; give x; got alpha -1.0."),
    ("silu_backward", (X, None), {}, TypeError, "silu_backward: x must be an array; got x None."),
    ("prelu", (X, np.zeros(5)), {}, ValueError, "prelu: alpha must broadcast to x.shape[1:]; got x (2, 5, 3), alpha (5,)."),
    ("prelu", (X, X), {}, ValueError, "prelu: alpha must broadcast to x.shape[1:]; got x (2, 5, 3), alpha (2, 5, 3)."),
    ("prelu_backward", (X[:1], X, np.zeros(3)), {}, ValueError, "prelu_backward: dy must have the shape of x, (2, 5, 3); got dy (1, 5, 3)."),
    ("softmax", (X, 3), {}, ValueError, "softmax: axis must lie in [-3, 3) for an array with 3 axes; got axis 3."),
    ("softmax", (X, -4), {}, ValueError, "softmax: axis must be at least -3; got axis -4."),
    ("log_softmax", (X, None), {}, TypeError, "log_softmax: axis must be an integer; got axis None."),
    ("softmax_backward", (X, X, 1.0), {}, TypeError, "softmax_backward: axis must be an integer; got axis 1.0."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "options", "error", "message"), ERRORS, ids=[e[-1][:60] for e in ERRORS])
def test_errors(name, arguments, options, error, message):
    with pytest.raises(error) as raised:
        getattr(numpycnn.ops, name)(*arguments, **options)
    assert str(raised.value) == message
