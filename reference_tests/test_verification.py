"""verify: a right model holds; a wrong layer, on either side, forward or backward, is the one that is named."""

import json

import numpy as np
import pytest

import numpycnn.keras_io.build as build
from numpycnn import ops
from numpycnn.layers import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalMaxPooling2D,
    Input,
    LayerNormalization,
    LocalResponseNormalization,
    MaxPooling2D,
    PReLU,
    SeparableConv2D,
    Subtract,
)
from numpycnn.layers.base import Gradients
from numpycnn.models import Model
from numpycnn.verification import verify


def network() -> Model:
    """One of most kinds, with an inner model, a shared layer and a skip; no two axes alike."""
    inner_input = Input((13, 11, 6))
    inner = Model(inner_input, SeparableConv2D(6, 3, padding="same", activation="gelu")(inner_input), name="inner")
    x = Input((27, 23, 3))
    y = Conv2D(6, (5, 4), strides=2, padding="same", use_bias=False, name="conv")(x)
    y = BatchNormalization(name="norm")(y)
    y = PReLU(alpha_initializer="random_normal", name="prelu")(y)
    y = LocalResponseNormalization(depth_radius=2, bias=2.0, alpha=1e-2, beta=0.75, name="lrn")(y)
    y = MaxPooling2D(2, strides=1, padding="valid", name="pool")(y)
    shared = DepthwiseConv2D(3, padding="same", activation="silu", name="shared")
    y = Subtract(name="skip")(shared(shared(y)), y)
    y = Add(name="join")(inner(y), y)
    y = LayerNormalization(name="layer_norm")(AveragePooling2D(3, padding="same", name="average")(y))
    y = Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu", name="up")(y)
    y = Dropout(0.5, name="drop")(y)
    a = Dense(5, activation="softmax", name="classes")(Flatten(name="flat")(y))
    return Model(x, [a, GlobalMaxPooling2D(name="peaks")(y)], name="network")


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture
def x():
    return np.random.default_rng(3).random((4, 27, 23, 3))


def test_a_right_model_holds(model, x):
    report = verify(model, x)
    assert report.holds, report.summary
    assert report.first_difference is None
    outputs = [row.name for row in report.rows if row.quantity == "output"]
    assert outputs.count("shared") == outputs.count("shared:1") == outputs.count("inner.separable_conv2d") == 1
    gradients = {f"{row.name} {row.quantity}" for row in report.rows if row.quantity != "output"}
    assert {"shared gradient of kernel", "norm gradient of gamma", "prelu gradient of alpha"} <= gradients
    by_weight = [row for row in report.rows if row.quantity not in ("output", "gradient of input")]
    assert len(by_weight) == len(model.trainable_weights)
    assert {row.name for row in report.rows if row.quantity == "gradient of input"} >= {"pool", "shared + skip"}
    assert all(row.chained_theirs < 1e-4 for row in report.rows if row.chained_theirs is not None)
    told = json.loads(report.to_json())
    assert told["holds"] is True
    assert len(told["rows"]) == len(report.rows)


def test_errors_are_measured_and_not_all_zero(model, x):
    rows = verify(model, x).rows
    assert np.mean([row.theirs > 0.01 for row in rows]) > 0.4
    assert np.mean([row.ours > 0.01 for row in rows]) > 0.4


KEYS = {"conv": "kernel", "norm": "beta", "shared": "bias", "up": "kernel", "classes": "kernel"}


@pytest.mark.parametrize("name", KEYS)
def test_a_small_difference_in_tensorflow_names_its_layer(model, x, monkeypatch, name):
    """One weight of one layer is off by up to a thousandth: that layer is named, those after it are not to blame."""

    def wrong_form(model, **options):
        form = keras_form(model, **options)
        built = next(form.layers[layer] for layer, own in model.names.items() if own == name)
        weight = next(w for w in built.weights if w.name == KEYS[name])
        weight.assign(weight.numpy() + 1e-3 * np.random.default_rng(0).random(weight.shape))
        return form

    keras_form = build.keras_form
    monkeypatch.setattr(build, "keras_form", wrong_form)
    report = verify(model, x)
    outputs = [row for row in report.rows if row.quantity == "output"]
    assert report.first_difference.name == name
    assert report.first_difference.verdict == "differs"
    assert {row.name.split(":")[0] for row in outputs if not row.holds} == {name}
    assert f"output of {name}" in report.summary
    assert "TensorFlow is off" in report.summary


def test_our_own_mistake_is_ours(model, x, monkeypatch):
    """Beyond what rounding explains in float32, while float64 and TensorFlow are right."""
    right = ops.conv2d_transpose

    def imprecise(x, *args, **options):
        y = right(x, *args, **options)
        return y if y.dtype == np.float64 else y + np.float32(1e-4)

    monkeypatch.setattr(ops, "conv2d_transpose", imprecise)
    report = verify(model, x)
    assert report.first_difference.name == "up"
    assert report.first_difference.verdict == "ours differs"
    assert "numpycnn is off" in report.summary


@pytest.mark.parametrize(
    ("kind", "part", "name", "quantity"),
    [
        (Conv2D, "weight_gradients", "conv", "gradient of kernel"),
        (BatchNormalization, "backward", "norm", "gradient of gamma"),
        (DepthwiseConv2D, "weight_gradients", "shared", "gradient of bias"),
        (Dense, "weight_gradients", "classes", "gradient of kernel"),
        (Dense, "input_gradients", "classes", "gradient of input"),
    ],
)
def test_a_wrong_gradient_is_named(model, x, monkeypatch, kind, part, name, quantity):
    right = getattr(kind, part)

    def off(found):
        if isinstance(found, Gradients):
            return Gradients(off(found.inputs), off(found.weights))
        return {k: d * 1.001 for k, d in found.items()} if isinstance(found, dict) else tuple(d * 1.001 for d in found)

    def wrong(*args):
        return off(right(*args))

    monkeypatch.setattr(kind, part, wrong)
    report = verify(model, x)
    differing = [(row.name, row.quantity) for row in report.rows if not row.holds]
    assert (name, quantity) in differing
    assert all(row.holds for row in report.rows if row.quantity == "output")


def test_without_gradients_only_outputs(model, x):
    assert {row.quantity for row in verify(model, x, gradients=False).rows} == {"output"}


def test_inputs_may_be_left_out(model):
    assert verify(model, gradients=False).holds


def test_progress_is_told(model, x):
    lines = []
    verify(model, x, progress=lines.append)
    assert "comparing the output of conv" in lines
    assert "comparing the gradients of conv" in lines


def test_another_side_is_refused(model):
    with pytest.raises(ValueError, match="against must be"):
        verify(model, against="theano")
