"""Folders of pictures, a subfolder for each class: numbered as Keras does, read when asked for, and named when bad."""

import io

import numpy as np
import pytest
from PIL import Image

from numpycnn.data import load_dataset, resize_pictures

KINDS = ("daisy", "rose", "tulip")


def write_classes(folder, counts=(10, 20, 30), seed=3):
    """Pictures of many sizes, the first channel of each filled with its class; {path: pixels}."""
    rng, written = np.random.default_rng(seed), {}
    for label, (kind, count) in enumerate(zip(KINDS, counts, strict=True)):
        (folder / kind).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, (*rng.integers(3, 30, 2), 3), np.uint8)
            pixels[..., 0] = label
            path = folder / kind / f"{i}.png"
            Image.fromarray(pixels).save(path)
            written[path] = pixels
    return written


def test_every_picture_is_read_resized_and_numbered_by_its_folder(tmp_path):
    written = write_classes(tmp_path)
    (tmp_path / "rose" / "notes.txt").write_text("no picture")
    data = load_dataset(tmp_path, size=(9, 7))
    assert (data.name, data.class_names, data.shape, data.train.dtype) == (tmp_path.name, KINDS, (9, 7, 3), np.uint8)
    assert [len(split) for split in data.splits().values()] == [43, 5, 12]
    np.testing.assert_array_equal(np.bincount(data.test.y), [2, 4, 6])
    seen = []
    for split in data.splits().values():
        x, y = split.batch(np.arange(len(split)))
        np.testing.assert_array_equal(x[:, 4, 3, 0], y)
        np.testing.assert_array_equal(y, split.y)
        for path, picture in zip(split.files, x, strict=True):
            np.testing.assert_array_equal(picture, resize_pictures(written[path][None], (9, 7))[0])
        seen += split.files
    assert sorted(seen) == sorted(written)


def test_keras_numbers_and_resizes_them_in_the_same_way(tmp_path):
    import keras

    written = write_classes(tmp_path, counts=(2, 3, 4))
    theirs = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(9, 7), crop_to_aspect_ratio=True, shuffle=False, batch_size=None, verbose=False
    )
    data = load_dataset(tmp_path, size=(9, 7))
    ours = {
        path: (picture, label)
        for split in data.splits().values()
        for path, picture, label in zip(split.files, *split.batch(slice(None)), strict=True)
    }
    for path, (x, y) in zip(map(str, theirs.file_paths), ((x.numpy(), int(y)) for x, y in theirs), strict=False):
        pixels, label = next(value for key, value in ours.items() if str(key) == path)
        assert label == y
        assert np.abs(pixels - x).max() <= 0.501
    assert len(ours) == len(written) == len(theirs.file_paths)


def test_folders_that_are_split_already_stay_so(tmp_path):
    for name, counts in (("train", (4, 5, 6)), ("val", (1, 2, 1)), ("test", (2, 1, 3))):
        write_classes(tmp_path / name, counts)
    data = load_dataset(tmp_path, size=5, channels=1)
    assert [len(split) for split in data.splits().values()] == [15, 4, 6]
    assert data.validation.batch([0])[0].shape == (1, 5, 5, 1)
    with pytest.raises(ValueError, match="validation goes with data that does not say itself"):
        load_dataset(tmp_path, validation=2)
    (tmp_path / "test" / "weed").mkdir()
    with pytest.raises(
        ValueError, match=r"test must have the same classes .*; got got \(|test must have the same classes"
    ):
        load_dataset(tmp_path)


def test_tf_flowers_may_lie_in_a_folder(tmp_path):
    write_classes(tmp_path / "flower_photos")
    data = load_dataset("tf_flowers", folder=tmp_path / "flower_photos")
    assert (data.name, data.class_names, data.shape) == ("tf_flowers", KINDS, (224, 224, 3))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        load_dataset("tf_flowers", folder=tmp_path / "none")


def test_tf_flowers_without_its_library_names_the_ways(monkeypatch):
    from numpycnn.data import flowers

    monkeypatch.setattr(flowers, "find_spec", lambda name: None)
    with pytest.raises(
        ImportError, match=r"^load_dataset: tf_flowers .*pip install tensorflow-datasets.*--data-folder"
    ):
        load_dataset("tf_flowers")


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut"])
def test_a_bad_picture_is_named_when_a_batch_asks_for_it(tmp_path, content):
    write_classes(tmp_path)
    bad = tmp_path / "daisy" / "0.png"
    bad.write_bytes(content)
    data = load_dataset(tmp_path, size=8)
    with pytest.raises(ValueError, match=r"^load_dataset: .*daisy.0\.png (is in no|cannot be read)") as caught:
        [split.batch(slice(None)) for split in data.splits().values()]
    assert "\n" not in str(caught.value)


def test_folders_without_pictures_are_named(tmp_path):
    with pytest.raises(ValueError, match="must have a subfolder of pictures for each class"):
        load_dataset(tmp_path)
    write_classes(tmp_path)
    (tmp_path / "weed").mkdir()
    with pytest.raises(ValueError, match=r"weed must hold pictures \(.*\.jpg .*\) of the class 'weed'"):
        load_dataset(tmp_path)


def test_tf_flowers_prepared_by_its_library(tmp_path, monkeypatch):
    """Real files of tensorflow-datasets, written by itself from pictures of our own; where it is installed."""
    tfds = pytest.importorskip("tensorflow_datasets")
    whole = tfds.builder
    monkeypatch.setattr(tfds, "builder", lambda name: whole(name, data_dir=tmp_path))
    with pytest.raises(FileNotFoundError, match=r"tf_flowers is not in .*build tf_flowers"):
        load_dataset("tf_flowers")
    files = []
    for i in range(40):
        file = io.BytesIO()
        Image.fromarray(np.full((20 + i, 30, 3), 6 * i, np.uint8)).save(file, "JPEG")
        files.append((f"{i}.jpg", {"image": file, "label": i % 5}))
        file.seek(0)
    builder = whole("tf_flowers", data_dir=tmp_path)
    monkeypatch.setattr(builder, "_split_generators", lambda *args, **options: {"train": iter(files)})
    builder.download_and_prepare()
    data = load_dataset("tf_flowers", size=16)
    assert data.class_names == ("dandelion", "daisy", "tulips", "sunflowers", "roses")
    assert [len(split) for split in data.splits().values()] == [30, 6, 4]
    shades = []
    for split in data.splits().values():
        x, y = split.batch(range(len(split)))
        example = np.rint(x.mean(axis=(1, 2, 3)) / 6).astype(int)
        np.testing.assert_array_equal(y, example % 5)
        shades += example.tolist()
    assert sorted(shades) == list(range(40))


def test_what_lies_in_a_folder_is_found_whatever_its_order_depth_and_spelling(tmp_path, monkeypatch):
    listed = type(tmp_path).iterdir
    monkeypatch.setattr(type(tmp_path), "iterdir", lambda path: iter(sorted(listed(path), reverse=True)))
    write_classes(tmp_path / "set", (5, 5, 5))
    (tmp_path / "set" / ".cache").mkdir()
    for name in ("deep/down.PNG", "above.JPG"):
        path = tmp_path / "set" / "rose" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), 90, np.uint8)).save(path)
    data = load_dataset(tmp_path / "set", size=4)
    assert data.class_names == KINDS
    assert sum(np.bincount(split.y, minlength=3) for split in data.splits().values()).tolist() == [5, 7, 5]


def test_a_batch_has_pictures_and_classes_in_the_order_that_is_asked_for_resized_as_is_said(tmp_path):
    write_classes(tmp_path)
    train = load_dataset(tmp_path, size=(6, 8), resizing="pad").train
    chosen = np.random.default_rng(0).permutation(len(train))
    x, y = train.batch(chosen)
    np.testing.assert_array_equal(y, train.y[chosen])
    for picture, i in zip(x, chosen, strict=True):
        with Image.open(train.files[i]) as file:
            expected = resize_pictures(np.asarray(file)[None], (6, 8), resizing="pad")[0]
        np.testing.assert_array_equal(picture, expected)


def test_of_two_names_of_a_split_the_first_is_taken(tmp_path):
    for name in ("train", "training", "test"):
        write_classes(tmp_path / name, (3, 3, 3) if name == "train" else (2, 2, 2))
    data = load_dataset(tmp_path)
    assert len(data.train) + len(data.validation) == 9
