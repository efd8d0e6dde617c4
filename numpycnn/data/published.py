"""Data sets with a name: where their files are looked for, how they are checked, and from where they can be had."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from numpycnn.data.cifar import batches_folder, read_cifar10
from numpycnn.data.dataset import images_of, labels_of
from numpycnn.data.idx import parse_idx, read_bytes
from numpycnn.ops.arguments import fail

__all__ = ["PUBLISHED", "Published"]

Parts = dict[str, np.ndarray]
"""x_train, y_train, x_test, y_test: the names under which Keras keeps them."""

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
MNIST_NPZ = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
KERAS_STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


@dataclass(frozen=True)
class Published:
    """A data set as it is published.

    Args:
        title: for people; class_names: by class number; counts: of images to train and to test.
        cache: its folders or files within Keras's own folder of data sets, in the order in which they are looked for.
        sha256: of each file's content, unpacked, by the file's name; those of CIFAR-10 are in `cifar`.
        downloads: what is fetched when that is asked for: {file below Keras's folder: (address, sha256 or None)}.
        packages: folders that a package of the operating system puts it into; hint: the command that installs it.
    """

    title: str
    class_names: tuple[str, ...]
    cache: tuple[str, ...]
    counts: tuple[int, int]
    sha256: dict[str, str]
    downloads: dict[str, tuple[str, str | None]]
    packages: tuple[str, ...] = ()
    hint: str = ""

    def places(self) -> list[Path]:
        """Where it is looked for, in this order."""
        return [*(keras_datasets() / cache for cache in self.cache), *map(Path, self.packages)]


def keras_home() -> Path:
    """The folder in which Keras keeps what it fetches."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def keras_datasets() -> Path:
    """The folder in which Keras keeps data sets."""
    return keras_home() / "datasets"


def _idx_hashes(*hashes: str) -> dict[str, str]:
    return dict(zip(IDX_FILES.values(), hashes, strict=True))


PUBLISHED = {
    "fashion_mnist": Published(
        "Fashion-MNIST: 28x28 gray pictures of clothes (Xiao, Rasul & Vollgraf, arXiv:1708.07747)",
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        cache=("fashion-mnist",),
        counts=(60_000, 10_000),
        sha256=_idx_hashes(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        downloads={f"fashion-mnist/{name}.gz": (f"{KERAS_STORE}{name}.gz", None) for name in IDX_FILES.values()},
        packages=("/usr/share/datasets/fashion-mnist",),
        hint="on Debian and Ubuntu, apt install dataset-fashion-mnist",
    ),
    "mnist": Published(
        "MNIST: 28x28 gray pictures of handwritten digits (LeCun, Cortes & Burges)",
        tuple("0123456789"),
        cache=("mnist.npz",),
        counts=(60_000, 10_000),
        sha256={
            "mnist.npz": MNIST_NPZ,
            **_idx_hashes(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        },
        downloads={"mnist.npz": (f"{KERAS_STORE}mnist.npz", MNIST_NPZ)},
    ),
    "cifar10": Published(
        "CIFAR-10: 32x32 colour pictures of things and animals (Krizhevsky, 2009)",
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        cache=("cifar-10-batches-py-target", "cifar-10-batches-py"),
        counts=(50_000, 10_000),
        sha256={},
        downloads={
            "cifar-10-batches-py.tar.gz": (
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            )
        },
    ),
}


def read_published(name: str, place: Path) -> Parts:
    """A published data set out of a folder or file, every file checked against what was published.

    Raises: ValueError where a file is not the published one; FileNotFoundError where one is missing.
    """
    known = PUBLISHED[name]
    if batches := batches_folder(place):
        return checked_parts(read_cifar10(batches))
    if place.suffix == ".npz":
        _same(known, place, place.name, place.read_bytes())
        with np.load(place, allow_pickle=False) as file:
            return checked_parts({key: file[key] for key in IDX_FILES})
    return read_idx_folder(place, known)


def holds(name: str, place: Path) -> bool:
    """Whether the files of a published data set are here, whatever is in them."""
    if name == "cifar10":
        return batches_folder(place) is not None
    return place.is_file() or holds_idx(place)


def holds_idx(folder: Path) -> bool:
    return all(_idx_file(folder, name).is_file() for name in IDX_FILES.values())


def read_idx_folder(folder: Path, known: Published | None = None) -> Parts:
    """The four arrays in a folder of idx files, named as MNIST's, each plain or with .gz."""
    parts = {}
    for part, name in IDX_FILES.items():
        path = _idx_file(folder, name)
        content = read_bytes("load_dataset", path)
        if known:
            _same(known, path, name, content)
        parts[part] = parse_idx(content, str(path))
    return checked_parts(parts)


def checked_parts(parts: Parts) -> Parts:
    """The same arrays with images of four axes and labels of one, as many as images."""
    op, checked = "load_dataset", dict(parts)
    for split in ("train", "test"):
        x = checked[f"x_{split}"] = images_of(op, parts[f"x_{split}"])
        checked[f"y_{split}"] = labels_of(op, parts[f"y_{split}"], len(x))
    if checked["x_train"].shape[1:] != checked["x_test"].shape[1:]:
        fail(op, "images to train and to test must have one size", x_train=parts["x_train"], x_test=parts["x_test"])
    return checked


def known_idx(folder: Path) -> str | None:
    """The name of the published data set whose idx files these are, by their smallest file."""
    content = read_bytes("load_dataset", _idx_file(folder, IDX_FILES["y_test"]))
    digest = hashlib.sha256(content).hexdigest()
    return next((name for name, known in PUBLISHED.items() if digest in known.sha256.values()), None)


def _idx_file(folder: Path, name: str) -> Path:
    """The file of this name, or with .gz, or with a point before idx as some archives have it."""
    spellings = (name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz")
    return next((folder / s for s in spellings if (folder / s).is_file()), folder / spellings[1])


def _same(known: Published, path: Path, name: str, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != known.sha256[name]:
        fail(
            "load_dataset",
            f"{path} is not the published file: its sha256 must be {known.sha256[name]} "
            "(another set of pictures is loaded by its path instead of this name)",
            sha256=digest,
        )
