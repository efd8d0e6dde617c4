"""The examples of a run in their order: the same for both backends, and the same when a run is resumed.

Nothing random is remembered from one epoch to the next. Order, augmentation and dropout of an epoch follow from the
seed and the number of the epoch alone, so that an epoch can be done again and comes out the same.
"""

from collections.abc import Iterator
from math import ceil

import numpy as np

from numpycnn.data import Split, preprocess
from numpycnn.training.config import TrainingConfig

__all__ = ["batches", "generator", "steps_of"]

ORDER, AUGMENTATION, DROPOUT = 1, 2, 3


def generator(config: TrainingConfig, purpose: int, *place: int) -> np.random.Generator:
    """The random numbers for one purpose at one place of a run: an epoch, or an epoch and a step."""
    return np.random.default_rng((config.seed, purpose, *place))


def steps_of(count: int, batch_size: int) -> int:
    """How many batches; the last may be smaller."""
    return ceil(count / batch_size)


def order_of(config: TrainingConfig, epoch: int, count: int) -> np.ndarray:
    """Every index once, in the order of this epoch."""
    return generator(config, ORDER, epoch).permutation(count)


def augmentation_numbers(config: TrainingConfig, epoch: int, count: int, shape) -> np.ndarray:
    """The numbers of `Augmentation.draw` for every example in the epoch's order; (count, 0) without augmentation."""
    if config.augmentation is None:
        return np.empty((count, 0), np.float32)
    return config.augmentation.draw(generator(config, AUGMENTATION, epoch), count, shape)


def batches(
    split: Split, config: TrainingConfig, epoch: int | None = None
) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, ...]]]:
    """x as the network takes it, and a tuple of targets, one for each output.

    epoch: trained on, mixed and augmented; None: in the order of the split and as they are.
    """
    count, size = len(split), config.batch_size
    order = np.arange(count) if epoch is None else order_of(config, epoch, count)
    numbers = None if epoch is None else augmentation_numbers(config, epoch, count, split.shape)
    for start in range(0, count, size):
        x, y = split.batch(order[start : start + size])
        whole = x.dtype == np.uint8
        if numbers is not None and config.augmentation is not None:
            x = config.augmentation.apply(x, numbers[start : start + size])
        yield preprocess(unit(x, whole), config.preprocessing), y if isinstance(y, tuple) else (y,)


def unit(x, whole: bool):
    """Pixels of 0 .. 255 as float32 of 0 .. 1; what is a float already stays."""
    return x.astype(np.float32) / np.float32(255) if whole else x
