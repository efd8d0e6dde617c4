"""Group normalization and standardized weights: their relatives, NaN, empty batches, hard data, and every error."""
# ruff: noqa: E501 - a message is one line, here as for the user

import inspect
import warnings

import keras
import numpy as np
import pytest

import numpycnn.ops
from numpycnn.layers import GroupNormalization, Input, StandardizedConv2D
from numpycnn.ops import (
    group_normalization,
    group_normalization_backward,
    layer_normalization,
    weight_standardization,
    weight_standardization_backward,
)
from numpycnn.testing.strategies import DTYPES

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
NAN, INF = np.nan, np.inf


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_the_defaults_are_keras_own():
    x = 1e-2 * normal(2, 5, 4, 96).astype(np.float32)  # variances below epsilon, so that it counts
    np.testing.assert_allclose(group_normalization(x), keras.layers.GroupNormalization()(x), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"groups must be -1 or divide the channels \(48\); got groups 32"):
        group_normalization(x[..., :48])


@pytest.mark.parametrize("name", ["group_normalization", "weight_standardization"])
def test_backward_has_the_defaults_of_forward(name):
    forward, backward = (inspect.signature(getattr(numpycnn.ops, op)).parameters for op in (name, f"{name}_backward"))
    assert list(backward.values())[1:] == list(forward.values())


@pytest.mark.parametrize(
    ("layer", "error", "words"),
    [
        (lambda: GroupNormalization(4), ValueError, r"groups must be -1 or divide the channels \(6\); got groups 4"),
        (lambda: GroupNormalization(0), ValueError, r"groups must be -1 or divide the channels \(6\); got groups 0"),
        (lambda: GroupNormalization(2.0), TypeError, "groups must be an integer; got groups 2.0"),
        (lambda: GroupNormalization(2, axis=1), ValueError, "axis must be the last, -1 or 3; got axis 1"),
        (lambda: GroupNormalization(2, epsilon=-1), ValueError, "epsilon must be a number, at least 0; got epsilon -1"),
        (lambda: StandardizedConv2D(4, 3, epsilon=-1), ValueError, "epsilon must be a number, at least 0"),
        (lambda: StandardizedConv2D(4, 3, groups=4), ValueError, "groups"),
    ],
)
def test_messages_of_the_layers(layer, error, words):
    with pytest.raises(error, match=f"^(GroupNormalization|StandardizedConv2D|Conv2D): .*{words}"):
        layer()(Input((8, 7, 6)))


def test_one_group_is_layer_normalization_of_everything():
    x = normal(3, 5, 4, 6)
    np.testing.assert_allclose(group_normalization(x, groups=1), layer_normalization(x, axis=(1, 2, 3)), rtol=1e-12)


def test_minus_one_is_a_group_for_each_channel():
    x = normal(3, 5, 4, 6)
    np.testing.assert_allclose(group_normalization(x, groups=-1), layer_normalization(x, axis=(1, 2)), rtol=1e-12)
    np.testing.assert_array_equal(group_normalization(x, groups=-1), group_normalization(x, groups=6))


def test_a_group_is_made_of_neighbouring_channels():
    """[0 4 | 10 30]: the groups are (0, 4) and (10, 30), not (0, 10) and (4, 30)."""
    y = group_normalization([[0.0, 4.0, 10.0, 30.0]], groups=2, epsilon=0)
    np.testing.assert_array_equal(y, [[-1, 1, -1, 1]])


def test_the_scale_and_offset_are_of_channels():
    y = group_normalization(
        [[0.0, 4.0, 10.0, 30.0]], groups=2, epsilon=0, gamma=[1.0, 2, 3, 4], beta=[10.0, 20, 30, 40]
    )
    np.testing.assert_array_equal(y, [[9, 22, 27, 44]])


@pytest.mark.usefixtures("no_warning")
@pytest.mark.parametrize("special", [NAN, INF])
def test_a_special_number_stays_in_its_group_of_its_example(special):
    x = normal(3, 5, 4, 6)
    x[1, 2, 3, 4] = special
    y = group_normalization(x, groups=3)
    dx, dgamma, _ = group_normalization_backward(np.ones_like(x), x, groups=3)
    touched = np.zeros(x.shape, bool)
    touched[1, :, :, 4:] = True
    for result in (y, dx):
        np.testing.assert_array_equal(np.isnan(result), touched)
    np.testing.assert_array_equal(np.isnan(dgamma), [0, 0, 0, 0, 1, 1])


@pytest.mark.usefixtures("no_warning")
def test_a_special_number_stays_in_its_filter():
    kernel = normal(3, 2, 5, 4)
    kernel[1, 1, 3, 2] = NAN
    for result in (weight_standardization(kernel), weight_standardization_backward(np.ones_like(kernel), kernel)):
        np.testing.assert_array_equal(np.isnan(result).any(axis=(0, 1, 2)), [0, 0, 1, 0])


@pytest.mark.usefixtures("no_warning")
@dtypes
@pytest.mark.parametrize("shape", [(0, 6), (0, 5, 4, 6), (2, 0, 4, 6)])
def test_an_empty_batch(shape, dtype):
    x = np.zeros(shape, dtype)
    assert group_normalization(x, groups=3).shape == shape
    dx, *learnt = group_normalization_backward(x, x, groups=3)
    np.testing.assert_array_equal(dx, x, strict=True)
    for gradient in learnt:
        np.testing.assert_array_equal(gradient, np.zeros(6, dtype), strict=True)


def test_float16_statistics_are_made_in_float32():
    x = (300 * normal(2, 9, 7, 6)).astype(np.float16)  # its squares leave float16
    exact = group_normalization(x.astype(np.float64), groups=2)
    np.testing.assert_allclose(group_normalization(x, groups=2), exact, rtol=1e-3, atol=1e-3)
    kernel = (3e-4 * normal(3, 3, 5, 4)).astype(np.float16)  # its squares are subnormal in float16
    exact = weight_standardization(kernel.astype(np.float64))
    np.testing.assert_allclose(weight_standardization(kernel), exact, rtol=2e-3, atol=2e-3)


def test_each_filter_has_mean_0_and_variance_1():
    kernel = 5 + 3 * normal(3, 2, 7, 4)
    y = weight_standardization(kernel)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(0, 1, 2)), 1, rtol=1e-9)
    np.testing.assert_allclose(weight_standardization(2 * kernel + 1), y, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("no_warning")
@dtypes
def test_equal_weights_become_zero(dtype):
    kernel = np.full((1, 1, 1, 3), 0.1, dtype)
    np.testing.assert_array_equal(weight_standardization(kernel), np.zeros_like(kernel), strict=True)
    np.testing.assert_array_equal(weight_standardization_backward(kernel, kernel), np.zeros_like(kernel), strict=True)
    np.testing.assert_array_equal(weight_standardization(np.full((3, 2, 4, 2), 0.5, dtype)), 0)


def test_epsilon_is_added_to_the_variance():
    """A variance of 9 and epsilon 16: the divisor is 5, not 3 + 16 nor 3 + 4."""
    kernel = np.array([-3.0, 3.0]).reshape(1, 2, 1, 1)
    np.testing.assert_allclose(weight_standardization(kernel, epsilon=16.0).ravel(), [-0.6, 0.6], rtol=1e-15)
    x = np.array([[-3.0, 3.0]])
    np.testing.assert_allclose(group_normalization(x, groups=1, epsilon=16.0), [[-0.6, 0.6]], rtol=1e-15)


def test_the_default_epsilon_of_weights_is_that_of_bit():
    kernel = np.array([-1e-5, 1e-5]).reshape(1, 2, 1, 1)  # a variance of 1e-10
    np.testing.assert_allclose(weight_standardization(kernel).ravel(), [-(0.5**0.5), 0.5**0.5])


X, ONE, KERNEL = normal(2, 8, 7, 6), np.ones(6), normal(3, 2, 5, 4)
RIGHT = {
    "group_normalization": {"x": X, "groups": 3, "gamma": ONE, "beta": ONE},
    "weight_standardization": {"kernel": KERNEL},
}
EPSILON = [
    ({"epsilon": -1e-3}, ValueError, "epsilon must be a number, at least 0; got epsilon -0.001."),
    ({"epsilon": "1"}, TypeError, "epsilon must be a number, at least 0; got epsilon '1'."),
]
GROUP = [
    ({"x": None}, TypeError, "x must be an array; got x None."),
    ({"x": X.astype(complex)}, TypeError, "x must be float16, float32, float64 or integer; got x complex128."),
    ({"x": ONE}, ValueError, "x must have at least two axes, (batch, ..., channels); got x (6,)."),
    ({"gamma": ONE[:5]}, ValueError, "gamma must have one value for each channel, (6,); got gamma (5,)."),
    ({"beta": np.ones((3, 2))}, ValueError, "beta must have one value for each channel, (6,); got beta (3, 2)."),
    ({"groups": 4}, ValueError, "groups must be -1 or divide the channels (6); got groups 4, x (2, 8, 7, 6)."),
    ({"groups": 0}, ValueError, "groups must be -1 or divide the channels (6); got groups 0, x (2, 8, 7, 6)."),
    ({"groups": -2}, ValueError, "groups must be at least -1; got groups -2."),
    ({"groups": 3.0}, TypeError, "groups must be an integer; got groups 3.0."),
]
KERNELS = [
    ({"kernel": None}, TypeError, "kernel must be an array; got kernel None."),
    ({"kernel": KERNEL[0]}, ValueError, "kernel must have the axes (kernel_height, kernel_width, channels // groups, filters); got kernel (2, 5, 4)."),
]  # fmt: skip
ERRORS = [
    pytest.param(op, *row, id=f"{op}-{'-'.join(row[0])}-{i}")
    for op, rows in (("group_normalization", GROUP + EPSILON), ("weight_standardization", KERNELS + EPSILON))
    for i, row in enumerate(rows)
]


@pytest.mark.parametrize(("op", "wrong", "error", "text"), ERRORS)
def test_messages(op, wrong, error, text):
    arguments = {**RIGHT[op], **wrong}
    for name, dy in ((op, []), (f"{op}_backward", [np.zeros((1, 2, 3, 4))])):
        with pytest.raises(error) as caught:
            getattr(numpycnn.ops, name)(*dy, **arguments)
        assert str(caught.value) == f"{name}: {text}"


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("axis", range(4))
def test_backward_wants_the_shape_of_the_output(name, axis):
    shape = next(iter(RIGHT[name].values())).shape
    wrong = tuple(size + (i == axis) for i, size in enumerate(shape))
    with pytest.raises(ValueError, match="shape of the output") as caught:
        getattr(numpycnn.ops, f"{name}_backward")(np.zeros(wrong), **RIGHT[name])
    assert str(caught.value) == f"{name}_backward: dy must have the shape of the output, {shape}; got dy {wrong}."
