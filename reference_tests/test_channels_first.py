"""Keras models with their channels first, converted at the edge: the same numbers, images in and out channels last."""

import keras
import numpy as np
import pytest

import numpycnn
from numpycnn import layers
from reference_tests.test_keras_files import random_values

RNG = np.random.default_rng(0)
FIRST = {"data_format": "channels_first"}
kl = keras.layers


def network(first: bool):
    """Every kind of layer that has a layout: sliding, axes, merging, reshapes, a model within, images coming out."""
    layout, axis = (FIRST, 1) if first else ({"data_format": "channels_last"}, 3)
    x = keras.Input((3, 12, 10) if first else (12, 10, 3))
    y = kl.Conv2D(6, (3, 2), strides=(2, 1), padding="same", **layout)(x)
    y = kl.ReLU()(kl.BatchNormalization(axis=axis)(y))
    z = kl.DepthwiseConv2D(3, padding="same", **layout)(y)
    z = kl.Cropping2D(((0, 1), (2, 0)), **layout)(kl.ZeroPadding2D(((0, 1), (2, 0)), **layout)(z))
    y = kl.Concatenate(axis=axis)([y, z])
    y = kl.PReLU(shared_axes=[2, 3] if first else [1, 2])(y)
    y = kl.MaxPooling2D(2, padding="same", **layout)(kl.SeparableConv2D(4, 3, **layout)(y))
    inner = keras.Input((4, 2, 4) if first else (2, 4, 4))
    y = keras.Model(inner, kl.Conv2D(4, 1, **layout)(inner), name="inner")(y)
    y = kl.Conv2DTranspose(5, 2, strides=2, **layout)(kl.UpSampling2D(2, **layout)(y))
    y = kl.LayerNormalization(axis=axis)(kl.SpatialDropout2D(0.2, **layout)(y))
    y = kl.Softmax(axis=axis)(y)
    pooled = kl.Dense(5)(kl.GlobalAveragePooling2D(**layout)(y))
    y = kl.Multiply()([y, kl.Reshape((5, 1, 1) if first else (1, 1, 5))(pooled)])
    flat = kl.Dense(7)(kl.Flatten(**layout)(y))
    return keras.Model(x, [flat, kl.AveragePooling2D(2, **layout)(y)])


@pytest.fixture(scope="module")
def theirs():
    model = network(first=True)
    model.set_weights([random_values(weight) for weight in model.weights])
    return model


@pytest.mark.parametrize("ending", ["memory", "keras", "h5"])
def test_channels_first_equals_keras(ending, theirs, tmp_path):
    if ending == "memory":
        ours = numpycnn.from_keras(theirs)
    else:
        theirs.save(path := tmp_path / f"model.{ending}")
        ours = numpycnn.load_model(path)
    assert [tensor.shape for tensor in (*ours.inputs, *ours.outputs)] == [(12, 10, 3), (7,), (4, 8, 5)]
    x = RNG.normal(size=(2, 3, 12, 10)).astype(np.float32)
    (flat, images), (y, y_images) = theirs.predict(x, verbose=0), ours.predict(x.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(y, flat, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y_images, images.transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-6)


def test_only_what_needs_keras_s_own_order_of_axes_is_permuted(theirs):
    """PReLU, whose weights have axes of their own, before and after; the reshaped scales; nothing else."""
    ours = numpycnn.from_keras(theirs)
    assert sum(isinstance(layer, layers.Permute) for layer in ours.layers) == 3
    same = numpycnn.from_keras(network(first=False))
    assert not any(isinstance(layer, layers.Permute) for layer in same.layers)
    assert numpycnn.count(ours).macs == numpycnn.count(same).macs
    kernels = [w.shape for w in ours.weights if w.name.endswith("kernel")]
    assert kernels == [w.shape for w in same.weights if w.name.endswith("kernel")]


@pytest.mark.parametrize("flatten", [FIRST, {"data_format": "channels_last"}])
def test_flatten_runs_through_the_order_that_it_is_told(flatten):
    """The trap: channels_first gives height, width, channels; channels_last, of such images, channels first."""
    model = keras.Sequential([keras.Input((3, 5, 4)), kl.MaxPooling2D(1, **FIRST), kl.Flatten(**flatten), kl.Dense(2)])
    x = RNG.normal(size=(2, 3, 5, 4)).astype(np.float32)
    y = numpycnn.from_keras(model).predict(x.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(y, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


def test_a_layer_with_an_axis_is_not_shared_between_layouts():
    x, z = keras.Input((3, 5, 4)), keras.Input((3,))
    shared = kl.Concatenate(axis=1)
    images = shared([kl.Conv2D(3, 1, **FIRST)(x), x])
    vectors = shared([z, z])
    model = keras.Model([x, z], [images, vectors])
    with pytest.raises(numpycnn.ModelFileError, match=r"layer 'concatenate.*: a layer with an axis cannot be shared"):
        numpycnn.from_keras(model)


def test_what_keras_loads_does_not_depend_on_its_default(theirs, tmp_path):
    ours = numpycnn.from_keras(theirs)
    ours.save(path := tmp_path / "ours.keras")
    x = RNG.normal(size=(2, 12, 10, 3)).astype(np.float32)
    keras.config.set_image_data_format("channels_first")
    try:
        loaded = keras.models.load_model(path)
    finally:
        keras.config.set_image_data_format("channels_last")
    np.testing.assert_allclose(loaded.predict(x, verbose=0)[0], ours.predict(x)[0], rtol=1e-5, atol=1e-6)
