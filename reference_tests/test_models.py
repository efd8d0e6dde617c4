"""Graphs of layers against Keras: order, names, weights, outputs, gradients, statistics; and what a run keeps."""

import numpy as np
import pytest

from numpycnn import models
from numpycnn.layers import (
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    Multiply,
    ReLU,
)
from numpycnn.models import Model, Sequential
from numpycnn.models.blocks import residual_unit
from numpycnn.models.nesting import flattened


def branching() -> Model:
    """Two inputs, a shared convolution, a skip, a gate that broadcasts, two outputs, and axes all of their own size."""
    left, right = Input((9, 8, 2), name="left"), Input((9, 8, 2), name="right")
    shared = Conv2D(5, (3, 2), padding="same", activation="tanh")
    a, b = shared(left), shared(right)
    joined = Concatenate()(a, b)
    x = BatchNormalization()(Conv2D(7, 3, strides=(2, 1))(joined))
    x = residual_unit(x, 6, strides=2, name="unit")
    gate = Dense(6, activation="sigmoid")(GlobalAveragePooling2D(keepdims=True)(x))
    x = Multiply()(x, gate)
    return Model([left, right], [Dense(4, activation="softmax")(Flatten()(x)), a], name="branching", dtype="float64")


def nested() -> Model:
    """A model used twice inside another, beside a plain layer."""
    inner_input = Input((6, 5, 3))
    hidden = ReLU()(Conv2D(3, 2, padding="same")(inner_input))
    inner = Model(inner_input, BatchNormalization()(hidden), name="inner", dtype="float64")
    x = Input((6, 5, 3))
    y = Add()(inner(x), inner(Conv2D(3, (1, 3), padding="same")(x)))
    return Model(x, Dense(2)(Flatten()(MaxPooling2D(2)(y))), name="outer", dtype="float64")


def small_resnet() -> Model:
    return models.resnet18(classes=5, input_shape=(33, 41, 3)).astype("float64")


def example(model: Model, batch=3):
    rng = np.random.default_rng(7)
    return [rng.normal(size=(batch, *tensor.shape)) for tensor in model.inputs]


def keras_gradients(model: Model, arrays, dys, training):
    import tensorflow as tf

    built = model.to_keras()
    inputs = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = built(inputs[0] if len(inputs) == 1 else inputs, training=training)
        outputs = outputs if isinstance(outputs, list) else [outputs]
    by_input, by_weight = tape.gradient(
        outputs, [inputs, [w.value for w in built.trainable_weights]],
        output_gradients=[tf.constant(dy) for dy in dys],
    )  # fmt: skip
    return built, [np.asarray(y) for y in outputs], list(map(np.asarray, by_input)), list(map(np.asarray, by_weight))


@pytest.mark.parametrize("make", [branching, nested, small_resnet])
@pytest.mark.parametrize("training", [False, True])
def test_outputs_gradients_and_statistics_equal_keras(make, training):
    model = make()
    rng = np.random.default_rng(1)
    model.set_weights([w + 0.1 * np.abs(rng.normal(size=w.shape)) for w in model.get_weights()])
    arrays = example(model)
    dys = [rng.normal(size=(3, *tensor.shape)) for tensor in model.outputs]
    built, theirs, their_dx, their_dw = keras_gradients(model, arrays, dys, training)
    outputs = model.forward(arrays if len(arrays) > 1 else arrays[0], training=training)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    gradients = model.backward(dys if len(dys) > 1 else dys[0])
    assert [w.shape for w in model.weights] == [tuple(w.shape) for w in built.weights]
    pairs = [*zip(outputs, theirs, strict=True), *zip(gradients.inputs, their_dx, strict=True)]
    pairs += zip(gradients.weights.values(), their_dw, strict=True)
    pairs += zip(model.get_weights(), built.get_weights(), strict=True)
    for ours, their in pairs:
        np.testing.assert_allclose(ours, their, rtol=1e-9, atol=1e-10 * max(1, np.abs(their).max()))


@pytest.mark.parametrize("make", [branching, nested, small_resnet])
def test_layers_stand_in_keras_order_under_keras_names(make):
    model = make()
    built = model.to_keras()
    assert list(model.names.values()) == [layer.name for layer in built.layers]
    ours = [f"{type(layer).__name__}" for layer in model.layers if not isinstance(layer, Model)]
    theirs = [type(layer).__name__ for layer in built.layers if type(layer).__name__ != "Functional"]
    assert ours == theirs


def test_sequential_becomes_keras_sequential():
    import keras

    model = models.fashion_mnist()
    built = model.to_keras()
    assert isinstance(built, keras.Sequential)
    assert [layer.name for layer in built.layers] == [model.names[layer] for layer in model.layers]
    x = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    np.testing.assert_allclose(model.predict(x), built(x), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "total", "trainable"),
    [
        (lambda: models.fashion_mnist(), 1_413_834, 1_413_834),
        (lambda: models.resnet34(classes=10), 21_306_826, 21_289_802),
        (lambda: models.resnet34(), 21_814_696, 21_797_672),
        (lambda: models.resnet18(), 11_699_112, 11_689_512),
    ],
)
def test_parameters(make, total, trainable):
    """Chapter 14 for the first two; torchvision's resnet34 (21,797,672) and resnet18 (11,689,512), without buffers."""
    model = make()
    specs = model.weight_specs()
    sizes = {path: int(np.prod(spec.shape)) for path, spec in specs.items()}
    assert sum(sizes.values()) == total
    assert sum(size for path, size in sizes.items() if specs[path].trainable) == trainable


def test_a_shared_layer_has_one_set_of_weights():
    model = branching()
    assert [v.name for v in model.weights].count("conv2d/kernel") == 1
    assert set(model.node_names.values()) >= {"conv2d", "conv2d:1"}


def test_nested_models_share_their_weights():
    model = nested()
    inner = model.get_layer("inner")
    inner.variables["conv2d/kernel"].assign(np.zeros((2, 2, 3, 3)))
    assert not model.variables["inner/conv2d/kernel"].value.any()
    flat = flattened(model)
    assert flat.variables["inner.conv2d/kernel"] is model.variables["inner/conv2d/kernel"]
    x = example(model)[0]
    np.testing.assert_array_equal(flat.predict(x), model.predict(x))


def test_a_layer_shared_by_two_nested_models_has_one_set_of_weights():
    shared, x = Dense(3, name="shared"), Input((4,))
    one, two = (Model(inner, shared(inner), name=name) for name, inner in (("one", Input((4,))), ("two", Input((4,)))))
    model = Model(x, Add()(one(x), two(x)))
    assert model.variables["one/shared/kernel"] is model.variables["two/shared/kernel"]
    model.initialize(5)
    assert np.array_equal(one.get_weights()[0], two.get_weights()[0])
    assert one.variables["shared/kernel"] is model.variables["one/shared/kernel"]
    assert [w.shape for w in model.weights] == [(4, 3), (3,)]
    model.forward(np.ones((2, 4)))
    gradients = model.backward(np.ones((2, 3))).weights
    assert list(gradients) == ["one/shared/kernel", "one/shared/bias"]
    np.testing.assert_array_equal(gradients["one/shared/bias"], [4, 4, 4])


def test_forward_keeps_what_is_declared_and_nothing_more():
    """Convolution and batch norm keep their input, ReLU its output (which is the next one's input), Add nothing."""
    x = Input((7, 6, 3))
    conv, norm, relu, add = Conv2D(4, 3, use_bias=False, padding="same"), BatchNormalization(), ReLU(), Add()
    y = relu(norm(conv(x)))
    model = Model(x, Flatten()(add(y, y)))
    model.forward(np.ones((2, 7, 6, 3)))
    held = {}
    for record in model._kept.extra["tape"]:
        for array in (*record.kept.inputs, *record.kept.outputs):
            if array.strides != (0,) * array.ndim:
                held[id(array)] = array.shape
    assert sorted(held.values()) == [(2, 7, 6, 3), (2, 7, 6, 4), (2, 7, 6, 4)]


def test_predict_in_batches_keeps_nothing_and_gives_the_same():
    model = models.fashion_mnist()
    x = np.random.default_rng(0).random((7, 28, 28, 1))
    whole = model.predict(x)
    assert whole.shape == (7, 10)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(model.predict(x, batch_size=3), whole, rtol=1e-5)
    assert model.predict(x[:0]).shape == (0, 10)
    assert model._kept is None


def test_same_seed_same_weights_and_dropout():
    one, two, other = (Sequential([Dropout(0.5), Dense(3)], input_shape=(40,), seed=s) for s in (4, 4, 5))
    x = np.ones((2, 40))
    np.testing.assert_array_equal(one.forward(x, training=True), two.forward(x, training=True))
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])
    first = one.forward(x, training=True, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(first, one.forward(x, training=True, rng=np.random.default_rng(1)))
    assert not np.array_equal(first, one.forward(x, training=True, rng=np.random.default_rng(2)))


def test_frozen_layers_get_no_gradient():
    model = Sequential([Dense(3, trainable=False, name="base"), Dense(2, name="head")], input_shape=(4,))
    model.forward(np.ones((5, 4)))
    assert list(model.backward(np.ones((5, 2))).weights) == ["head/kernel", "head/bias"]


@pytest.mark.parametrize(
    ("action", "error", "words"),
    [
        (lambda m: m.predict([np.ones((2, 9, 8, 2))]), ValueError, "2 arrays must come in; got 1"),
        (lambda m: m.predict([np.ones((2, 9, 8, 2)), np.ones((2, 8, 9, 2))]), ValueError, r"\(batch, 9, 8, 2\)"),
        (lambda m: m.backward([np.ones((1, 4)), np.ones((1, 9, 8, 5))]), RuntimeError, "forward must run first"),
        (lambda m: m.set_weights(m.get_weights()[:-1]), ValueError, "arrays"),
        (lambda m: m.set_weights([w.T for w in m.get_weights()]), ValueError, r"conv2d/kernel \(3, 2, 2, 5\)"),
        (lambda m: m.get_layer("nothing"), ValueError, "nothing"),
        (lambda m: Model(m.inputs[0], m.outputs), ValueError, "right"),
        (lambda m: Model([*m.inputs, Input((3,), name="idle")], m.outputs), ValueError, "idle"),
        (lambda m: Sequential([Dense(3)]), ValueError, "Input"),
        (lambda m: Dense(3)(np.ones((2, 3))), TypeError, "symbolic"),
        (lambda m: Input((3, -1)), ValueError, "-1"),
        (lambda m: Sequential([Dense(3, name="a"), Dense(3, name="a")], input_shape=(2,)), ValueError, "'a' 2 times"),
    ],
)
def test_bad_use_is_one_clear_error(action, error, words):
    with pytest.raises(error, match=words) as caught:
        action(branching())
    assert "\n" not in str(caught.value)


def test_an_error_inside_a_model_names_the_layer():
    model = Sequential([Conv2D(3, 3, name="c")], input_shape=(5, 5, 2))
    model.variables["c/kernel"].value = np.zeros((3, 3, 9, 3))
    with pytest.raises(ValueError, match="channels") as caught:
        model.predict(np.ones((1, 5, 5, 2)))
    assert "in layer 'c' (Conv2D)" in caught.value.__notes__


def test_summary_shows_what_keras_users_know(capsys):
    models.fashion_mnist().summary()
    shown = capsys.readouterr().out
    assert "conv2d (Conv2D)" in shown
    assert "Total params: 1,413,834" in shown
