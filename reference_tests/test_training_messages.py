"""What training refuses before any work, and in which words."""

import numpy as np
import pytest

from numpycnn.data import Arrays, Dataset
from numpycnn.layers import Dense, Flatten
from numpycnn.models import Sequential
from numpycnn.training import (
    Best,
    EarlyStopping,
    Head,
    TrainingConfig,
    optimizer_in_words,
    train,
)
from reference_tests.small_training import SHAPE, config, network, pictures


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: train(network(), pictures(), config(heads=(Head(), Head()))),
            "a head for each of the model's 1 outputs",
        ),
        (lambda: train(network().astype("float64"), pictures(), config()), "of the dtype of the precision float32"),
        (
            lambda: train(two_classes(), pictures(), config()),
            "an output for each of the 3 classes of pictures; got outputs 2",
        ),
        (
            lambda: train(network(), of_shape((6, 4, 2)), config()),
            "the model's input must have the shape of the examples",
        ),
        (lambda: train(network(), empty(), config()), "at least one example to train on"),
        (lambda: train(network(), pictures(), config(class_weight=(1.0, 2.0))), "a weight for each of 3 classes"),
        (
            lambda: train(network(), pictures(), config(best=Best(monitor="vol_loss"))),
            "monitor must be one of loss, accuracy",
        ),
        (lambda: config(backend="jax"), "backend must be one of tensorflow, numpy; got backend 'jax'."),
        (lambda: config(precision="mixed_float16"), "mixed precision is the TensorFlow backend's alone"),
        (lambda: config(jit_compile=True), "jit_compile is the TensorFlow backend's alone"),
        (lambda: Head(loss="crossentropy"), "Head: loss must be one of sparse_categorical_crossentropy"),
        (lambda: EarlyStopping(patience=-1), "EarlyStopping: patience must be at least 0"),
        (lambda: optimizer_in_words("adam,momentum=0.9"), "Adam takes learning_rate"),
        (lambda: optimizer_in_words("adam", schedule="falling"), "the name must be one of exponential"),
        (lambda: optimizer_in_words("adam", schedule="exponential"), "exponential needs decay_rate"),
        (lambda: TrainingConfig.from_json("{}"), "this is no description of a run"),
    ],
)
def test_what_does_not_go_together_is_named_before_any_work(make, message):
    with pytest.raises(ValueError, match=r"^[^:]+: ") as caught:
        make()
    assert message in str(caught.value)


def two_classes():
    return Sequential([Flatten(), Dense(2, activation="softmax")], input_shape=SHAPE)


def of_shape(shape):
    split = Arrays(np.zeros((4, *shape), np.float32), np.zeros(4, int))
    return Dataset("other", ("a", "b", "c"), split, split, split)


def empty():
    split = Arrays(np.zeros((0, *SHAPE), np.float32), np.zeros(0, int))
    return Dataset("empty", ("a", "b", "c"), split, split, split)
