"""Ways to damage a model file, each drawn from the number of the case, so that every case can be had again."""

import copy
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np

from numpycnn import layers, models

FILES = Path(__file__).parents[1] / "files"
CONFIG, WEIGHTS = "config.json", "model.weights.h5"


def sources() -> dict[str, bytes]:
    """The files that are damaged, by name."""
    with TemporaryDirectory() as folder:
        small_model().save(path := Path(folder) / "saved.keras")
        saved = path.read_bytes()
    names = ("keras2_functional.h5", "keras2_functional.keras", "keras2_sequential.h5")
    return {"saved.keras": saved, **{name: (FILES / name).read_bytes() for name in names}}


def small_model() -> models.Model:
    """A few layers of different kinds, one of them shared, one a model."""
    x = layers.Input((9, 8, 3))
    shared = layers.Conv2D(3, (3, 2), padding="same", activation="relu")
    inner = models.Sequential([layers.BatchNormalization(), layers.ReLU(6.0)], input_shape=(9, 8, 3), name="inner")
    y = layers.Add()(shared(x), inner(shared(shared(x))))
    y = layers.Dense(4, activation="softmax")(layers.Dropout(0.2)(layers.Flatten()(layers.MaxPooling2D()(y))))
    return models.Model(x, y, name="small")


def damaged(originals: dict[str, bytes], case: int, seed: int) -> tuple[str, str, bytes]:
    """The kind of damage, the ending of the file's name, and the file."""
    rng = np.random.default_rng([seed, case])
    kind = list(KINDS)[case % len(KINDS)]
    names = [name for name in originals if KINDS[kind] is not members or name.endswith(".keras")]
    name = names[rng.integers(len(names))]
    return kind, Path(name).suffix, KINDS[kind](originals[name], rng)


def flipped(data: bytes, rng) -> bytes:
    """Other bytes at a few places, the end cut off, or a piece taken out."""
    way = rng.integers(8)
    if way == 0:
        return data[: rng.integers(len(data))]
    if way == 1:
        start = int(rng.integers(len(data)))
        return data[:start] + data[start + int(rng.integers(1, 2000)) :]
    array = np.frombuffer(data, np.uint8).copy()
    places = rng.integers(len(array) if way < 6 else min(len(array), 4096), size=rng.choice([1, 1, 2, 5, 30]))
    array[places] = rng.integers(256, size=len(places))
    return array.tobytes()


def configured(data: bytes, rng) -> bytes:
    """One to three values of the configuration replaced, taken away, or exchanged."""

    def change(text: bytes) -> bytes:
        config = json.loads(text)
        for _ in range(rng.integers(1, 4)):
            _change(config, rng)
        return json.dumps(config).encode()

    return _with_config(data, change)


def garbled(data: bytes, rng) -> bytes:
    """The text of the configuration itself damaged: characters exchanged, brackets repeated, NaN put in."""

    def change(text: bytes) -> bytes:
        array = np.frombuffer(text, np.uint8).copy()
        way = rng.integers(4)
        if way == 0:
            return text[: rng.integers(len(text))]
        if way == 1:
            return text.replace(b"null", rng.choice([b"NaN", b"Infinity", b"1e999", b"-1"]), int(rng.integers(1, 5)))
        if way == 2:
            return b"[" * int(rng.integers(1, 100_000)) + text
        array[rng.integers(len(array), size=rng.integers(1, 4))] = rng.integers(32, 127)
        return array.tobytes()

    return _with_config(data, change)


def members(data: bytes, rng) -> bytes:
    """Members of the archive dropped, doubled, renamed, squeezed or exchanged."""
    way, buffer = rng.integers(6), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        contents = [(name, archive.read(name)) for name in archive.namelist()]
    chosen = int(rng.integers(len(contents)))
    name, content = contents[chosen]
    if way == 0:
        del contents[chosen]
    elif way == 1:
        contents.append((name, content[: rng.integers(len(content) + 1)]))
    elif way == 2:
        contents[chosen] = (rng.choice(["../" + name, "/" + name, name + "x", "a\\b", "C:" + name]), content)
    elif way == 3:
        contents[chosen] = (name, b"\0" * int(rng.integers(2**27)))
    elif way == 4:
        contents[chosen] = (name, contents[int(rng.integers(len(contents)))][1])
    else:
        contents[chosen] = (name, content[: rng.integers(len(content) + 1)])
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if way == 3 else zipfile.ZIP_STORED) as archive:
        for name, content in contents:
            archive.writestr(zipfile.ZipInfo(str(name)), content, archive.compression)
    return buffer.getvalue()


def regrouped(data: bytes, rng) -> bytes:
    """Groups, arrays and attributes of the HDF5 file replaced."""

    def change(weights: bytes) -> bytes:
        buffer = io.BytesIO(weights)
        with h5py.File(buffer, "r+") as file:
            found: list[str] = []
            file.visit(found.append)
            _replace(file, found[rng.integers(len(found))], found, rng)
        return buffer.getvalue()

    return _with_weights(data, change)


KINDS: dict[str, Callable[[bytes, Any], bytes]] = {
    "bytes": flipped,
    "values": configured,
    "text": garbled,
    "members": members,
    "HDF5": regrouped,
}
"""Every kind of damage by its name."""

VALUES = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        7,
        2**40,
        -(2**63),
        10**30,
        0.5,
        -1e308,
        1e-320,
        "",
        "x",
        "same",
        "relu",
        "Lambda",
    ),
    *(
        "../x",
        "Dense",
        "InputLayer",
        "Functional",
        [],
        {},
        [[]],
        [None],
        [0, 0],
        [2**40, 2**40],
        {"class_name": "Lambda"},
    ),
    *({"class_name": "__numpy__", "config": {"value": 3}}, {"class_name": "function", "config": "os.system"}),
]


def _change(config: Any, rng) -> None:
    places = list(_places(config))
    holder, key = places[rng.integers(len(places))]
    other, other_key = places[rng.integers(len(places))]
    way = rng.integers(5)
    if way == 0:
        del holder[key]
    elif way == 1:
        holder[key] = copy.deepcopy(other[other_key])
    elif way == 2 and isinstance(holder, list):
        holder.append(copy.deepcopy(other[other_key]))
    elif way == 2:
        holder[str(other_key)] = copy.deepcopy(holder[key])
    else:
        holder[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in lists and objects, as what holds it and its key."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _replace(file: h5py.File, path: str, found: list[str], rng) -> None:
    old, way = file[path], rng.integers(12)
    shape = old.shape if isinstance(old, h5py.Dataset) else (3,)
    if way == 0:
        for name in list(old.attrs):
            old.attrs[name] = [np.int64(2**40), "x", np.zeros(5), "x" * 60_000][rng.integers(4)]
        return
    del file[path]
    if way == 1:
        file[path] = h5py.SoftLink("/" + found[rng.integers(len(found))])
    elif way == 2:
        file[path] = h5py.ExternalLink("/etc/passwd", "/")
    elif way == 3:
        file.create_dataset(path, shape, "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])
    elif way == 4:
        layout = h5py.VirtualLayout(shape=shape, dtype="f4")
        file.create_virtual_dataset(path, layout)
    elif way == 5:
        file.create_dataset(path, shape, h5py.string_dtype())
    elif way == 6:
        file.create_dataset(path, (2**20, 2**20), "f4", chunks=(1024, 1024))
    elif way == 7:
        file.create_dataset(path, shape or (1,), "f4", compression="gzip", chunks=True)
    elif way == 8:
        file.create_dataset(path, data=np.zeros((*shape, 2), "f4"))
    elif way == 9:
        file.create_dataset(path, data=np.zeros(shape, rng.choice(["f2", "f8", "i8", "c8", "?"])))
    elif way == 10:
        file.create_group(path)


def _with_config(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    if data[:2] == b"PK":
        return _rewritten(data, CONFIG, change)
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        text = file.attrs["model_config"]
        changed = change(text.encode() if isinstance(text, str) else bytes(text))
        del file.attrs["model_config"]
        if len(changed) < 60_000:
            file.attrs["model_config"] = np.bytes_(changed) if b"\0" not in changed else changed.decode("latin1")[:9]
        else:
            file.attrs.create("model_config", changed.decode("latin1"), dtype=h5py.string_dtype())
    return buffer.getvalue()


def _with_weights(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return _rewritten(data, WEIGHTS, change) if data[:2] == b"PK" else change(data)


def _rewritten(data: bytes, member: str, change: Callable[[bytes], bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return buffer.getvalue()
