"""Models between Keras and this package: from memory and from files, both ways, with equal numbers."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import numpycnn
from numpycnn import layers, models
from reference_tests.keras_applications import LARGEST_DIFFERENCE, SMALL, image, keras_macs, randomize

FILES = Path(__file__).parent / "files"
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", SMALL)
def test_networks_of_keras_applications(name, tmp_path):
    """In small pictures; all forty in their own sizes are `python -m reference_tests.keras_applications`."""
    rng = np.random.default_rng(len(name))
    theirs = getattr(keras.applications, name)(weights=None, classes=17, input_shape=(SMALL[name], SMALL[name], 3))
    randomize(theirs, rng, images=40)
    x = image(theirs, rng)
    y = theirs.predict(x, verbose=0)
    theirs.save(path := tmp_path / "model.keras")
    ours = numpycnn.load_model(path)
    assert ours.layers[-1].name == theirs.layers[-1].name
    assert_close(ours.predict(x), y)
    counted = numpycnn.count(ours)
    assert (counted.params.total, counted.macs) == (theirs.count_params(), keras_macs(theirs, x.shape[1:]))


def assert_close(y, expected):
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= LARGEST_DIFFERENCE * np.abs(expected).max()
    assert (y.argmax(axis=-1) == expected.argmax(axis=-1)).all()


def test_files_are_read_where_tensorflow_and_keras_cannot_be_imported(tmp_path):
    theirs = keras_model()
    x = inputs_of(theirs)
    theirs.save(path := tmp_path / "model.keras")
    np.savez(tmp_path / "x.npz", *x)
    code = f"""
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
import numpy as np, numpycnn
x = np.load(r"{tmp_path / "x.npz"}")
y = numpycnn.load_model(r"{path}").predict([x["arr_0"], x["arr_1"]])
np.savez(r"{tmp_path / "y.npz"}", *y)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=FILES.parents[1])
    y = np.load(tmp_path / "y.npz")
    for own, expected in zip(y.values(), theirs.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-5)


def keras_model(name="everything"):
    """Repeated classes, a shared layer, models within, operators, several inputs and outputs, a frozen layer."""
    image_in, extra = keras.Input((11, 9, 3), name="image"), keras.Input((5,), name="extra")
    y = keras.layers.Conv2D(6, (3, 2), strides=(2, 1), padding="same", activation="gelu")(image_in)
    y = keras.layers.BatchNormalization(trainable=False)(y)
    shared = keras.layers.Conv2D(6, 1, name="shared", kernel_regularizer="l2")
    y = keras.layers.Add()([shared(y), shared(keras.layers.ReLU(2.0, threshold=0.1)(y))])
    inner_in = keras.Input((None, None, 6))
    z = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, (3, 2), padding="same")(inner_in))
    inner = keras.Model(inner_in, [z, keras.layers.Conv2D(6, 1)(z)], name="inner")
    first, second = inner(y, training=False)
    third, _ = inner(second * 0.5 + 1.0)
    y = keras.layers.Concatenate()([first, third - first])
    head = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(5), keras.layers.Dense(5)], name="head")
    pooled = keras.layers.GlobalMaxPooling2D()(y)
    joined = keras.layers.Dropout(0.3)(keras.layers.Concatenate()([head(y), pooled, extra]))
    model = keras.Model([image_in, extra], [keras.layers.Dense(6)(joined), pooled], name=name)
    model.set_weights([random_values(weight) for weight in model.weights])
    return model


def random_values(weight):
    """Different for every weight, so that one in the place of another shows."""
    return RNG.uniform(0.5, 1.5, weight.shape) if "variance" in weight.path else RNG.normal(0, 0.4, weight.shape)


def inputs_of(model, batch=2):
    shapes = [tensor.shape[1:] for tensor in model.inputs]
    arrays = [RNG.normal(size=(batch, *(size or 8 for size in shape))).astype(np.float32) for shape in shapes]
    return arrays if len(arrays) > 1 else arrays[0]


def assert_same(ours, theirs):
    x = inputs_of(theirs)
    expected, y = theirs.predict(x, verbose=0), ours.predict(x)
    for own, right in zip(*((y, expected) if isinstance(y, list) else ([y], [expected])), strict=True):
        np.testing.assert_allclose(own, right, rtol=2e-5, atol=2e-5 * np.abs(right).max())


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_every_kind_of_wiring(ending, tmp_path):
    theirs = keras_model()
    theirs.save(path := tmp_path / f"model.{ending}")
    ours = numpycnn.load_model(path)
    assert_same(ours, theirs)
    assert_same(numpycnn.from_keras(theirs), theirs)
    assert [layer.name for layer in theirs.layers] == [
        name for layer, name in ours.names.items() if not isinstance(layer, layers.Rescaling | layers.Subtract)
    ]
    assert sum(v.size for v in ours.trainable_weights) == sum(int(np.prod(w.shape)) for w in theirs.trainable_weights)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_models_within_as_outputs_and_operators_with_numbers(ending, tmp_path):
    """At the ends, Keras counts the calls of a functional model within from 1, those of a Sequential from 0."""
    x, inside = keras.Input((5,)), keras.Input((5,))
    functional = keras.Model(inside, keras.layers.Dense(5)(inside))
    sequential = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    y = 2.0 - (functional(3.0 * x - 1.0) / 4.0 + 0.5)
    theirs = keras.Model(x, [functional(y), sequential(y), functional(x), sequential(x * y)])
    theirs.set_weights([random_values(weight) for weight in theirs.weights])
    theirs.save(path := tmp_path / f"model.{ending}")
    ours = numpycnn.load_model(path)
    assert_same(ours, theirs)
    ours.save(path := tmp_path / "ours.keras")
    assert_same(ours, keras.models.load_model(path))


def test_weights_are_found_by_class_and_order_whatever_layers_are_called(tmp_path):
    """Names in an order that is none of the file's: /layers/dense_2 is the layer called a."""
    x = keras.Input((5,))
    y = keras.layers.Dense(5, name="c")(keras.layers.Dense(5, name="zz")(x))
    theirs = keras.Model(x, keras.layers.Dense(5, name="a")(y))
    theirs.set_weights([random_values(weight) for weight in theirs.weights])
    theirs.save(path := tmp_path / "model.keras")
    with zipfile.ZipFile(path) as archive, h5py.File(archive.open("model.weights.h5")) as file:
        np.testing.assert_array_equal(file["layers/dense_2/vars/0"], theirs.get_layer("a").kernel)
    ours = numpycnn.load_model(path)
    for name in ("zz", "c", "a"):
        np.testing.assert_array_equal(ours.variables[f"{name}/kernel"].value, theirs.get_layer(name).kernel)
    assert_same(ours, theirs)


@pytest.mark.parametrize("ending", ["keras", "h5", "weights.h5"])
def test_weights_onto_a_model_that_has_others(ending, tmp_path):
    theirs = keras_model()
    (theirs.save_weights if ending == "weights.h5" else theirs.save)(path := tmp_path / f"model.{ending}")
    ours = numpycnn.from_keras(keras_model("other"))
    before = [variable.value for variable in ours.weights]
    ours.load_weights(path)
    assert not any(np.array_equal(own.value, old) for own, old in zip(ours.weights, before, strict=True))
    assert_same(ours, theirs)


def test_weights_of_other_names_are_taken_in_order(tmp_path):
    """As Keras takes those of .h5 files."""

    def chain(*names):
        return keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4, name=name) for name in names)])

    theirs, renamed = chain("a", "b"), chain("x", "y")
    theirs.set_weights([random_values(weight) for weight in theirs.weights])
    theirs.save(path := tmp_path / "model.h5")
    ours = numpycnn.from_keras(renamed)
    ours.load_weights(path)
    assert_same(ours, theirs)


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    def dense(units):
        return models.Sequential([layers.Dense(3), layers.Dense(units)], input_shape=(4,))

    (source := dense(6)).initialize(3)
    source.save(path := tmp_path / "w.weights.h5")
    ours = dense(5)
    before = ours.get_weights()
    with pytest.raises(
        numpycnn.ModelFileError, match=r"/layers/dense_1/vars/0: the shape must be \(3, 5\); got \(3, 6"
    ):
        ours.load_weights(path)
    for own, old in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(own, old)


@pytest.mark.parametrize("name", ["keras2_functional.h5", "keras2_functional.keras", "keras2_sequential.h5"])
def test_files_of_keras_2(name):
    """Made by files/make_keras2.py with tf_keras, together with what that computes."""
    known = np.load(FILES / f"{name.split('.')[0]}.npz")
    x, expected = ([known[key] for key in known if key[0] == side] for side in "xy")
    y = numpycnn.load_model(FILES / name).predict(x if len(x) > 1 else x[0])
    for own, right in zip(y if isinstance(y, list) else [y], expected, strict=True):
        np.testing.assert_allclose(own, right, rtol=1e-5, atol=1e-5)


def test_the_first_files_of_keras_2_have_a_list_for_a_sequential(tmp_path):
    """Keras 2.0 wrote the layers of a Sequential without an object around them, and no dtype."""

    def older(config):
        listed = [layer for layer in config["config"]["layers"] if layer["class_name"] != "InputLayer"]
        for layer in listed:
            layer["config"] = {k: v for k, v in layer["config"].items() if k != "dtype"}
        return {"class_name": "Sequential", "config": listed}

    path = changed_h5("keras2_sequential.h5", tmp_path, older)
    known = np.load(FILES / "keras2_sequential.npz")
    np.testing.assert_allclose(numpycnn.load_model(path).predict(known["x0"]), known["y0"], rtol=1e-5, atol=1e-5)


def test_the_hard_sigmoid_of_keras_2_is_another_one(tmp_path):
    """0.2 x + 0.5 then, x / 6 + 0.5 since (row 32 of the traps): numbers would silently differ."""

    def hard(config):
        config["config"]["layers"][-1]["config"]["activation"] = "hard_sigmoid"
        return config

    path = changed_h5("keras2_sequential.h5", tmp_path, hard)
    with pytest.raises(numpycnn.ModelFileError, match=r"hard_sigmoid of Keras 2 is 0.2 \* x \+ 0.5"):
        numpycnn.load_model(path)


def changed_h5(name, folder, change):
    (path := folder / name).write_bytes((FILES / name).read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(change(json.loads(file.attrs["model_config"])))
    return path


@pytest.mark.parametrize(
    ("policy", "dtype"),
    [("float64", "float64"), ("float16", "float16"), ("mixed_float16", "float32"), ("bfloat16", "float32")],
)
def test_dtype_policies(policy, dtype, tmp_path):
    """The dtype of the weights; bfloat16, which NumPy lacks, becomes float32 of the same numbers."""
    theirs = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(4, dtype=policy), keras.layers.Dense(3, dtype=policy)]
    )
    theirs.set_weights([random_values(weight) for weight in theirs.weights])
    for ending in ("keras", "h5") if policy != "bfloat16" else ("keras",):
        theirs.save(path := tmp_path / f"model.{ending}")
        ours = numpycnn.load_model(path)
        assert ours.dtype == dtype
        for own, right in zip(ours.weights, theirs.weights, strict=True):
            np.testing.assert_array_equal(own.value, np.asarray(right).astype(dtype))


def test_a_call_in_inference_trains_with_the_model_around_it_as_in_keras():
    """Keras's base(x, training=False) gives way to training=True of the whole model, at least in 3.15."""
    inputs = keras.Input((4,))
    base = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()])
    theirs, x = keras.Model(inputs, base(inputs, training=False)), RNG.normal(2.0, 3.0, (50, 4)).astype(np.float32)
    ours = numpycnn.from_keras(theirs)
    for training in (True, False):
        np.testing.assert_allclose(ours.forward(x, training), theirs(x, training=training), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["functional", "sequential", "float64"])
def test_keras_loads_what_is_saved_here_with_equal_outputs(kind, tmp_path):
    theirs = keras_model() if kind == "functional" else keras.Sequential(
        [keras.Input((8, 7, 2)), keras.layers.Conv2D(4, 3), keras.layers.PReLU(shared_axes=(1, 2)),
         keras.layers.SeparableConv2D(3, 2), keras.layers.Normalization(), keras.layers.GaussianNoise(0.1),
         keras.layers.RandomFlip(), keras.layers.GroupNormalization(3), keras.layers.SpatialDropout2D(0.2),
         keras.layers.Flatten(), keras.layers.Dense(3, kernel_initializer=keras.initializers.HeNormal(3))]
    )  # fmt: skip
    ours = numpycnn.from_keras(theirs)
    ours = ours.astype("float64") if kind == "float64" else ours
    ours.save(path := tmp_path / "saved.keras")
    loaded, x = keras.models.load_model(path), inputs_of(theirs)
    first, second = theirs.predict(x, verbose=0), loaded.predict(x, verbose=0)
    for own, right in zip(*((second, first) if isinstance(first, list) else ([second], [first])), strict=True):
        if kind == "float64":
            assert own.dtype == np.float64
            np.testing.assert_allclose(own, right, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(own, right)
    assert [layer.trainable for layer in loaded.layers if layer.weights] == [
        layer.trainable for layer in theirs.layers if layer.weights
    ]
    again = numpycnn.load_model(path)
    np.testing.assert_array_equal(given_first(again.predict(x)), given_first(ours.predict(x)))
    theirs.set_weights([np.zeros(weight.shape) for weight in theirs.weights])
    ours.save(weights := tmp_path / "saved.weights.h5")
    theirs.load_weights(weights)
    np.testing.assert_allclose(given_first(theirs.predict(x, verbose=0)), given_first(first), rtol=1e-6, atol=1e-6)


def given_first(y):
    return y[0] if isinstance(y, list) else y


def test_layers_that_keras_lacks_are_saved_for_keras_too(tmp_path):
    from numpycnn.keras_io.custom import custom_layers

    ours = models.Sequential(
        [layers.StandardizedConv2D(4, 3), layers.LocalResponseNormalization(2), layers.TakeChannels((3, 1))],
        input_shape=(6, 5, 3),
    )
    ours.save(path := tmp_path / "own.keras")
    custom_layers()
    assert_same(numpycnn.load_model(path), keras.models.load_model(path))


def test_a_layer_of_one_s_own_is_built_from_layers(tmp_path):
    class Doubled(keras.layers.Layer):
        def __init__(self, factor=2.0, **options):
            super().__init__(**options)
            self.factor = factor

        def call(self, x):
            return x * self.factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    from dataclasses import dataclass

    @dataclass(frozen=True, eq=False)
    class Ours(layers.Layer):
        factor: float = 2.0

        def output_shape(self, shape):
            return shape

        def forward(self, weights, x):
            return x * np.float32(self.factor)

    theirs = keras.Sequential([keras.Input((5,)), Doubled(3.0), keras.layers.Dense(2)])
    theirs.save(path := tmp_path / "model.keras")
    with pytest.raises(
        numpycnn.ModelFileError, match=r"there is no layer of class '.*Doubled'; give one of your own, as"
    ):
        numpycnn.load_model(path)
    assert_same(numpycnn.load_model(path, layers={"Doubled": Ours}), theirs)
    assert_same(numpycnn.from_keras(theirs, layers={"Doubled": Ours}), theirs)
