"""Data sets by their name or path."""

from pathlib import Path

import numpy as np

from numpycnn.data.cutouts import sample_digits
from numpycnn.data.dataset import Arrays, Dataset, Split, held_out, how_many, images_of, labels_of, named
from numpycnn.data.published import (
    PUBLISHED,
    Parts,
    checked_parts,
    holds_idx,
    known_idx,
    read_idx_folder,
    read_published,
)
from numpycnn.ops.arguments import fail

__all__ = ["DATASETS", "load_dataset"]

DATASETS = ("digits", *PUBLISHED)
"""The names that `load_dataset` knows."""

OP = "load_dataset"


def load_dataset(name_or_path, *, folder=None, validation: float | int | None = None, seed: int = 0) -> Dataset:
    """A data set to train, to validate and to test on.

    Args:
        name_or_path: a name of DATASETS; a .npz file with x_train, y_train, x_test, y_test (as Keras's mnist.npz) or
            with x, y; a folder of the four idx files of MNIST and its relatives.
        folder: where a published data set lies, if not in Keras's cache or where the operating system puts it.
        validation: how many of the examples to train on are held out, or which fraction of them. By default 5,000 of a
            published data set, and otherwise a tenth. Of published data sets, whose order is mixed, the last are taken;
            otherwise they are drawn, the same number of each class as nearly as can be.
        seed: of this drawing, and of the fifth that is drawn to test on where nothing says what is for that.

    Returns: Dataset. Pixels come as they are stored: uint8 0 .. 255, or floats; labels are int64.
    Raises: FileNotFoundError where it is not on this machine, naming the ways to get it; ValueError for files that are
        damaged, no data set, or not those that were published.

    >>> data = load_dataset("digits")
    >>> len(data.train), len(data.validation), len(data.test), data.shape
    (1294, 144, 359, (8, 8, 1))
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name in PUBLISHED:
        place = _found(name, Path(folder) if folder is not None else None)
        return _published(name, read_published(name, place), validation, str(place))
    if folder is not None:
        fail(OP, f"folder goes with the name of a published data set, {', '.join(PUBLISHED)}", name=name)
    if name == "digits":
        x, y = sample_digits()
        return _drawn("digits", x[..., None], y, tuple("0123456789"), validation, seed, "scikit-learn")
    if path.suffix == ".npz":
        return _npz(path, validation, seed)
    if path.is_dir() and holds_idx(path):
        return _idx_folder(path, validation, seed)
    if path.is_dir():
        fail(OP, f"{path} must hold the four idx files of MNIST and its relatives")
    raise FileNotFoundError(
        f"{OP}: {name!r} is no data set ({', '.join(DATASETS)}), and there is no such folder or .npz file."
    )


def _found(name: str, folder: Path | None) -> Path:
    """Where the files of a published data set are; FileNotFoundError says where it was looked for and how to get it."""
    known = PUBLISHED[name]
    places = known.places() if folder is None else [folder]
    for place in places:
        if place.is_file() or (place.is_dir() and holds_idx(place)):
            return place
    looked = " and ".join(map(str, places))
    ways = [known.hint] if known.hint else []
    ways.append("give the folder of its four idx files (folder=, --data-folder)")
    raise FileNotFoundError(f"{OP}: {name} is not in {looked}; {'; or '.join(ways)}.")


def _published(name: str, parts: Parts, validation, source: str) -> Dataset:
    known, parts = PUBLISHED[name], checked_parts(parts)
    counts = len(parts["x_train"]), len(parts["x_test"])
    if counts != known.counts:
        fail(OP, f"{name} must have {known.counts} images to train and to test on", got=counts)
    kept = counts[0] - how_many(OP, 5_000 if validation is None else validation, counts[0])
    x, y = parts["x_train"], parts["y_train"]
    return Dataset(
        name,
        known.class_names,
        Arrays(x[:kept], y[:kept]),
        Arrays(x[kept:], y[kept:]),
        Arrays(parts["x_test"], parts["y_test"]),
        source,
    )


def _idx_folder(path: Path, validation, seed: int) -> Dataset:
    if name := known_idx(path):
        return _published(name, read_published(name, path), validation, str(path))
    return _split(path.name, read_idx_folder(path), None, validation, seed, str(path))


def _npz(path: Path, validation, seed: int) -> Dataset:
    if not path.is_file():
        raise FileNotFoundError(f"{OP}: there is no file {path}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except Exception as error:  # zipfile, zlib, NumPy and struct each have their own for a damaged file
        raise ValueError(f"{OP}: {path} cannot be read as .npz: {error}.") from error
    names = arrays.get("class_names")
    if {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        return _split(path.stem, checked_parts(arrays), names, validation, seed, str(path))
    if not {"x", "y"} <= arrays.keys():
        fail(OP, f"{path} must hold x_train, y_train, x_test and y_test, or x and y", arrays=sorted(arrays))
    x = images_of(OP, arrays["x"])
    y = labels_of(OP, arrays["y"], len(x))
    return _drawn(path.stem, x, y, named(names, y), validation, seed, str(path))


def _split(name: str, parts: Parts, class_names, validation, seed: int, source: str) -> Dataset:
    """With examples to test on, and to validate on if there are any under x_validation and y_validation."""
    y_train, y_test = parts["y_train"], parts["y_test"]
    names = named(class_names, y_train, y_test)
    train, test = Arrays(parts["x_train"], y_train), Arrays(parts["x_test"], y_test)
    for y in (y_train, y_test):
        labels_of(OP, y, len(y), len(names))
    if "x_validation" in parts and "y_validation" in parts:
        if validation is not None:
            fail(OP, "validation goes with data that does not say itself what is to validate on", validation=validation)
        x = images_of(OP, parts["x_validation"])
        held: Split = Arrays(x, labels_of(OP, parts["y_validation"], len(x), len(names)))
        return Dataset(name, names, train, held, test, source)
    rest, held = _hold_out(train, 0.1 if validation is None else validation, seed)
    return Dataset(name, names, rest, held, test, source)


def _drawn(name: str, x, y, class_names, validation, seed: int, source: str) -> Dataset:
    """Where nothing says what is to test on, a fifth of each class is."""
    labels_of(OP, np.asarray(y), len(x), len(class_names))
    rest, test = _hold_out(Arrays(x, y), 0.2, seed)
    train, held = _hold_out(rest, 0.1 if validation is None else validation, seed)
    return Dataset(name, class_names, train, held, test, source)


def _hold_out(split: Split, part, seed: int) -> tuple[Split, Split]:
    kept, held = held_out(split.y, part, seed)
    return split.take(kept), split.take(held)
