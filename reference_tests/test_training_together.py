"""The two backends are one: the same weights, losses and statistics after 50 steps, for four kinds of network."""

import numpy as np
import pytest

from numpycnn.data import Arrays, Augmentation, Dataset, Located
from numpycnn.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    SpatialDropout2D,
)
from numpycnn.models import Model, Sequential
from numpycnn.models.blocks import residual_unit, squeeze_excite
from numpycnn.training import SGD, Adam, CosineDecay, Head, Nadam, RMSprop, TrainingConfig
from numpycnn.training.together import train_together

SHAPE, CLASSES, STEPS = (9, 8, 3), 5, 50
BOUND = {"float64": 1e-12, "float32": 1e-5}
"""The largest difference of a weight or a statistic after 50 steps, as a share of the largest value of its array.
Measured: at most 1.2e-15 in float64 and 1.7e-7 in float32; with Nadam, whose 0.96 is a float32 in Keras, 2e-8."""


def pictures(y_of_boxes: bool = False) -> Dataset:
    """70 pictures whose class can be learnt; with a box as a second target where wanted."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, CLASSES, 70)
    x = (rng.random((70, *SHAPE)) * 0.5 + y[:, None, None, None] / (2 * CLASSES)).astype(np.float32)
    boxes = rng.random((70, 4)).astype(np.float32)
    split = Located(Arrays(x, y), boxes) if y_of_boxes else Arrays(x, y)
    return Dataset("pictures", tuple("abcde"), split, split, split)


def plain(dtype):
    layers = [
        Conv2D(4, 3, padding="same", activation="relu"),
        SpatialDropout2D(0.2),
        MaxPooling2D(),
        Flatten(),
        Dense(11, activation="relu"),
        Dropout(0.4),
        Dense(CLASSES, activation="softmax"),
    ]
    return Sequential(layers, input_shape=SHAPE, dtype=dtype)


def residual(dtype):
    x = Input(SHAPE)
    maps = residual_unit(residual_unit(x, 4, strides=2, name="one"), 4, name="two")
    return Model(x, Dense(CLASSES, activation="softmax")(GlobalAveragePooling2D()(maps)), dtype=dtype)


def excited(dtype):
    x = Input(SHAPE)
    maps = squeeze_excite(BatchNormalization()(Conv2D(6, (3, 2), use_bias=False)(x)), ratio=2, name="se")
    return Model(x, Dense(CLASSES, activation="softmax")(Flatten()(maps)), dtype=dtype)


def two_heads(dtype):
    x = Input(SHAPE)
    maps = GlobalAveragePooling2D()(Conv2D(6, 3, activation="relu")(x))
    heads = [Dense(CLASSES, activation="softmax", name="class")(maps), Dense(4, name="box")(maps)]
    return Model(x, heads, dtype=dtype)


WEIGHED = (Head(weight=0.8), Head(loss="mean_squared_error", weight=0.2, metrics=("iou",)))
ROOTED = (Head(weight=0.8), Head(loss="square_root_box", weight=0.5, metrics=("iou",)))
NETWORKS = {
    "plain": (plain, {"optimizer": Adam(learning_rate=CosineDecay(0.01, 60), global_clipnorm=1.0), "l2": 1e-3}),
    "residual": (residual, {"optimizer": SGD(learning_rate=0.02, momentum=0.9, nesterov=True, weight_decay=0.01)}),
    "excited": (excited, {"optimizer": RMSprop(learning_rate=0.001), "class_weight": (1.0, 2.0, 0.5, 1.0, 3.0)}),
    "two heads": (two_heads, {"optimizer": Nadam(learning_rate=0.003), "heads": WEIGHED}),
    "two heads, roots of sides": (two_heads, {"optimizer": SGD(learning_rate=0.1, momentum=0.9), "heads": ROOTED}),
}


def largest_difference(ours, theirs) -> float:
    assert ours.weights.keys() == theirs.weights.keys()
    pairs = ((ours.weights[path], theirs.weights[path]) for path in ours.weights)
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs)


@pytest.mark.parametrize(("network", "dtype"), [*((name, "float64") for name in NETWORKS), ("plain", "float32")])
def test_weights_losses_and_statistics_are_the_same_after_50_steps(network, dtype):
    make, options = NETWORKS[network]
    model, data = make(dtype), pictures(make is two_heads)
    if dtype == "float32":  # Adam divides by gradients, and so makes rounding as large as steps where they are near 0
        options = {**options, "optimizer": SGD(learning_rate=0.02, momentum=0.9, global_clipnorm=1.0)}
    config = TrainingConfig(epochs=6, batch_size=8, precision=dtype, **options)
    before = model.get_weights()
    ours, theirs = train_together(model, data, config, STEPS)
    assert len(ours.losses) == len(theirs.losses) == STEPS
    bound = 1e-6 if network == "two heads" else BOUND[dtype]
    assert largest_difference(ours, theirs) <= bound
    np.testing.assert_allclose(theirs.losses, ours.losses, rtol=bound)
    assert not any(np.array_equal(ours.weights[p], w) for p, w in zip(model.variables, before, strict=True))


def test_augmentation_obeys_the_same_numbers():
    """Its arithmetic is float32 in both, so that weights agree to that."""
    augmentation = Augmentation(flip=True, rotation=15, shift=0.1, contrast=0.3, brightness=0.1)
    config = TrainingConfig(epochs=3, batch_size=16, precision="float64", augmentation=augmentation, optimizer=SGD())
    ours, theirs = train_together(plain("float64"), pictures(), config, 12)
    assert largest_difference(ours, theirs) <= 1e-5
