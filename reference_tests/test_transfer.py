"""Transfer learning: heads exchanged, layers frozen by index, name and block, and batch norm that stays frozen."""

import keras
import numpy as np
import pytest

from numpycnn.keras_io import from_keras
from numpycnn.layers import BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input
from numpycnn.models import Model, lenet5, trained_from, with_new_head


def base(nested=False):
    x = Input((7, 6, 3))
    y = Conv2D(4, 3, name="stem")(x)
    y = BatchNormalization(name="block1_bn")(y)
    y = Conv2D(5, 2, activation="relu", name="block1_conv")(y)
    y = BatchNormalization(name="block2_bn")(y)
    body = Model(x, y, name="body", seed=3)
    if nested:
        outer = Input((7, 6, 3))
        return Model(outer, Dense(9, name="old")(GlobalAveragePooling2D()(body(outer))), name="outer", seed=3)
    return Model(x, Dense(9, name="old")(GlobalAveragePooling2D()(y)), name="net", seed=3)


X = np.random.default_rng(0).normal(3, 2, (8, 7, 6, 3)).astype(np.float32)


@pytest.mark.parametrize("nested", [False, True])
def test_a_new_head_reads_the_maps_of_the_old_model(nested):
    old = base(nested)
    new = with_new_head(old, 4, seed=1)
    maps = base().activations(X)["block2_bn"]
    kernel, bias = (new.variables[f"head/{key}"].value for key in ("kernel", "bias"))
    logits = maps.mean(axis=(1, 2)) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(new.predict(X), expected, rtol=1e-4)
    assert "old/kernel" not in new.variables
    new.variables[next(iter(new.variables))].assign(0 * next(iter(new.variables.values())).value)
    np.testing.assert_array_equal(old.get_weights()[0], base(nested).get_weights()[0])
    assert not np.array_equal(with_new_head(old, 4, seed=2).get_weights()[-2], kernel)


def test_a_model_without_maps_has_no_place_for_a_head():
    x = Input((5,))
    with pytest.raises(ValueError, match=r"^with_new_head: the base must have a layer that makes maps"):
        with_new_head(Model(x, Dense(3)(x)), 4)


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("all", "stem/kernel"),
        (0, "stem/kernel"),
        (1, "stem/kernel"),
        (2, "block1_bn/gamma"),
        ("block1", "block1_bn/gamma"),
        ("block1_conv", "block1_conv/kernel"),
        (-4, "block1_conv/kernel"),
        ("block2", "block2_bn/gamma"),
        ("head", "head/kernel"),
        (-1, "head/kernel"),
    ],
)
def test_what_is_trained_starts_at_an_index_a_name_or_a_block(start, first):
    whole = with_new_head(base(), 4)
    paths = [v.name for v in whole.trainable_weights]
    part = trained_from(whole, start)
    assert [v.name for v in part.trainable_weights] == paths[paths.index(first) :]
    assert [layer.trainable for layer in part.layers[1:]] == sorted(layer.trainable for layer in part.layers[1:])
    np.testing.assert_array_equal(part.predict(X), whole.predict(X))
    assert not any(np.shares_memory(a.value, b.value) for a, b in zip(part.weights, whole.weights, strict=True))
    again = trained_from(part, "all")
    assert [v.name for v in again.trainable_weights] == paths


def test_keras_trains_and_freezes_the_same_weights():
    part = trained_from(with_new_head(base(), 4), "block1_conv")
    theirs = part.to_keras()
    assert len(theirs.trainable_weights) == len(part.trainable_weights)
    for ours, own in zip(part.trainable_weights, theirs.trainable_weights, strict=True):
        np.testing.assert_array_equal(ours.value, own.numpy())
    np.testing.assert_allclose(part.forward(X, training=True), theirs(X, training=True).numpy(), rtol=1e-4, atol=1e-6)


def test_frozen_batch_norm_is_in_inference_while_later_layers_are_trained():
    part = trained_from(with_new_head(base(), 4), "block2")
    before = part.values()
    before = {path: value.copy() for path, value in before.items()}
    part.forward(X, training=True)
    changed = {path for path, value in part.values().items() if not np.array_equal(value, before[path])}
    assert changed == {"block2_bn/moving_mean", "block2_bn/moving_variance"}
    gradients = part.backward(np.ones((8, 4), np.float32)).weights
    assert set(gradients) == {"block2_bn/gamma", "block2_bn/beta", "head/kernel", "head/bias"}


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("block9", "start must be an index, a layer, a block of layers, head or all; got start 'block9'"),
        (7, "start must be below the number of layers, 7"),
        (-8, "start must be at least -7"),
    ],
)
def test_a_start_that_is_none(start, words):
    with pytest.raises(ValueError, match=f"^trained_from: {words}"):
        trained_from(with_new_head(base(), 4), start)


def test_there_must_be_something_to_train():
    with pytest.raises(ValueError, match="there must be a layer with weights from start on"):
        trained_from(Model(x := Input((7, 6, 3)), GlobalAveragePooling2D()(Conv2D(2, 3)(x))), -1)


def test_a_trained_head_alone_changes_nothing_else():
    from numpycnn.data import load_dataset
    from numpycnn.training import Adam, TrainingConfig, train

    data = load_dataset("digits", size=32)
    model = trained_from(with_new_head(lenet5(), 10), "head")
    before = [w.copy() for w in model.get_weights()]
    train(model, data, TrainingConfig(epochs=1, batch_size=256, optimizer=Adam(learning_rate=0.01)))
    same = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert same == [True] * (len(same) - 2) + [False, False]


def test_layers_are_counted_as_keras_counts_them():
    """The chapter unfreezes Xception from layer 56 on, which is the beginning of block7."""
    theirs = keras.applications.Xception(weights=None, include_top=False, input_shape=(71, 71, 3))
    for layer in theirs.layers[:56]:
        layer.trainable = False
    whole = with_new_head(from_keras(theirs), 5)
    assert [layer.name for layer in theirs.layers] == [whole.names[layer] for layer in whole.layers[:-2]]
    part = trained_from(whole, 56)
    expected = [weight.path for weight in theirs.trainable_weights]
    assert [v.name for v in part.trainable_weights] == [*expected, "head/kernel", "head/bias"]
    assert expected[0].startswith("block7_sepconv1")
    assert [v.name for v in trained_from(whole, "block7").trainable_weights] == [v.name for v in part.trainable_weights]
