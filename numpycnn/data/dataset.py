"""A data set: its three splits, each of which gives batches of examples by their indices."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from numpycnn.data.resizing import resize_pictures
from numpycnn.ops.arguments import check_shape, fail, integer

__all__ = ["Arrays", "Dataset", "Fitted", "Located", "Split", "filled_up", "held_out"]


class Split(ABC):
    """Examples in a fixed order. What trains on them asks for batches of its own order.

    `y` holds the class number of every example, int64 (n,).   `targets` says what a model is to tell of each, an output
    for each.
    """

    y: np.ndarray
    targets: ClassVar[tuple[str, ...]] = ("class",)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of one example: (height, width, channels)."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype:
        """uint8 are pixels of 0 .. 255; a float is taken as it is."""

    @abstractmethod
    def batch(self, indices) -> tuple[np.ndarray, np.ndarray]:
        """x (batch, height, width, channels) as it is stored, and y (batch,), of the examples at these indices.

        Where there are several targets, a tuple of an array for each in place of y.
        """

    @abstractmethod
    def take(self, indices) -> "Split":
        """The split of these examples alone, in this order."""

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Arrays(Split):
    """Examples that lie in memory: x (n, ...), and y (n,), or (n, ...) where the answer is no class."""

    x: np.ndarray
    y: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape[1:]

    @property
    def dtype(self) -> np.dtype:
        return self.x.dtype

    def batch(self, indices) -> tuple[np.ndarray, np.ndarray]:
        return self.x[indices], self.y[indices]

    def take(self, indices) -> "Arrays":
        return Arrays(*self.batch(np.asarray(indices)))


@dataclass(frozen=True, eq=False)
class Located(Split):
    """Examples of which the place is known too: those of another split, and the box of each.

    Args: split: pictures and their classes; boxes: (n, 4) as rel_center_xywh, float32.
    """

    split: Split
    boxes: np.ndarray
    targets: ClassVar[tuple[str, ...]] = ("class", "box")

    def __post_init__(self):
        check_shape("Located", (len(self.split), 4), "a box of four numbers for each example", boxes=self.boxes)

    @property
    def y(self) -> np.ndarray:  # type: ignore[override]
        return self.split.y

    @property
    def shape(self) -> tuple[int, ...]:
        return self.split.shape

    @property
    def dtype(self) -> np.dtype:
        return self.split.dtype

    def batch(self, indices) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:  # type: ignore[override]
        x, y = self.split.batch(indices)
        return x, (y, self.boxes[indices])

    def take(self, indices) -> "Located":
        return Located(self.split.take(indices), self.boxes[indices])


@dataclass(frozen=True, eq=False)
class Fitted(Split):
    """The examples of another split, resized as they are asked for, and gray ones repeated for three channels."""

    split: Split
    size: tuple[int, int]
    channels: int
    resizing: str = "crop"

    @property
    def y(self) -> np.ndarray:  # type: ignore[override]
        return self.split.y

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.size, self.channels)

    @property
    def dtype(self) -> np.dtype:
        return self.split.dtype

    def batch(self, indices) -> tuple[np.ndarray, np.ndarray]:
        x, y = self.split.batch(indices)
        x = x if x.dtype == np.uint8 else x.astype(np.float32)
        x = resize_pictures(x, self.size, resizing=self.resizing)
        return np.repeat(x, self.channels // x.shape[3], axis=3), y

    def take(self, indices) -> "Fitted":
        return replace(self, split=self.split.take(indices))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits under one name; class number i is called class_names[i]. `source` says where it was found."""

    name: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    source: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.train.shape

    def splits(self) -> dict[str, Split]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def fitted(data: Dataset, size: tuple[int, int] | None, channels: int | None, resizing: str) -> Dataset:
    """The same data set with pictures of this size and number of channels; None leaves either as it is.

    Raises: ValueError for colours that would have to be made gray.
    """
    height, width, own = data.shape
    size, channels = size or (height, width), channels or own
    if data.shape == (*size, channels):
        return data
    if own not in (1, channels):
        fail("load_dataset", f"{data.name} has {own} channels, which cannot be made", channels=channels)
    splits = {name: Fitted(split, size, channels, resizing) for name, split in data.splits().items()}
    return replace(data, **splits)


def held_out(y, part: float | int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Indices that are kept and indices that are held out, each class giving its share.

    Args:
        y: (n,) class numbers.   part: how many are held out: an integer, or a fraction of all below 1.

    Returns: two sorted arrays, which together are 0 .. n - 1. A class of one example keeps it.
    Raises: ValueError where nothing would be kept.

    >>> kept, held = held_out([0] * 6 + [1] * 3, 1 / 3)
    >>> len(kept), np.bincount(np.array([0] * 6 + [1] * 3)[held])
    (6, array([2, 1]))
    """
    y = np.asarray(y)
    wanted = how_many("held_out", part, len(y))
    rng, order = np.random.default_rng(seed), np.empty(len(y))
    # Every class is shuffled and spread evenly over 0 .. 1, its own single first example at 0; the end is held out.
    for label in np.unique(y):
        places = rng.permutation(np.flatnonzero(y == label))
        order[places] = np.arange(len(places)) / len(places)
    ranks = np.lexsort((rng.random(len(y)), order))
    return np.sort(ranks[: len(y) - wanted]), np.sort(ranks[len(y) - wanted :])


def how_many(op: str, part: Any, total: int) -> int:
    """A number of examples, or a fraction of all, as a number that leaves something."""
    if isinstance(part, float):
        if not 0 <= part < 1:
            fail(op, "a fraction must lie in [0, 1)", part=part)
        return round(part * total)
    count = integer(op, "part", part, least=0)
    if count and count >= total:
        fail(op, f"something must be kept of {total} examples", part=part)
    return count


def images_of(op: str, x: np.ndarray) -> np.ndarray:
    """(n, height, width, channels) of gray pictures too, which may come without the last axis."""
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim != 4 or 0 in x.shape[1:]:
        fail(op, "images must have the axes (n, height, width) or (n, height, width, channels)", x=x)
    if x.dtype.kind not in "uif" or (x.dtype.kind in "ui" and x.dtype != np.uint8):
        raise TypeError(f"{op}: images must be uint8, from 0 to 255, or of a float; got {x.dtype}.")
    return x


def labels_of(op: str, y: np.ndarray, count: int, classes: int | None = None) -> np.ndarray:
    """int64 (n,) out of whole numbers (n,) or (n, 1); each is checked to be a class."""
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (count,):
        fail(op, f"there must be one label for each of {count} images", y=y)
    if y.dtype.kind not in "ui":
        raise TypeError(f"{op}: labels must be whole numbers, one class number for each image; got {y.dtype}.")
    if count and (y.min() < 0 or (classes is not None and y.max() >= classes)):
        limit = "" if classes is None else f" and below the number of classes, {classes}"
        fail(op, f"labels must be at least 0{limit}", least=int(y.min()), largest=int(y.max()))
    return y.astype(np.int64)


def named(class_names: Sequence[str] | None, *labels: np.ndarray) -> tuple[str, ...]:
    """The names of the classes, or their numbers where they have none."""
    if class_names is not None:
        return tuple(map(str, class_names))
    return tuple(map(str, range(1 + max((int(y.max()) for y in labels if len(y)), default=-1))))


def filled_up(data: Dataset, seed: int = 0) -> Dataset:
    """The same data set in which each class has as many examples to train on as the largest: rare ones come again.

    Every example comes again as often as the others of its class, or once more, drawn by the seed. With augmentation
    each of these copies is changed anew in every epoch. A class without any example stays without.

    >>> from numpycnn.data import load_dataset
    >>> np.bincount(filled_up(load_dataset("digits")).train.y).tolist() == [131] * 10
    True
    """
    y, rng = data.train.y, np.random.default_rng(seed)
    if y.ndim != 1 or y.dtype.kind not in "ui":
        fail("filled_up", f"each example of {data.name} must have a class number", y=y)
    most, indices = int(np.bincount(y).max(initial=0)), [np.arange(len(y))]
    for label in np.unique(y):
        own = np.flatnonzero(y == label)
        copies, rest = divmod(most - len(own), len(own))
        indices += [np.tile(own, copies), np.sort(rng.permutation(own)[:rest])]
    return replace(data, train=data.train.take(np.concatenate(indices)))
