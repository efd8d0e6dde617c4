"""The zip archive that a .keras file is. Members are read into memory; nothing is ever unpacked to disk."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from numpycnn.keras_io.errors import ModelFileError

__all__ = ["CONFIG", "WEIGHTS", "Archive", "open_archive"]

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

MOST_MEMBERS = 10_000
LARGEST_EXPANSION = 20
"""How many times its stored size a member may be unpacked; Keras stores all members as they are."""


@contextmanager
def open_archive(path) -> Iterator["Archive"]:
    """The members of a zip file.

    Raises: ModelFileError for what is no archive, for two members of one name, and for names that lead elsewhere.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            yield Archive(opened)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise ModelFileError(f"the zip archive cannot be read: {error}") from error


class Archive:
    """An open archive whose members have been looked at and not read."""

    def __init__(self, opened: zipfile.ZipFile):
        self._opened = opened
        infos = opened.infolist()
        if len(infos) > MOST_MEMBERS:
            raise ModelFileError(f"an archive may have {MOST_MEMBERS:,} members; it has {len(infos):,}")
        for name, count in Counter(info.filename for info in infos).items():
            if count > 1:
                raise ModelFileError(f"every member must have a name of its own; {name!r} comes {count} times")
            if name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts:
                raise ModelFileError(f"the names of members must stay within the archive; got {name!r}")
        self._infos = {info.filename: info for info in infos}

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def read(self, name: str) -> bytes:
        """The bytes of a member; ModelFileError where it is not there or unpacks to far more than it takes."""
        if name not in self:
            raise ModelFileError(f"the archive must have a member {name}; it has {', '.join(sorted(self._infos)[:10])}")
        info = self._infos[name]
        if info.flag_bits & 0x1:
            raise ModelFileError(f"{name} is encrypted")
        if info.file_size > LARGEST_EXPANSION * info.compress_size + 2**20:
            sizes = f"{info.compress_size:,} bytes that would become {info.file_size:,}"
            raise ModelFileError(f"{name} may unpack to {LARGEST_EXPANSION} times its size; got {sizes}")
        with self._opened.open(info) as member:
            data = member.read(info.file_size + 1)
        if len(data) != info.file_size:
            raise ModelFileError(f"{name} must have the {info.file_size:,} bytes that it declares; got {len(data):,}")
        return data
