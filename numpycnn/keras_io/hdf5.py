"""HDF5 from untrusted files: arrays of numbers that lie in the file itself, and short texts; nothing else is followed.

Every size is checked before anything of it is read. Keras writes its weights uncompressed, so that an array takes as
many bytes in the file as in memory; compressed ones are refused, since they may unpack to anything.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from numpycnn.keras_io.errors import ModelFileError

__all__ = ["SIGNATURE", "Hdf5Group", "open_hdf5"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_NAMES = 100_000


@contextmanager
def open_hdf5(source, size: int) -> Iterator["Hdf5Group"]:
    """The root group of an HDF5 file.

    Args: source: a path, or an open binary file.   size: its size in bytes, which bounds what is read from it.

    Raises: ModelFileError for whatever the HDF5 library finds wrong with the file, then or while it is read.
    """
    import h5py

    try:
        with h5py.File(source, "r", locking=False) as opened:
            yield Hdf5Group(opened, "", _Budget(size))
    except (OSError, RuntimeError, KeyError, MemoryError, OverflowError, UnicodeError) as error:
        raise ModelFileError(f"the HDF5 file cannot be read: {error}") from error


class _Budget:
    """How many bytes of arrays may still be read from a file: as many as it has."""

    def __init__(self, size: int):
        self.left = size

    def take(self, count: int, path: str) -> None:
        self.left -= count
        if self.left < 0:
            raise ModelFileError(f"{path}: the arrays of a file cannot take more bytes than the file; this one is over")


class Hdf5Group:
    """A group whose members are reached one by one, by hard links alone."""

    def __init__(self, group: Any, path: str, budget: _Budget):
        self._group, self.path, self._budget = group, path, budget

    def __contains__(self, name: str) -> bool:
        return name in self._group

    def names(self) -> list[str]:
        """The names of the members."""
        if len(self._group) > MOST_NAMES:
            raise ModelFileError(f"{self.path or '/'}: a group may have {MOST_NAMES:,} members")
        return list(self._group)

    def group(self, *names: str) -> "Hdf5Group":
        """The group at this path; ModelFileError where there is none."""
        import h5py

        found = self
        for name in names:
            found = Hdf5Group(found._member(name, h5py.Group, "a group"), f"{found.path}/{name}", self._budget)
        return found

    def array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The numbers of a dataset, which must have this shape; ModelFileError before anything is read of another."""
        import h5py

        dataset, path = self._member(name, h5py.Dataset, "an array"), f"{self.path}/{name}"
        if dataset.shape != tuple(shape):
            raise ModelFileError(f"{path}: the shape must be {tuple(shape)}; got {dataset.shape}")
        bfloat16 = dataset.dtype.kind == "V" and self._is_bfloat16(dataset)
        if not bfloat16 and (dataset.dtype.kind not in "fiu" or dataset.dtype.itemsize > 8):
            raise ModelFileError(f"{path}: weights must be numbers; got {dataset.dtype}")
        self._check_storage(dataset, path)
        values = np.empty(dataset.shape, dataset.dtype)
        if values.size:
            dataset.read_direct(values)
        return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32) if bfloat16 else values

    def text(self, name: str) -> bytes | None:
        """An attribute that is one text; None where there is none of this name."""
        found = self._attribute(name)
        if found is None:
            return None
        value = found[()] if isinstance(found, np.ndarray) and found.shape == () else found
        if isinstance(value, str):
            return value.encode()
        if not isinstance(value, bytes):
            raise ModelFileError(f"{self.path or '/'}: attribute {name} must be a text; got {type(value).__name__}")
        return bytes(value)

    def texts(self, name: str) -> list[str] | None:
        """An attribute that is a list of texts, which Keras divides into name0, name1, ... where it is long."""
        if name in self._group.attrs:
            return self._texts(name)
        parts: list[str] = []
        number = 0
        while f"{name}{number}" in self._group.attrs:
            parts += self._texts(f"{name}{number}")
            number += 1
        return parts if number else None

    def _texts(self, name: str) -> list[str]:
        values = np.asarray(self._attribute(name))
        if values.ndim != 1 or (values.size and values.dtype.kind not in "SUO"):
            raise ModelFileError(f"{self.path or '/'}: attribute {name} must be a list of texts; got {values.dtype}")
        return [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]

    def _attribute(self, name: str) -> Any:
        if name not in self._group.attrs:
            return None
        described = self._group.attrs.get_id(name)
        declared = prod(described.shape) * max(1, described.dtype.itemsize)
        if declared > self._budget.left:
            raise ModelFileError(f"{self.path or '/'}: attribute {name} declares {declared:,} bytes")
        return self._group.attrs[name]

    def _member(self, name: str, kind: type, what: str) -> Any:
        import h5py

        path = f"{self.path}/{name}"
        if not name or "/" in name or name in (".", "..") or name not in self._group:
            raise ModelFileError(f"{path}: {what} must be there; there is none")
        link = self._group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ModelFileError(f"{path}: links that lead elsewhere are not followed; got {type(link).__name__}")
        if self._group.get(name, getclass=True) is not kind:
            raise ModelFileError(f"{path}: {what} must be there; got {self._group.get(name, getclass=True).__name__}")
        return self._group[name]

    def _check_storage(self, dataset: Any, path: str) -> None:
        """All values must lie in this file, as they are."""
        import h5py

        created = dataset.id.get_create_plist()
        if dataset.is_virtual or created.get_external_count():
            raise ModelFileError(f"{path}: weights must lie in the file itself; these are said to lie in another")
        if created.get_nfilters():
            raise ModelFileError(f"{path}: weights must be stored uncompressed; repack the file with h5repack -f NONE")
        declared, stored = dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size()
        if declared > stored:
            raise ModelFileError(f"{path}: {declared:,} bytes are declared, {stored:,} are stored")
        if created.get_layout() == h5py.h5d.CHUNKED and prod(created.get_chunk()) > 2 * dataset.size + 1024:
            raise ModelFileError(f"{path}: chunks {created.get_chunk()} must not be larger than the array")
        self._budget.take(declared, path)

    @staticmethod
    def _is_bfloat16(dataset: Any) -> bool:
        """Keras writes bfloat16 as opaque pairs of bytes with an attribute."""
        return dataset.dtype.itemsize == 2 and dataset.attrs.get("dtype") == "bfloat16"
