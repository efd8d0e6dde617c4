"""Model.predict writes over what nobody reads any more: the same outputs, and nothing else changed."""

import numpy as np
import pytest

from numpycnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dropout,
    Flatten,
    Input,
    ReLU,
    Reshape,
)
from numpycnn.models import Model, resnet34
from numpycnn.verification.tolerances import ELEMENTWISE, scaled_error, unit_roundoff


def moved(model, seed=0):
    """Weights of every kind, moving statistics too, away from what they start from."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(np.abs(variable.value) + rng.uniform(0.01, 0.3, variable.shape))
    return model


def branches():
    """Outputs that are read twice, views, inputs that are read last by what could write over them; a shared layer."""
    x = Input((6, 5, 4))
    relu = ReLU()
    once = relu(x)  # must not write over what the caller gave
    conv = Conv2D(4, 3, padding="same")(once)
    twice = BatchNormalization()(conv)  # conv is read again below
    same = Dropout(0.5)(twice)  # in inference the array itself, or a copy
    view = Reshape((5, 6, 4))(twice)
    left = Activation("relu")(same)
    right = ReLU(max_value=1.0)(view)
    total = Add()([conv, left, twice])
    total = ReLU()(BatchNormalization()(Conv2D(3, 2)(total)))
    return Model(x, [Flatten()(relu(total)), right, Add()([x, x]), conv])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_predict_equals_forward_and_changes_no_input(dtype):
    model, rng = moved(branches()).astype(dtype), np.random.default_rng(1)
    x = rng.standard_normal((3, 6, 5, 4)).astype(dtype)
    given, weights = x.copy(), model.get_weights()
    expected = model.forward(x)
    for _ in range(2):
        for y, exact in zip(model.predict(x), expected, strict=True):
            np.testing.assert_allclose(y, exact, atol=64 * unit_roundoff(dtype) * np.abs(exact).max(), rtol=0)
    np.testing.assert_array_equal(x, given)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_batch_normalization_over_its_input_within_the_scaled_error():
    layer, rng = BatchNormalization(), np.random.default_rng(2)
    x = rng.normal(30, 1, (2, 7, 6, 5))
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = dict(
        zip(
            names,
            (rng.uniform(0.5, 2, 5), rng.normal(size=5), rng.normal(30, 1, 5), rng.uniform(0.1, 2, 5)),
            strict=True,
        )
    )
    exact, scale = layer.forward(weights, x), layer.output_scale(weights, [x])
    narrow = {name: value.astype(np.float32) for name, value in weights.items()}
    y = layer.forward_over(narrow, x.astype(np.float32))
    assert scaled_error(y, exact, scale, constant=ELEMENTWISE) <= 1


@pytest.mark.slow
def test_resnet34_predicts_what_its_layers_say():
    model = resnet34(classes=10, input_shape=(64, 64, 3))
    x = np.random.default_rng(3).standard_normal((2, 64, 64, 3), np.float32)
    exact = model.astype("float64").forward(x)
    np.testing.assert_allclose(model.predict(x), exact, rtol=1e-4, atol=1e-7)
