"""A data set, networks and descriptions of runs, all small, for the tests of training."""

import csv
from pathlib import Path

import numpy as np
import pytest

from numpycnn.data import Arrays, Augmentation, Dataset
from numpycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten
from numpycnn.models import Sequential
from numpycnn.training import (
    TrainingConfig,
)

SHAPE, CLASSES = (6, 5, 2), 3


def pictures(count: int = 50, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, count)
    x = rng.integers(0, 120, (count, *SHAPE)) + y[:, None, None, None] * 60
    split = Arrays(x.astype(np.uint8), y)
    return Dataset("pictures", ("a", "b", "c"), split.take(range(count - 12)), split.take(range(12)), split)


def network():
    layers = [Conv2D(4, 3), BatchNormalization(momentum=0.9), Dropout(0.2), Flatten()]
    return Sequential([*layers, Dense(CLASSES, activation="softmax")], input_shape=SHAPE)


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def config(**options) -> TrainingConfig:
    options = {"epochs": 4, "batch_size": 8, "augmentation": Augmentation(flip=True), **options}
    return TrainingConfig(**options)


def without_dropout():
    return Sequential([Conv2D(4, 3), Flatten(), Dense(CLASSES, activation="softmax")], input_shape=SHAPE)


BACKENDS = pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
