"""Reading what somebody else's run has recorded: a .npz file, or a folder of .npy and raw .bin files."""

import csv
import json
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

__all__ = ["read_names", "read_recording"]

LARGEST = 2**34
"""The most bytes of one raw file that are believed to be an array."""


def read_recording(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a recording by name, in the order they were saved in (a folder: by name, 2 before 10).

    path: a .npz file; a .npy or .bin file; or a folder of those. A raw .bin holds numbers in C order; its shape and
    dtype stand in its name, as in conv1.2x3x8x8.float32.bin, or in shapes.json beside it:
    {"conv1": {"shape": [2, 3, 8, 8], "dtype": "float32"}}, or {"conv1": [2, 3, 8, 8]} for float32.

    Raises: ValueError for what is no such thing: pickled objects, text, a size that is not the shape's; OSError.
    """
    path = Path(path)
    files = sorted(path.iterdir(), key=_natural) if path.is_dir() else [path]
    arrays: dict[str, np.ndarray] = {}
    for file in files:
        for name, array in _read(file).items():
            if array.dtype.kind not in "buif":
                raise ValueError(f"{file}: {name} must hold numbers; it holds {array.dtype}.")
            if name in arrays:
                raise ValueError(f"{file}: there are two arrays called {name!r}.")
            arrays[name] = array
    if not arrays:
        raise ValueError(f"{path}: there is no .npz, .npy or .bin file here.")
    return arrays


def read_names(path: str | Path) -> dict[str, str]:
    """The pairs of names of a .csv file: theirs, then ours, one pair a line; a heading "theirs,ours" is left out."""
    with open(path, newline="", encoding="utf-8") as file:
        lines = [[cell.strip() for cell in line] for line in csv.reader(file) if any(map(str.strip, line))]
    for line in lines:
        if len(line) != 2 or not all(line):
            raise ValueError(f"{path}: each line must be their name, a comma and our name; got {','.join(line)!r}.")
    return {theirs: ours for theirs, ours in lines if (theirs, ours) != ("theirs", "ours")}


def _read(file: Path) -> dict[str, np.ndarray]:
    begins = {".npz": b"PK", ".npy": b"\x93NUMPY"}.get(file.suffix, b"")
    with file.open("rb") as opened:
        if opened.read(len(begins)) != begins:
            raise ValueError(f"{file}: a {file.suffix} file must begin with {begins!r}, as NumPy saves them.")
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as saved:
                return {name: saved[name] for name in saved.files}
        if file.suffix == ".npy":
            return {file.stem: np.load(file, allow_pickle=False)}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{file}: {error}") from error
    return _raw(file) if file.suffix == ".bin" else {}


def _raw(file: Path) -> dict[str, np.ndarray]:
    named = re.fullmatch(r"(?P<name>.+?)\.(?P<shape>\d+(?:x\d+)*)(?:\.(?P<dtype>\w+))?", file.stem)
    if named:
        name, shape, dtype = named["name"], [int(size) for size in named["shape"].split("x")], named["dtype"]
    else:
        name, (shape, dtype) = file.stem, _described(file)
    try:
        dtype = np.dtype(dtype or "float32")
    except TypeError as error:
        raise ValueError(f"{file}: {error}") from error
    expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if file.stat().st_size != expected or expected > LARGEST:
        raise ValueError(f"{file}: shape {tuple(shape)} of {dtype} is {expected} bytes; it has {file.stat().st_size}.")
    return {name: np.fromfile(file, dtype).reshape(shape)}


def _described(file: Path) -> tuple[list[int], str]:
    """Shape and dtype from shapes.json, or from a .json of the file's own name."""
    for sidecar in (file.with_suffix(".json"), file.parent / "shapes.json"):
        if sidecar.is_file():
            try:
                told = json.loads(sidecar.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(f"{sidecar}: {error}") from error
            if sidecar.name == "shapes.json":
                told = told.get(file.stem) if isinstance(told, dict) else None
            shape, dtype = (told.get("shape"), told.get("dtype", "float32")) if isinstance(told, dict) else (told, None)
            if isinstance(shape, list) and all(isinstance(size, int) and size >= 0 for size in shape):
                return shape, dtype or "float32"
    raise ValueError(f"{file}: its shape must be in its name, as {file.stem}.2x8x8x3.float32.bin, or in shapes.json.")


def _natural(path: Path):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]
