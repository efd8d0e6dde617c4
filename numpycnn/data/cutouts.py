"""Small gray pictures of single things, to put into scenes: scikit-learn's handwritten digits, or a folder's."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from numpycnn.data.photographs import read_picture
from numpycnn.ops.arguments import fail, pair

__all__ = ["load_cutouts", "sample_digits"]


def sample_digits() -> tuple[np.ndarray, np.ndarray]:
    """The handwritten digits that come with scikit-learn.

    Returns: float32 (1797, 8, 8), 0 the paper and 1 the ink; int (1797,), which digit.
    Raises: ImportError where scikit-learn is not installed.
    Source: Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998: the test set.
    """
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise ImportError(
            "sample_digits: the digits come with scikit-learn, which is not installed; "
            "pip install numpycnn-reference[samples] installs it."
        )
    path = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    return (table[:, :-1] / 16).reshape(-1, 8, 8).astype(np.float32), table[:, -1].astype(int)


def load_cutouts(folder, *, size=(16, 16)) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The pictures in the subfolders of a folder, a subfolder for each class, light on dark as they are.

    Args: size: one integer or (height, width), to which each picture is resized.

    Returns: float32 (n, height, width), 0 .. 1; int (n,) class numbers; the subfolders' names in their order.
    Raises: ValueError where there is no folder, no subfolder holds a picture, or one cannot be read.
    """
    from PIL import Image

    op = "load_cutouts"
    height, width = pair(op, "size", size)
    if not Path(folder).is_dir():
        fail(op, f"there is no folder {folder}")
    kinds = sorted(path for path in Path(folder).iterdir() if path.is_dir())
    cutouts, labels = [], []
    for label, kind in enumerate(kinds):
        for path in sorted(kind.iterdir()):
            if path.suffix.lower() in Image.registered_extensions():
                gray = Image.fromarray(read_picture(op, path)).convert("L")
                small = gray.resize((width, height), Image.Resampling.BILINEAR)
                cutouts.append(np.asarray(small, np.float32) / np.float32(255))
                labels.append(label)
    if not cutouts:
        fail(op, "folder must have a subfolder of pictures for each class", folder=str(folder))
    return np.stack(cutouts), np.asarray(labels), [kind.name for kind in kinds]
