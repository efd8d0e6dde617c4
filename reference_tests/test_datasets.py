"""Data sets by name and path: what is found where, how it is split, and the words for files that are none."""

import gzip
import hashlib
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpycnn.data import Arrays, Dataset, filled_up, held_out, load_dataset, published, read_idx, resize_pictures
from numpycnn.data.published import IDX_FILES, PUBLISHED

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx(array, dtype="u1") -> bytes:
    header = bytes([0, 0, CODES[dtype], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + np.asarray(array, dtype).tobytes()


def small_set(seed=0, counts=(30, 11), classes=3):
    rng = np.random.default_rng(seed)
    parts = {}
    for split, count in zip(("train", "test"), counts, strict=True):
        parts[f"x_{split}"] = rng.integers(0, 256, (count, 5, 4), np.uint8)
        parts[f"y_{split}"] = (np.arange(count) % classes).astype(np.uint8)
    return parts


def write_idx_folder(folder, parts, gzipped=True):
    folder.mkdir(parents=True)
    for key, name in IDX_FILES.items():
        content = idx(parts[key])
        (folder / f"{name}.gz" if gzipped else folder / name).write_bytes(
            gzip.compress(content) if gzipped else content
        )
    return folder


@pytest.fixture
def small_fashion(monkeypatch, tmp_path):
    """The registry's Fashion-MNIST, as small as `small_set` and looked for in folders of this test."""
    parts = small_set()
    known = replace(
        PUBLISHED["fashion_mnist"],
        counts=(30, 11),
        sha256={name: hashlib.sha256(idx(parts[key])).hexdigest() for key, name in IDX_FILES.items()},
        packages=(str(tmp_path / "share" / "fashion-mnist"),),
    )
    monkeypatch.setitem(published.PUBLISHED, "fashion_mnist", known)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return parts


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("name", ["values", "values.gz"])
def test_idx_files_are_read_in_every_type(tmp_path, dtype, name):
    array = (np.arange(24).reshape(2, 3, 4) - 3).astype(dtype)
    content = idx(array, dtype)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    read = read_idx(tmp_path / name)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    assert read.dtype.isnative
    assert read.flags.writeable


WHOLE = idx(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "must begin as idx"),
        (b"\x89PNG", "must begin as idx"),
        (b"\0\0\x0a\x02" + WHOLE[4:], "must begin as idx"),
        (b"\0\0\x08\0", "must begin as idx"),
        (WHOLE[:9], "must have a header of 12 bytes; got bytes 9."),
        (WHOLE[:-1], r"says \(2, 3\) of uint8 in its header, which is 18 bytes in all; got bytes 17."),
        (WHOLE + b"\0", ".*18 bytes in all; got bytes 19."),
    ],
)
def test_idx_files_that_are_none_are_named(tmp_path, content, words):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=f"^read_idx: {tmp_path / 'x'} {words}"):
        read_idx(tmp_path / "x")


def test_a_cut_gzip_file_is_named(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(WHOLE * 40)[:-12])
    with pytest.raises(ValueError, match=r"x\.gz cannot be read: "):
        read_idx(tmp_path / "x.gz")


def test_digits_are_all_there_once():
    from sklearn.datasets import load_digits

    data = load_dataset("digits")
    theirs = load_digits()
    ours = [split.batch(np.arange(len(split))) for split in data.splits().values()]
    x, y = np.concatenate([x for x, _ in ours]), np.concatenate([y for _, y in ours])
    rows = np.column_stack([x.reshape(len(x), -1) * 16, y])
    expected = np.column_stack([theirs.data, theirs.target])
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    assert data.class_names == tuple("0123456789")
    shares = [np.bincount(split.y, minlength=10) / len(split) for split in data.splits().values()]
    assert np.abs(shares - np.bincount(theirs.target) / len(expected)).max() < 0.008
    assert data.train.y.dtype == np.int64


def test_a_seed_draws_the_same_again_and_another_seed_others():
    first, again, other = (load_dataset("digits", seed=seed).test.batch(slice(None))[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.floats(0, 0.9), st.integers(0, 5))
def test_what_is_held_out_and_what_is_kept_are_all(labels, part, seed):
    y = np.array(labels)
    kept, held = held_out(y, part, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(y)))
    assert len(held) == round(part * len(y))
    if len(held) <= len(y) - len(np.unique(y)):
        assert set(y[kept]) == set(y)


@given(st.integers(1, 5), st.integers(2, 12), st.floats(0, 0.9), st.integers(0, 5))
def test_classes_of_one_size_give_as_many_each(classes, size, part, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(classes), size))
    counts = np.bincount(y[held_out(y, part, seed)[1]], minlength=classes)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("gzipped", [True, False])
def test_a_published_set_is_found_in_the_cache_before_the_package(tmp_path, small_fashion, gzipped):
    cache, package = tmp_path / "keras" / "datasets" / "fashion-mnist", tmp_path / "share" / "fashion-mnist"
    with pytest.raises(FileNotFoundError) as caught:
        load_dataset("fashion_mnist")
    for words in (str(cache), str(package), "apt install dataset-fashion-mnist", "--data-folder"):
        assert words in str(caught.value)
    write_idx_folder(package, small_fashion, gzipped)
    data = load_dataset("fashion_mnist", validation=4)
    assert (data.source, len(data.train), len(data.validation), len(data.test)) == (str(package), 26, 4, 11)
    write_idx_folder(cache, small_fashion, gzipped)
    data = load_dataset("fashion_mnist", validation=0.2)
    assert (data.source, len(data.validation), data.shape, data.class_names[9]) == (
        str(cache),
        6,
        (5, 4, 1),
        "Ankle boot",
    )
    np.testing.assert_array_equal(data.validation.batch([1, 5])[0][..., 0], small_fashion["x_train"][[25, 29]])
    np.testing.assert_array_equal(data.test.y, small_fashion["y_test"])


def test_a_published_set_is_recognized_in_a_folder(tmp_path, small_fashion):
    folder = write_idx_folder(tmp_path / "anywhere", small_fashion)
    for data in (load_dataset("fashion_mnist", folder=folder, validation=3), load_dataset(folder, validation=3)):
        assert (data.name, data.class_names[0], len(data.validation)) == ("fashion_mnist", "T-shirt/top", 3)


def test_a_published_set_with_another_pixel_is_refused_by_name_and_taken_by_path(tmp_path, small_fashion):
    other = {**small_fashion, "x_train": small_fashion["x_train"] ^ 1, "y_test": small_fashion["y_test"][::-1]}
    folder = write_idx_folder(tmp_path / "anywhere", other)
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz is not the published file: its sha256 must be "):
        load_dataset("fashion_mnist", folder=folder)
    data = load_dataset(folder)
    assert (data.name, data.class_names, len(data.train)) == ("anywhere", ("0", "1", "2"), 27)


@pytest.mark.skipif(
    not any(place.exists() for place in PUBLISHED["fashion_mnist"].places()), reason="no Fashion-MNIST here"
)
def test_the_real_fashion_mnist():
    data = load_dataset("fashion_mnist")
    assert [len(split) for split in data.splits().values()] == [55_000, 5_000, 10_000]
    np.testing.assert_array_equal(np.bincount(data.test.y), [1_000] * 10)
    assert (data.shape, data.train.dtype, data.class_names[data.train.y[0]]) == ((28, 28, 1), np.uint8, "Ankle boot")


def test_mnist_as_keras_keeps_it(tmp_path, monkeypatch):
    folder = tmp_path / "datasets"
    folder.mkdir()
    np.savez(folder / "mnist.npz", **small_set())
    digest = hashlib.sha256((folder / "mnist.npz").read_bytes()).hexdigest()
    known = replace(PUBLISHED["mnist"], counts=(30, 11), sha256={"mnist.npz": digest})
    monkeypatch.setitem(published.PUBLISHED, "mnist", known)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert len(load_dataset("mnist", validation=7).train) == 23


def test_npz_with_a_split_and_without(tmp_path):
    parts = small_set()
    np.savez(tmp_path / "split.npz", **{**parts, "y_train": parts["y_train"][:, None]}, class_names=["a", "b", "c"])
    data = load_dataset(tmp_path / "split.npz")
    assert (data.name, data.class_names, len(data.train), len(data.validation)) == ("split", ("a", "b", "c"), 27, 3)
    np.testing.assert_array_equal(data.test.batch([2])[0][0, :, :, 0], parts["x_test"][2])
    held = {"x_validation": parts["x_test"][:2], "y_validation": parts["y_test"][:2]}
    np.savez(tmp_path / "held.npz", **parts, **held)
    assert len(load_dataset(tmp_path / "held.npz").validation) == 2
    np.savez(tmp_path / "whole.npz", x=np.zeros((30, 6, 5, 3), np.float32), y=np.arange(30) % 2)
    data = load_dataset(tmp_path / "whole.npz")
    assert ([len(s) for s in data.splits().values()], data.shape) == ([22, 2, 6], (6, 5, 3))


X, Y = np.zeros((6, 5, 4), np.uint8), np.arange(6) % 2


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"images": X}, ValueError, r"must hold x_train, .* or x and y; got arrays \['images'\]\."),
        ({"x": X[0], "y": Y}, ValueError, r"images must have the axes .*; got x \(5, 4\)\."),
        ({"x": X, "y": Y[:5]}, ValueError, r"one label for each of 6 images; got y \(5,\)\."),
        ({"x": X, "y": Y / 2}, TypeError, "labels must be whole numbers, one class number for each image; got float64"),
        ({"x": X, "y": Y - 1}, ValueError, r"labels must be at least 0; got least -1"),
        ({"x": X, "y": Y, "class_names": ["a"]}, ValueError, "below the number of classes, 1; got least 0, largest 1."),
        ({"x": X.astype(int), "y": Y}, TypeError, "images must be uint8, from 0 to 255, or of a float; got int64"),
        ({"x": np.array([{}] * 6), "y": Y}, ValueError, "cannot be read as .npz"),
    ],
)
def test_npz_that_is_no_data_set(tmp_path, arrays, error, words):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(error, match=f"^load_dataset: .*{words}"):
        load_dataset(tmp_path / "data.npz")


@pytest.mark.parametrize("content", [b"", b"PK\3\4 cut", b"text"])
def test_npz_that_is_damaged(tmp_path, content):
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"data\.npz cannot be read as \.npz: ") as caught:
        load_dataset(tmp_path / "data.npz")
    assert "\n" not in str(caught.value)


def test_pictures_are_resized_and_gray_ones_repeated_as_they_are_asked_for():
    plain, data = load_dataset("digits"), load_dataset("digits", size=(11, 9), channels=3, resizing="pad")
    x, y = data.train.batch([5, 2])
    assert (data.shape, x.shape, x.dtype) == ((11, 9, 3), (2, 11, 9, 3), np.float32)
    resized = resize_pictures(plain.train.batch([5, 2])[0], (11, 9), resizing="pad")
    np.testing.assert_array_equal(x, np.repeat(resized, 3, axis=3))
    np.testing.assert_array_equal(y, plain.train.y[[5, 2]])
    np.testing.assert_array_equal(data.train.take([7, 5]).batch([1])[0], x[:1])


def test_what_is_no_data_set_at_all(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"'fashion' is no data set .*digits, fashion_mnist, mnist, cifar10, tf_flowers"
    ):
        load_dataset("fashion")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_dataset(tmp_path / "none.npz")
    for download in ("digits", "tf_flowers", str(tmp_path)):
        with pytest.raises(ValueError, match="download goes with the name of a published data set"):
            load_dataset(download, download=True)
    with pytest.raises(ValueError, match="channels must be 1 or 3; got channels 2"):
        load_dataset("digits", channels=2)
    with pytest.raises(ValueError, match="folder goes with the name of a published data set"):
        load_dataset("digits", folder=tmp_path)
    for validation in (1.0, 1797, -1):
        with pytest.raises(ValueError, match=r"a fraction must|must be kept|at least 0"):
            load_dataset("digits", validation=validation)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(0, 9))
def test_rare_classes_are_filled_up_to_the_largest(labels, seed):
    """All examples once in their order, then copies, each as often as the others of its class or once more."""
    y = np.array(labels)
    split = Arrays(np.arange(len(y)), y)
    data = Dataset("some", tuple("abcdefg"), split, split.take([0]), split)
    found = filled_up(data, seed).train
    np.testing.assert_array_equal(found.x[: len(y)], np.arange(len(y)))
    np.testing.assert_array_equal(found.y, y[found.x])
    most, times = np.bincount(y).max(), np.bincount(found.x)
    for label in np.unique(y):
        assert times[y == label].sum() == most
        assert np.ptp(times[y == label]) <= 1
    np.testing.assert_array_equal(filled_up(data, seed).train.x, found.x)
