"""The command `numpycnn predict`."""

import json

import numpy as np
import pytest
from keras.applications.imagenet_utils import preprocess_input
from PIL import Image

from numpycnn import layers, models
from numpycnn.data import load_images, preprocess
from reference_tests.library.command_line import refused, succeeds

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    """A model file, a picture, an array of two examples and a list of classes."""
    model = models.Sequential(
        [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")], input_shape=(8, 7, 3)
    )
    model.save(tmp_path / "m.keras")
    Image.fromarray(RNG.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / "p.png")
    np.save(tmp_path / "x.npy", RNG.normal(size=(2, 8, 7, 3)).astype(np.float32))
    (tmp_path / "labels.txt").write_text("cat\ndog\nbird\n")
    return tmp_path, model


def test_pictures_and_arrays(folder):
    path, model = folder
    command = f"predict {path}/m.keras {path}/p.png {path}/x.npy --top 2 --labels {path}/labels.txt"
    found = json.loads(succeeds(f"{command} --preprocessing tf --out {path}/y.npy --json"))
    x = np.concatenate([preprocess(load_images(path / "p.png", size=(8, 7)), "tf"), np.load(path / "x.npy")])
    y = model.predict(x)
    np.testing.assert_array_equal(np.load(path / "y.npy"), y)
    assert [row["input"] for row in found["inputs"]] == [f"{path}/p.png", f"{path}/x.npy[0]", f"{path}/x.npy[1]"]
    for row, scores in zip(found["inputs"], y, strict=True):
        order = np.argsort(-scores)[:2]
        assert [one["class"] for one in row["top"]] == list(order)
        assert [one["label"] for one in row["top"]] == [("cat", "dog", "bird")[i] for i in order]
        np.testing.assert_allclose([one["score"] for one in row["top"]], scores[order])
    lines = succeeds(command).splitlines()
    assert lines[0].split() == ["input", "rank", "class", "score", "label"]
    assert len(lines) == 1 + 3 * 2


def test_outputs_that_are_no_classes(folder):
    path, _ = folder
    models.Sequential([layers.Conv2D(4, 3)], input_shape=(None, None, 3)).save(path / "open.keras")
    found = json.loads(succeeds(f"predict {path}/open.keras {path}/p.png --input 9x11x3 --json"))
    assert found["inputs"][0]["shape"] == [7, 9, 4]
    assert "7x9x4" in succeeds(f"predict {path}/open.keras {path}/p.png --input 9x11x3")
    refused(f"predict {path}/open.keras {path}/p.png", "leaves the size of its input open")


def test_what_is_refused(folder):
    path, _ = folder
    refused(f"predict {path}/none.keras {path}/p.png", "there is no file")
    refused(f"predict {path}/m.keras {path}/none.png", "there is no file")
    refused(f"predict {path}/m.keras {path}/labels.txt", "is in no picture format that Pillow knows")
    refused(f"predict {path}/m.keras {path}/p.png --preprocessing resnet", "preprocess: mode must be one of unit, raw")
    (path / "labels.txt").write_text("cat\n")
    refused(
        f"predict {path}/m.keras {path}/p.png --labels {path}/labels.txt", "must name each of 3 classes; it names 1"
    )
    np.save(path / "x.npy", np.zeros((2, 9, 7, 3)))
    refused(f"predict {path}/m.keras {path}/x.npy", "the input must have shape (batch, 8, 7, 3); got (2, 9, 7, 3)")
    np.save(path / "x.npy", np.array([{}], object))
    refused(f"predict {path}/m.keras {path}/x.npy", "allow_pickle=False")


@pytest.mark.parametrize("mode", ["tf", "torch", "caffe"])
def test_preprocessing_is_keras_s(mode):
    pixels = RNG.integers(0, 256, (2, 5, 4, 3)).astype(np.float32)
    expected = preprocess_input(pixels.copy(), mode=mode)
    np.testing.assert_allclose(preprocess(pixels / 255, mode), expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(preprocess(pixels / 255, "raw"), pixels, rtol=1e-6)
