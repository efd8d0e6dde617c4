"""Bases from keras.applications: weights from local files, and what is said where there are none."""

import types

import keras
import numpy as np
import pytest

from numpycnn.data import FAMILIES
from numpycnn.keras_io import ModelFileError, application, application_family
from numpycnn.models import with_new_head
from reference_tests.library.command_line import figures, refused

SHAPE = (32, 32, 3)


@pytest.fixture(scope="module")
def mobile():
    """MobileNetV2 with its head, whose weights are none that anybody would draw."""
    model = keras.applications.MobileNetV2(weights=None, input_shape=SHAPE, alpha=1.0)
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.uniform(0, 0.02, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def without_head(model):
    """Up to the last maps."""
    return keras.Model(model.input, model.get_layer("out_relu").output)


@pytest.mark.parametrize(
    ("ending", "top"), [("weights.h5", True), ("weights.h5", False), ("keras", True), ("h5", True)]
)
def test_weights_come_from_a_file_with_the_head_or_without(mobile, tmp_path, ending, top):
    path, model = tmp_path / f"file.{ending}", mobile if top else without_head(mobile)
    model.save_weights(path) if ending == "weights.h5" else model.save(path)
    ours = with_new_head(application("MobileNetV2", weights=path, input_shape=SHAPE), 4)
    x = np.random.default_rng(1).normal(size=(2, *SHAPE)).astype(np.float32)
    maps = without_head(mobile).predict(x, verbose=0)
    np.testing.assert_allclose(ours.activations(x)["out_relu"], maps, rtol=1e-4, atol=1e-4 * np.abs(maps).max())


def test_every_network_is_of_a_family():
    known = {family for families in FAMILIES.values() for family in families}
    networks = [name for name, made in vars(keras.applications).items() if isinstance(made, types.FunctionType)]
    assert len(networks) >= 38
    assert {application_family(name) for name in networks} == known - {"resnet50"}
    assert application_family("none") is None


def test_where_there_is_neither_file_nor_network(monkeypatch):
    def unreachable(*args, **options):
        raise Exception("URL fetch failure on https://storage.googleapis.com: [Errno -2] Name or service not known")

    monkeypatch.setattr(keras.src.applications.mobilenet_v2.file_utils, "get_file", unreachable)
    with pytest.raises(OSError, match=r"its weights are not in Keras's cache and cannot be downloaded.*--weights"):
        application("MobileNetV2", input_shape=SHAPE)
    words = "--data digits --input 32x32x3 --out nowhere"
    refused(f"transfer keras.applications.MobileNetV2 {words}", "cannot be downloaded (URL fetch failure on")


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("MobileNetV9", {}, ValueError, "the network must be one of ConvNeXtBase"),
        ("MobileNetV2", {"weights": "none.h5"}, OSError, "none.h5"),
        ("MobileNetV2", {"weights": "other.keras"}, ModelFileError, "layer 'Conv1' has the weights kernel"),
        ("Xception", {"input_shape": (20, 20, 3), "weights": "other.keras"}, ValueError, "it cannot be built for this"),
        ("Xception", {"input_shape": (20, 20, 3)}, ValueError, "it cannot be built for this input"),
    ],
)
def test_what_cannot_be_a_base(tmp_path, monkeypatch, name, options, error, words):
    monkeypatch.chdir(tmp_path)
    keras.Sequential([keras.Input((9, 9, 3)), keras.layers.Conv2D(3, 3)]).save("other.keras")
    with pytest.raises(error, match=words):
        application(name, **{"input_shape": SHAPE, **options})


def test_the_command_takes_one_as_its_base(mobile, tmp_path):
    """Pixels come in the family's range."""
    mobile.save_weights(tmp_path / "mobile.weights.h5")
    y = np.arange(24) % 3
    x = np.random.default_rng(0).integers(0, 90, (24, 32, 32, 3), np.uint8)
    x[np.arange(24), :, :, y] += 150
    np.savez(tmp_path / "colours.npz", x=x, y=y)
    words = f"keras.applications.MobileNetV2 --weights {tmp_path}/mobile.weights.h5 --data {tmp_path}/colours.npz"
    options = f"--epochs 1 --batch 16 --then-unfreeze block_16 --backend numpy --out {tmp_path}/runs"
    refused(f"transfer {words} {options}", "leaves the size of its input open, (None, None, 3): give --input HxWxC")
    found = figures(f"transfer {words} {options} --input 32x32x3")
    assert list(found["test"]) == ["head only", "fine-tuned"]
    assert '"preprocessing": "tf"' in (tmp_path / "runs" / "head" / "config.json").read_text()
    assert '"preprocessing": "tf"' in (tmp_path / "runs" / "transfer.json").read_text()
