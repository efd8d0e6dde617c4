"""Models within models that are frozen: the layers that are frozen with them, in files, in Keras, and in training."""

import numpy as np
import pytest

import numpycnn
from numpycnn.data import Arrays, Dataset
from numpycnn.keras_io.build import import_keras
from numpycnn.layers import Add, BatchNormalization, Conv2D, Dense, Dropout, GlobalAveragePooling2D, Input
from numpycnn.models import Model, Sequential, trained_from
from numpycnn.training import Adam, TrainingConfig, train
from numpycnn.training.together import train_together

keras = import_keras()
RNG = np.random.default_rng(0)
X = RNG.normal(2, 1, (12, 7, 6, 3)).astype(np.float32)
OF_HEAD = ["head/kernel", "head/bias"]


def body(trainable=True, kind=Model, seed=1):
    """A model within a model within it, with batch normalization and dropout."""
    core = Sequential([Conv2D(5, 2, name="conv"), BatchNormalization(name="bn")], input_shape=(7, 6, 4), name="core")
    layers = [Conv2D(4, 1, name="stem"), core, Dropout(0.5)]
    if kind is Sequential:
        return Sequential(layers, input_shape=(7, 6, 3), name="body", seed=seed, trainable=trainable)
    x = y = Input((7, 6, 3))
    for layer in layers:
        y = layer(y)
    return Model(x, y, name="body", seed=seed, trainable=trainable)


def around(within, dtype="float32"):
    x = Input((7, 6, 3))
    return Model(x, Dense(3, name="head")(GlobalAveragePooling2D()(within(x))), dtype=dtype, name="outer")


def names(model):
    return [variable.name for variable in model.trainable_weights]


@pytest.mark.parametrize("kind", [Model, Sequential])
def test_a_frozen_model_freezes_every_layer_within(kind):
    free, model = around(body(kind=kind)), around(body(trainable=False, kind=kind))
    assert [v.name for v in free.weights] == [v.name for v in model.weights]
    for one, other in zip(free.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert names(model) == OF_HEAD
    assert not model.get_layer("body").trainable
    core = free.get_layer("body").get_layer("core")
    assert names(free.get_layer("body")) == ["stem/kernel", "stem/bias", *names(core)]
    counted = numpycnn.count(model)
    assert counted.params.trainable == sum(v.size for v in model.trainable_weights) == 18
    assert counted.params.total == numpycnn.count(free).params.total
    assert counted.memory.kept_bytes < numpycnn.count(free).memory.kept_bytes


def test_in_training_frozen_statistics_stay_and_dropout_still_drops():
    model = around(body(trainable=False))
    before = model.get_weights()
    y = model.forward(X, training=True, rng=np.random.default_rng(3))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not np.allclose(y, model.predict(X))
    assert list(model.backward(np.ones_like(y)).weights) == OF_HEAD


def test_a_trained_model_that_is_taken_in_keeps_its_weights():
    """Frozen as part of another model, it is a copy; what was given stays as it was."""
    within = body()
    within.forward(X, training=True)
    x = Input((7, 6, 3))
    frozen = Model(x, within(x), trainable=False)
    np.testing.assert_array_equal(frozen.predict(X), within.predict(X))
    assert names(frozen) == []
    assert len(names(within)) == 6
    assert len(names(trained_from(frozen, "all"))) == 6


def keras_variants():
    """Ways in which Keras's models come to be frozen in part."""

    def made(kind="functional"):
        layers = [keras.layers.Conv2D(4, 1, name="stem"), keras.layers.BatchNormalization(name="bn")]
        if kind == "sequential":
            within = keras.Sequential([keras.Input((7, 6, 3)), *layers], name="body")
        else:
            x = keras.Input((7, 6, 3))
            within = keras.Model(x, layers[1](layers[0](x)), name="body", trainable=kind != "said to its maker")
        x = keras.Input((7, 6, 3))
        head = keras.layers.Dense(3, name="head")
        return keras.Model(x, head(keras.layers.GlobalAveragePooling2D()(within(x))), name="outer"), within

    for kind in ("functional", "sequential"):
        model, within = made(kind)
        within.trainable = False
        yield f"{kind} body frozen", model
    model, within = made()
    within.trainable = False
    within.get_layer("stem").trainable = True
    yield "one of its layers thawed again", model
    yield "frozen where it was made, which Keras tells no layer", made("said to its maker")[0]
    model, within = made()
    within.get_layer("bn").trainable = False
    yield "one layer frozen", model
    model, _ = made()
    model.trainable = False
    yield "all frozen", model
    model, _ = made()
    model.trainable = False
    model.get_layer("head").trainable = True
    yield "all frozen, the head thawed, which Keras does not train", model


VARIANTS = dict(keras_variants())


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("way", ["from_keras", "keras", "h5"])
def test_what_keras_trains_is_trained_here_and_back(name, way, tmp_path):
    theirs = VARIANTS[name]
    if way == "from_keras":
        ours = numpycnn.from_keras(theirs)
    else:
        theirs.save(path := tmp_path / f"model.{way}")
        theirs, ours = keras.models.load_model(path), numpycnn.load_model(path)
    expected = [weight.path.split("body/")[-1] for weight in theirs.trainable_weights]
    assert [path.removeprefix("body/") for path in names(ours)] == expected
    assert numpycnn.count(ours).params.trainable == sum(int(np.prod(w.shape)) for w in theirs.trainable_weights)
    ours.save(tmp_path / "ours.keras")
    built, loaded = ours.to_keras(), keras.models.load_model(tmp_path / "ours.keras")
    assert built.get_layer("body").trainable == ours.get_layer("body").trainable
    if "sequential" not in name:  # Keras forgets it of a Sequential
        assert loaded.get_layer("body").trainable == ours.get_layer("body").trainable
    for back in (built, loaded):
        assert [weight.path.split("body/")[-1] for weight in back.trainable_weights] == expected
        np.testing.assert_allclose(back(X, training=True), theirs(X, training=True), rtol=1e-4, atol=1e-5)
    y = ours.forward(X, training=True)
    np.testing.assert_allclose(y, theirs(X, training=True), rtol=1e-4, atol=1e-5)


def pictures() -> Dataset:
    y = np.arange(24) % 3
    x = np.concatenate([X, X[::-1]]) + y[:, None, None, None]
    split = Arrays(x.astype(np.float32), y)
    return Dataset("drawn", ("a", "b", "c"), split, split, split)


def test_both_backends_train_the_same_of_it():
    outer = Input((7, 6, 3))
    maps = body(trainable=False)(Conv2D(3, 1, name="first")(outer))
    model = Model(outer, Dense(3, activation="softmax", name="head")(GlobalAveragePooling2D()(maps)), dtype="float64")
    before = {path: value.copy() for path, value in model.values().items()}
    config = TrainingConfig(
        epochs=3, batch_size=8, optimizer=Adam(learning_rate=0.01), precision="float64", preprocessing="raw"
    )
    ours, theirs = train_together(model, pictures(), config, steps=9)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-9)
    for path, value in ours.weights.items():
        np.testing.assert_allclose(value, theirs.weights[path], rtol=1e-8, atol=1e-10)
        same = np.array_equal(value, before[path.replace(".", "/")])
        assert same == path.startswith("body"), path


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_there_must_be_something_to_train(backend):
    x = Input((7, 6, 3))
    model = Model(x, Dense(3)(GlobalAveragePooling2D()(x)), trainable=False, name="still")
    with pytest.raises(ValueError, match=r"^train: there must be a layer with weights that is not frozen"):
        train(model, pictures(), TrainingConfig(backend=backend))


def test_a_model_that_is_there_is_not_changed():
    model = body()
    with pytest.raises(AttributeError, match=r"Model\(\.\.\., trainable=False\)"):
        model.trainable = False
    assert len(names(model)) == 6


def test_a_layer_cannot_be_frozen_within_and_trained_beside():
    shared, x = Conv2D(3, 1, name="shared"), Input((7, 6, 3))
    within = Sequential([shared], input_shape=(7, 6, 3), name="within", trainable=False)
    with pytest.raises(ValueError, match="a layer of a frozen model must not be used outside it too; shared is"):
        Model(x, Add()(shared(x), within(x)))
