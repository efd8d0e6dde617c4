"""Published data sets fetched into Keras's folder, where every later run finds them."""

import hashlib
import os
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from numpycnn.data.published import PUBLISHED, keras_datasets

__all__ = []


def download(name: str) -> None:
    """Fetch the files of a published data set that are not here yet.

    A file appears under its name when it is whole and has the sha256 it must have; what was interrupted is forgotten.

    Raises: ConnectionError naming the address where it cannot be had; ValueError where it is another file.
    """
    for place, (address, sha256) in PUBLISHED[name].downloads.items():
        target = keras_datasets() / place
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(address, target, sha256)
        if target.name.endswith(".tar.gz"):
            _unpack(target)


def _fetch(address: str, target: Path, sha256: str | None) -> None:
    digest = hashlib.sha256()
    handle, part = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(address, timeout=60) as answer:
            while piece := answer.read(1 << 20):
                digest.update(piece)
                file.write(piece)
        if sha256 and digest.hexdigest() != sha256:
            raise ValueError(
                f"download: {address} is not the published file: its sha256 must be {sha256}; got {digest.hexdigest()}."
            )
        os.replace(part, target)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ConnectionError(f"download: {address} cannot be fetched: {getattr(error, 'reason', error)}.") from error
    finally:
        Path(part).unlink(missing_ok=True)


def _unpack(archive: Path) -> None:
    """The members of an archive beside it, none of them outside."""
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(archive.parent, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ValueError(f"download: {archive} cannot be unpacked: {error}.") from error
