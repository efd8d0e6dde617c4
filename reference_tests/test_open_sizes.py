"""Inputs of open size: shapes equal to Keras's, any size at run time, and the sizes fixed."""

import keras
import numpy as np
import pytest

import numpycnn
from numpycnn import layers, models
from numpycnn.layers import Input
from reference_tests.library.command_line import figures, refused

RNG = np.random.default_rng(0)


def network():
    """Fully convolutional, with a model within, a skip connection and two outputs."""
    x = Input((None, None, 3), name="image")
    inner = models.Sequential([layers.Conv2D(4, 3), layers.ReLU()], input_shape=(None, None, 5), name="inner")
    y = layers.MaxPooling2D()(layers.Conv2D(5, (3, 2), padding="same")(x))
    up = layers.UpSampling2D((2, 3))(inner(y))
    pooled = layers.GlobalAveragePooling2D()(up)
    scaled = layers.Multiply()(up, layers.Dense(4)(pooled))
    return models.Model(x, [layers.Conv2D(2, 1)(scaled), layers.Dense(6)(pooled)], name="open")


def test_shapes_are_keras_s():
    ours = network()
    theirs = ours.to_keras()
    for tensor, own in zip(ours.outputs, theirs.outputs, strict=True):
        assert (None, *tensor.shape) == own.shape
    for node in ours.nodes:
        assert (None, *node.outputs[0].shape) == theirs.get_layer(ours.names[node.layer]).output.shape
    again = numpycnn.from_keras(theirs)
    assert [tensor.shape for tensor in again.outputs] == [(None, None, 2), (6,)]


@pytest.mark.parametrize("size", [(11, 9), (8, 15), (7, 7)])
def test_any_size_runs_and_equals_keras(size):
    ours = network()
    x = RNG.normal(size=(2, *size, 3)).astype(np.float32)
    for y, right in zip(ours.predict(x), ours.to_keras().predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(y, right, rtol=1e-5, atol=1e-5)
    dys = [np.ones_like(y) for y in ours.forward(x)]
    assert ours.backward(dys).inputs[0].shape == x.shape


def test_fixed_sizes_share_the_weights():
    ours = network()
    fixed = ours.with_input_shapes((11, 9, 3))
    assert [tensor.shape for tensor in fixed.outputs] == [(6, 6, 2), (6,)]
    assert fixed.variables["inner/conv2d/kernel"] is ours.variables["inner/conv2d/kernel"]
    assert list(fixed.names.values()) == list(ours.names.values())
    x = RNG.normal(size=(2, 11, 9, 3))
    for y, right in zip(fixed.predict(x), ours.predict(x), strict=True):
        np.testing.assert_array_equal(y, right)
    other = fixed.with_input_shapes((8, 15, 3))
    assert other.outputs[0].shape == (4, 15, 2)
    chain = models.Sequential([layers.Conv2D(2, 3), layers.Conv2D(3, 1)], input_shape=(None, None, 3))
    assert [type(layer) for layer in chain.with_input_shapes((5, 4, 3)).layers] == [layers.Conv2D, layers.Conv2D]
    assert numpycnn.count(fixed).params == numpycnn.count(other).params
    assert numpycnn.count(fixed).macs != numpycnn.count(other).macs


def test_messages():
    x = Input((None, 7, 3))
    with pytest.raises(
        ValueError, match=r"Dense: axis 0 of kernel depends on a size of the input that is open \(None\)"
    ):
        layers.Dense(3)(layers.Flatten()(x))
    with pytest.raises(
        ValueError, match=r"PReLU: axis 0 of alpha depends on a size .* got input_shapes \(\(None, 7, 3\)"
    ):
        layers.PReLU()(x)
    assert layers.PReLU(shared_axes=(1, 2))(x).shape == (None, 7, 3)
    with pytest.raises(ValueError, match="Input: every size of shape must be a positive integer or None; got shape"):
        Input((None, 0, 3))
    model = models.Model(x, layers.Conv2D(2, 3)(x))
    with pytest.raises(ValueError, match=r"Model: the input must have shape \(batch, None, 7, 3\); got \(2, 5, 6, 3\)"):
        model.predict(np.zeros((2, 5, 6, 3)))
    with pytest.raises(ValueError, match=r"count: every size of the input must be known; fix .* got input_shapes"):
        numpycnn.count(model)
    with pytest.raises(ValueError, match=r"with_input_shapes: there must be a shape for each of 1 inputs; got shapes"):
        model.with_input_shapes()
    with pytest.raises(
        ValueError, match=r"weights must keep their shapes; conv2d/kernel .3, 3, 3, 2. would have to be"
    ):
        model.with_input_shapes((5, 7, 4))
    with pytest.raises(ValueError, match="Conv2D: the kernel must fit the padded height"):
        model.with_input_shapes((2, 7, 3))


def test_what_depends_on_an_open_size_is_open_and_nothing_else():
    x = Input((None, 6, 4))
    shapes = {
        layers.Reshape((-1, 8)): (None, 8),
        layers.Permute((2, 3, 1)): (6, 4, None),
        layers.Resizing(5, 3): (5, 3, 4),
        layers.Cropping2D(((2, 1), (1, 0))): (None, 5, 4),
        layers.ZeroPadding2D(2): (None, 10, 4),
        layers.Flatten(): (None,),
        layers.GlobalMaxPooling2D(keepdims=True): (1, 1, 4),
        layers.Dropout(0.3): (None, 6, 4),
    }
    for layer, shape in shapes.items():
        assert layer(x).shape == shape
        assert keras.layers.deserialize(
            {"class_name": layer.keras_class, "config": layer.keras_config(), "module": "keras.layers"}
        )(keras.Input((None, 6, 4))).shape == (None, *shape)
    assert layers.Concatenate(axis=1)(x, x).shape == (None, 6, 4)
    assert layers.Add()(x, Input((1, 6, 4))).shape == (None, 6, 4)


def test_the_command_counts_a_file_with_open_sizes(tmp_path):
    network().save(path := tmp_path / "open.keras")
    refused(f"count {path}", "every size of the input must be known")
    found = figures(f"count {path} --input 11x9x3")
    assert found["layers"][-1]["output_shape"] in ([6, 6, 2], [6])
    assert found["macs"] == numpycnn.count(network().with_input_shapes((11, 9, 3))).macs
    refused(f"count {path} --input 11x9x4", "the weights must keep their shapes")
    refused(f"count {path} --classes 4", "is built already: --classes cannot change it")
    refused(f"count {tmp_path}/none.keras", "there is no file")
    (damaged := tmp_path / "damaged.h5").write_bytes(b"PK")
    refused(f"count {damaged}", "damaged.h5: the zip archive cannot be read")
