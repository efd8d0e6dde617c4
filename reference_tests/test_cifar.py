"""CIFAR-10's pickled batches, and pickles that are none."""

import hashlib
import pickle
import struct
from dataclasses import replace

import numpy as np
import pytest

from numpycnn.data import cifar, load_dataset, published
from numpycnn.data.cifar import BATCHES, parse_batch


def batch(seed=0, count=4, columns=3072) -> bytes:
    """Opcode by opcode as Python 2 and its NumPy pickled it: protocol 2, text and pixels as strings of bytes."""
    rng = np.random.default_rng(seed)
    data, labels = rng.integers(0, 256, (count, columns), np.uint8), rng.integers(0, 10, count)
    shape = b"K" + bytes([count]) + b"M" + struct.pack("<H", columns) + b"\x86"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    pixels = b"T" + struct.pack("<I", data.size) + data.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01" + shape + dtype
    numbers = b"](" + b"".join(b"K" + bytes([n]) for n in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"\x89" + pixels + b"tbU\x06labels" + numbers + b"u."


@pytest.fixture
def small_cifar(tmp_path, monkeypatch):
    folder = tmp_path / "datasets" / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    contents = {name: batch(i) for i, name in enumerate(BATCHES)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    monkeypatch.setattr(
        cifar, "BATCHES", {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    )
    monkeypatch.setitem(published.PUBLISHED, "cifar10", replace(published.PUBLISHED["cifar10"], counts=(20, 4)))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return folder


def test_batches_are_found_as_keras_keeps_them_and_by_their_folder(small_cifar):
    data = load_dataset("cifar10", validation=3)
    assert (len(data.train), len(data.test), data.shape, data.class_names[3]) == (17, 4, (32, 32, 3), "cat")
    rows = np.random.default_rng(1).integers(0, 256, (4, 3072), np.uint8)
    x, _ = data.train.batch([5])  # the second of the second batch
    np.testing.assert_array_equal(x[0, :, :, 0].ravel(), rows[1, :1024])
    np.testing.assert_array_equal(x[0, 2, :, 2], rows[1, 2048 + 64 : 2048 + 96])
    for place in (small_cifar, small_cifar.parent):
        again = load_dataset(place, validation=3)
        assert again.name == "cifar10"
        np.testing.assert_array_equal(again.train.y, data.train.y)


def test_keras_reads_the_same_from_the_same_folder(small_cifar):
    from keras.src.datasets.cifar import load_batch

    x, y = load_batch(str(small_cifar / "test_batch"))
    data = load_dataset("cifar10", validation=3)
    np.testing.assert_array_equal(data.test.batch(slice(None))[0], x.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(data.test.y, y)


def test_another_batch_is_refused(small_cifar):
    (small_cifar / "data_batch_2").write_bytes(batch(99))
    with pytest.raises(ValueError, match=r"data_batch_2 is not the published file: its MD5 must be "):
        load_dataset("cifar10")


def test_a_pickle_cannot_run_anything(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "made"), "w")

    with pytest.raises(ValueError, match=r"cannot be read as a batch of CIFAR-10: it asks for .*open"):
        parse_batch(pickle.dumps([Evil()]), "batch")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"", batch()[:-40], pickle.dumps({b"data": [1]}), pickle.dumps([1, 2])])
def test_damaged_batches_are_named(content):
    with pytest.raises(ValueError, match=r"^load_dataset: batch cannot be read as a batch of CIFAR-10: ") as caught:
        parse_batch(content, "batch")
    assert "\n" not in str(caught.value)


def test_a_batch_of_other_rows_is_named():
    with pytest.raises(ValueError, match=r"batch must hold bytes \(n, 3072\) and n labels; got data \(4, 3071\)"):
        parse_batch(batch(columns=3071), "batch")
