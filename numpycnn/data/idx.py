"""The idx format, in which MNIST and its relatives are published: arrays with a short header, plain or gzipped."""

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np

from numpycnn.ops.arguments import fail

__all__ = ["read_idx"]

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path) -> np.ndarray:
    """The array in an idx file, whose name may end in .gz.

    Two zero bytes, one byte for the type, one for the number of axes, four big-endian bytes for each size, the values.

    Returns: a native array of the file's type and shape.
    Raises: FileNotFoundError; ValueError where the header is none, or the file is shorter or longer than it says.
    Source: LeCun, Cortes & Burges, The MNIST database of handwritten digits: "File formats".
    """
    return parse_idx(read_bytes("read_idx", Path(path)), str(path))


def read_bytes(op: str, path: Path) -> bytes:
    """What is in a file, or in the one file that a .gz holds."""
    if not path.is_file():
        raise FileNotFoundError(f"{op}: there is no file {path}.")
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{op}: {path} cannot be read: {error}.") from error


def parse_idx(content: bytes, name: str) -> np.ndarray:
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES or not content[3]:
        fail("read_idx", f"{name} must begin as idx: 0, 0, a type of {', '.join(map(hex, TYPES))}, the number of axes",
             first_bytes=content[:4].hex(" "))  # fmt: skip
    begin, dtype = 4 + 4 * content[3], np.dtype(TYPES[content[2]])
    if len(content) < begin:
        fail("read_idx", f"{name} must have a header of {begin} bytes", bytes=len(content))
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", content[3], 4))
    expected = begin + prod(shape) * dtype.itemsize
    if len(content) != expected:
        fail("read_idx", f"{name} says {shape} of {dtype.name} in its header, which is {expected:,} bytes in all",
             bytes=len(content))  # fmt: skip
    values = np.frombuffer(content, dtype, offset=begin).reshape(shape)
    return values.astype(dtype.newbyteorder("="))
