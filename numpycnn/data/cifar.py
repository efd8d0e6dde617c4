"""CIFAR-10's batches, pickled by Python 2, without running anything that a pickle might bring along."""

import hashlib
import pickle
from io import BytesIO
from pathlib import Path

import numpy as np

from numpycnn.ops.arguments import fail

__all__ = []

BATCHES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
"""The files and the MD5 sums by which they are known."""

INNER = "cifar-10-batches-py"
"""The folder within the archive."""

ALLOWED = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}


class _Arrays(pickle.Unpickler):
    """Knows arrays, and refuses every other thing that a pickle could name."""

    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        module = module.replace("numpy.core", "numpy._core")
        return super().find_class(module, name)


def batches_folder(folder: Path) -> Path | None:
    """The folder of the batches: this one, or the one within it as the archive has it."""
    return next((place for place in (folder, folder / INNER) if all((place / b).is_file() for b in BATCHES)), None)


def read_cifar10(folder: Path, *, known: dict[str, str] | None = None) -> dict[str, np.ndarray]:
    """x_train, y_train, x_test, y_test; uint8 (n, 32, 32, 3).

    Raises: ValueError for a batch that is not the published one (known: MD5 by file), or none at all.
    """
    read = [_read_batch(folder / name, digest) for name, digest in (known or BATCHES).items()]
    x, y = [x for x, _ in read], [y for _, y in read]
    return {"x_train": np.concatenate(x[:-1]), "y_train": np.concatenate(y[:-1]), "x_test": x[-1], "y_test": y[-1]}


def _read_batch(path: Path, digest: str) -> tuple[np.ndarray, np.ndarray]:
    content = path.read_bytes()
    received = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if received != digest:
        fail("load_dataset", f"{path} is not the published file: its MD5 must be {digest}", MD5=received)
    return parse_batch(content, str(path))


def parse_batch(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """One batch: rows of 1024 red, 1024 green, 1024 blue pixels, and their classes."""
    try:
        found = _Arrays(BytesIO(content), encoding="bytes").load()
        data, labels = np.asarray(found[b"data"]), np.asarray(found[b"labels"])
    except Exception as error:  # whatever a damaged pickle raises
        raise ValueError(f"load_dataset: {name} cannot be read as a batch of CIFAR-10: {error}.") from error
    if data.dtype != np.uint8 or data.shape != (len(labels), 3072):
        fail("load_dataset", f"{name} must hold bytes (n, 3072) and n labels", data=data, labels=labels)
    return np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels
