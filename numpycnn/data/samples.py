"""Samples of a data set to look at: some of each class, or what augmentation makes of one."""

from typing import NamedTuple

import numpy as np

from numpycnn.data.augmentation import Augmentation
from numpycnn.data.dataset import Split
from numpycnn.ops.arguments import fail, integer

__all__ = ["Samples", "samples"]


class Samples(NamedTuple):
    """labels: the class number of each row.   pictures: for each row (columns, height, width, channels), uint8 of
    0 .. 255 or float32 of 0 .. 1."""

    labels: list[int]
    pictures: list[np.ndarray]


def samples(
    split: Split, augmentation: Augmentation | None = None, *, rows: int = 10, columns: int = 10, seed: int = 0
):
    """Rows of pictures out of a split, the classes in turn.

    Args:
        augmentation: each row begins with an example as it is, and copies changed by this follow. None: each row has
            examples of one class, as many as there are up to `columns`.
        rows, columns: how many rows, and pictures in each.   seed: of which examples are shown, and of the changes.

    Returns: Samples.   Raises: ValueError for a split without examples, or whose answers are no classes.

    >>> from numpycnn.data import load_dataset
    >>> shown = samples(load_dataset("digits").train, Augmentation(rotation=10), rows=3, columns=5)
    >>> shown.labels, shown.pictures[0].shape
    ([0, 1, 2], (5, 8, 8, 1))
    """
    rows, columns = integer("samples", "rows", rows), integer("samples", "columns", columns)
    y = np.asarray(split.y)
    if not len(y) or y.ndim != 1 or y.dtype.kind not in "ui":
        fail("samples", "there must be examples, each with its class number", y=y)
    rng, present = np.random.default_rng(seed), np.unique(y)
    mixed = {int(label): rng.permutation(np.flatnonzero(y == label)) for label in present}
    labels = [int(present[row % len(present)]) for row in range(rows)]
    wanted = 1 if augmentation is not None else columns
    pictures, taken = [], dict.fromkeys(mixed, 0)
    for label in labels:
        own = mixed[label]
        start = taken[label] if taken[label] < len(own) else 0  # a class that is used up begins again
        chosen = own[start : start + wanted]
        taken[label] = start + len(chosen)
        x, _ = split.batch(chosen)
        pictures.append(x if augmentation is None else _with_copies(x, augmentation, columns - 1, rng))
    return Samples(labels, pictures)


def _with_copies(x: np.ndarray, augmentation: Augmentation, count: int, rng) -> np.ndarray:
    """A batch of one, and after it `count` changed copies."""
    copies = augmentation.apply(np.repeat(x, count, axis=0), augmentation.draw(rng, count, x.shape[1:]))
    if x.dtype == np.uint8:
        copies = np.rint(copies).astype(np.uint8)
    return np.concatenate([x, copies])
