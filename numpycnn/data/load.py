"""Data sets by their name or path."""

from pathlib import Path

import numpy as np

from numpycnn.data.cifar import batches_folder
from numpycnn.data.class_folders import class_names, pictures_in, split_folders
from numpycnn.data.cutouts import sample_digits
from numpycnn.data.dataset import Arrays, Dataset, Split, fitted, held_out, how_many, images_of, labels_of, named
from numpycnn.data.digit_scenes import SCENES, digit_scenes
from numpycnn.data.download import download as fetch
from numpycnn.data.flowers import FLOWERS, load_flowers
from numpycnn.data.published import (
    PUBLISHED,
    Parts,
    checked_parts,
    holds,
    holds_idx,
    known_idx,
    read_idx_folder,
    read_published,
)
from numpycnn.data.resizing import RESIZING
from numpycnn.ops.arguments import fail, integer, pair

__all__ = ["DATASETS", "load_dataset"]

DATASETS = ("digits", *PUBLISHED, FLOWERS, SCENES)
"""The names that `load_dataset` knows."""

OP = "load_dataset"


def load_dataset(
    name_or_path,
    *,
    size=None,
    channels: int | None = None,
    resizing: str = "crop",
    folder=None,
    download: bool = False,
    validation: float | int | None = None,
    seed: int = 0,
) -> Dataset:
    """A data set to train, to validate and to test on.

    Args:
        name_or_path: a name of DATASETS ("scenes" are generated, as of `digit_scenes`); a .npz file with x_train,
            y_train, x_test, y_test (as Keras's mnist.npz) or with x, y; a folder of the four idx files of MNIST and its
            relatives, of CIFAR-10's batches, or of a subfolder with pictures for each class, or of such folders named
            train, test and, maybe, validation.
        size: (height, width) or one integer, to which pictures are brought as they are read. None leaves arrays as
            they are, and is 224 for files of pictures.
        channels: 3, or 1 for gray pictures; None leaves arrays as they are, and is 3 for files of pictures.
        resizing: "crop", "pad" or "stretch", as of `resize_pictures`.
        folder: where a published data set lies, if not in Keras's cache or where the operating system puts it.
        download: whether a published data set may be fetched from the network if it is nowhere here.
        validation: how many of the examples to train on are held out, or which fraction of them. By default 5,000 of a
            published data set, and otherwise a tenth. Of published data sets, whose order is mixed, the last are taken;
            otherwise they are drawn, the same number of each class as nearly as can be.
        seed: of this drawing, of the fifth that is drawn to test on where nothing says what is for that, and of what is
            generated.

    Returns: Dataset. Pixels come as they are stored: uint8 0 .. 255, or floats; labels are int64.
    Raises: FileNotFoundError where it is not on this machine, naming the ways to get it; ValueError for files that are
        damaged, no data set, or not those that were published; a picture's when a batch asks for it.

    >>> data = load_dataset("digits")
    >>> len(data.train), len(data.validation), len(data.test), data.shape
    (1294, 144, 359, (8, 8, 1))
    """
    name, path = str(name_or_path), Path(name_or_path)
    size = None if size is None else pair(OP, "size", size)
    if channels is not None and integer(OP, "channels", channels) not in (1, 3):
        fail(OP, "channels must be 1 or 3", channels=channels)
    if resizing not in RESIZING:
        fail(OP, f"resizing must be one of {', '.join(RESIZING)}", resizing=resizing)
    if folder is not None and name not in (*PUBLISHED, FLOWERS):
        fail(OP, f"folder goes with the name of a published data set, {', '.join((*PUBLISHED, FLOWERS))}", name=name)
    if download and name not in PUBLISHED:
        fail(OP, f"download goes with the name of a published data set, {', '.join(PUBLISHED)}", name=name)
    if name == SCENES:
        return _scenes(size or (32, 32), channels or 1, validation, seed)
    pictures = {"size": size or (224, 224), "channels": channels or 3, "resizing": resizing}
    if name == FLOWERS:
        if folder is None:
            return load_flowers(**pictures)
        return _class_folders(FLOWERS, Path(folder), pictures, validation, seed)
    if name not in DATASETS and path.is_dir() and not holds_idx(path) and not batches_folder(path):
        return _class_folders(path.name, path, pictures, validation, seed)
    data = _arrays(name, path, None if folder is None else Path(folder), download, validation, seed)
    return fitted(data, size, channels, resizing)


def _arrays(name: str, path: Path, folder: Path | None, download: bool, validation, seed: int) -> Dataset:
    """What is read into memory at once."""
    if name in PUBLISHED:
        place = _found(name, folder, download)
        return _published(name, read_published(name, place), validation, str(place))
    if name == "digits":
        x, y = sample_digits()
        return _drawn("digits", x[..., None], y, tuple("0123456789"), validation, seed, "scikit-learn")
    if path.suffix == ".npz":
        return _npz(path, validation, seed)
    if path.is_dir() and batches_folder(path):
        return _published("cifar10", read_published("cifar10", path), validation, str(path))
    if path.is_dir():
        return _idx_folder(path, validation, seed)
    known = f"{name!r} is no data set ({', '.join(DATASETS)})"
    raise FileNotFoundError(f"{OP}: {known}, and there is no such folder or .npz file.")


def _found(name: str, folder: Path | None, download: bool) -> Path:
    """Where the files of a published data set are; FileNotFoundError says where it was looked for and how to get it."""
    known = PUBLISHED[name]
    places = known.places() if folder is None else [folder]
    if download and not any(holds(name, place) for place in places):
        fetch(name)
    for place in places:
        if holds(name, place):
            return place
    ways = [known.hint] if known.hint else []
    ways.append("give the folder that holds its files (folder=, --data-folder)")
    if folder is None:
        ways.append("let it be downloaded (download=True, --download)")
    looked = " and ".join(map(str, places))
    raise FileNotFoundError(f"{OP}: {name} is not in {looked}: {'; or '.join(ways)}.")


def _scenes(size, channels: int, validation, seed: int) -> Dataset:
    """6,000 scenes to train and to validate on, 600 to test on, made in the size that is asked for."""
    options = {"size": size, "channels": channels}
    rest, test = (
        digit_scenes(6_000, seed=2 * seed, **options),
        digit_scenes(600, seen=False, seed=2 * seed + 1, **options),
    )
    train, held = _hold_out(rest, 0.1 if validation is None else validation, seed)
    return Dataset(SCENES, tuple("0123456789"), train, held, test, "scikit-learn's digits, generated")


def _published(name: str, parts: Parts, validation, source: str) -> Dataset:
    known = PUBLISHED[name]
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


def _class_folders(name: str, folder: Path, options, validation, seed: int) -> Dataset:
    if not folder.is_dir():
        raise FileNotFoundError(f"{OP}: there is no folder {folder}.")
    splits = split_folders(folder)
    names = class_names(splits.get("train", folder))
    if not names:
        fail(OP, f"{folder} must have a subfolder of pictures for each class, or the four idx files of MNIST's kind")
    if not splits:
        rest, test = _hold_out(pictures_in(folder, names, **options), 0.2, seed)
    else:
        for place in splits.values():
            if class_names(place) != names:
                fail(OP, f"{place} must have the same classes as those to train on, {names}", got=class_names(place))
        rest, test = (pictures_in(splits[split], names, **options) for split in ("train", "test"))
    if "validation" not in splits:
        train, held = _hold_out(rest, 0.1 if validation is None else validation, seed)
    elif validation is None:
        train, held = rest, pictures_in(splits["validation"], names, **options)
    else:
        fail(OP, "validation goes with data that does not say itself what is to validate on", validation=validation)
    return Dataset(name, names, train, held, test, str(folder))


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


def _split(name: str, parts: Parts, given_names, validation, seed: int, source: str) -> Dataset:
    """With examples to test on, and to validate on if there are any under x_validation and y_validation."""
    names = named(given_names, parts["y_train"], parts["y_test"])
    train, test = (Arrays(parts[f"x_{s}"], parts[f"y_{s}"]) for s in ("train", "test"))
    for split in (train, test):
        labels_of(OP, split.y, len(split), len(names))
    if "x_validation" in parts and "y_validation" in parts:
        if validation is not None:
            fail(OP, "validation goes with data that does not say itself what is to validate on", validation=validation)
        x = images_of(OP, parts["x_validation"])
        held = Arrays(x, labels_of(OP, parts["y_validation"], len(x), len(names)))
        return Dataset(name, names, train, held, test, source)
    rest, validating = _hold_out(train, 0.1 if validation is None else validation, seed)
    return Dataset(name, names, rest, validating, test, source)


def _drawn(name: str, x, y, names, validation, seed: int, source: str) -> Dataset:
    """Where nothing says what is to test on, a fifth of each class is."""
    y = labels_of(OP, np.asarray(y), len(x), len(names))
    rest, test = _hold_out(Arrays(x, y), 0.2, seed)
    train, held = _hold_out(rest, 0.1 if validation is None else validation, seed)
    return Dataset(name, names, train, held, test, source)


def _hold_out(split: Split, part, seed: int) -> tuple[Split, Split]:
    kept, held = held_out(split.y, part, seed)
    return split.take(kept), split.take(held)
