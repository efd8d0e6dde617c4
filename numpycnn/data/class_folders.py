"""Folders of pictures, a subfolder for each class, read when a batch asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from numpycnn.data.dataset import Split
from numpycnn.data.photographs import read_picture
from numpycnn.data.resizing import resize_pictures
from numpycnn.ops.arguments import fail

__all__ = ["Pictures"]

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
"""Of files that are taken for pictures."""

SPLITS = {"train": ("train", "training"), "validation": ("validation", "valid", "val"), "test": ("test", "testing")}
"""Names of folders that hold a split each."""


@dataclass(frozen=True, eq=False)
class Pictures(Split):
    """Pictures in files, or in bytes as they lie in files, read and resized each time that they are asked for.

    Args: files: one for each example; y: (n,) class numbers; size: (height, width); channels: 3 for RGB, 1 for gray;
        resizing: as of `resize_pictures`.
    """

    files: Sequence[Path | bytes]
    y: np.ndarray
    size: tuple[int, int]
    channels: int = 3
    resizing: str = "crop"

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.size, self.channels)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    def batch(self, indices) -> tuple[np.ndarray, np.ndarray]:
        chosen = np.arange(len(self))[indices]
        x = np.empty((len(chosen), *self.shape), np.uint8)
        for place, i in enumerate(chosen):
            file = self.files[i]
            source, name = (file, "") if isinstance(file, Path) else (BytesIO(file), f"picture {i}")
            picture = read_picture("load_dataset", source, name, gray=self.channels == 1)
            x[place] = resize_pictures(picture[None], self.size, resizing=self.resizing)[0]
        return x, self.y[chosen]

    def take(self, indices) -> "Pictures":
        chosen = np.arange(len(self))[indices]
        return Pictures([self.files[i] for i in chosen], self.y[chosen], self.size, self.channels, self.resizing)


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits, where there are some to train and to test on; otherwise nothing."""
    found = {
        split: folder / name for split, names in SPLITS.items() for name in reversed(names) if (folder / name).is_dir()
    }
    return found if {"train", "test"} <= found.keys() else {}


def class_names(folder: Path) -> tuple[str, ...]:
    """The names of the subfolders in their alphabetical order, as Keras numbers classes."""
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))


def pictures_in(folder: Path, names: Sequence[str], **options) -> Pictures:
    """All pictures of the classes of these names; ValueError where a class has none."""
    files, labels = [], []
    for label, name in enumerate(names):
        of_class = sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
        if not of_class:
            fail("load_dataset", f"{folder / name} must hold pictures ({' '.join(ENDINGS)}) of the class {name!r}")
        files += of_class
        labels += [label] * len(of_class)
    return Pictures(files, np.asarray(labels, np.int64), **options)
