"""The names of ImageNet's classes: predictions read with them as Keras does, and where commands find names."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from numpycnn import layers, models
from numpycnn.data import decode_predictions, read_class_index
from reference_tests.library.command_line import figures, refused, succeeds

CLASSES = {str(i): [f"n{10_000_000 + 7 * i:08}", f"thing_{i}"] for i in range(1000)}


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A file of Keras's form, where Keras would have put it."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    path = tmp_path / "home" / "models" / "imagenet_class_index.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(CLASSES))
    return path


def classifier(classes, folder):
    model = models.Sequential(
        [layers.GlobalAveragePooling2D(), layers.Dense(classes, "softmax")], input_shape=(6, 9, 3)
    )
    model.save(folder / "best.keras")
    Image.fromarray(np.random.default_rng(2).integers(0, 256, (9, 14, 3), np.uint8)).save(folder / "p.png")
    return model


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_predictions_are_read_as_keras_reads_them(index, monkeypatch, dtype):
    monkeypatch.setattr("keras.src.applications.imagenet_utils.CLASS_INDEX", CLASSES)
    scores = np.random.default_rng(1).permuted(np.tile(np.arange(1000) / 2000, (3, 1)), axis=1).astype(dtype)
    for top in (1, 5, 7):
        assert decode_predictions(scores, top) == keras.applications.imagenet_utils.decode_predictions(scores, top)
    assert decode_predictions(scores) == decode_predictions(scores, top=5, class_index=index)


def test_of_equal_scores_the_lower_class_comes_first_and_top_may_be_all(index):
    scores = np.zeros((1, 1000))
    scores[0, [17, 400]] = 0.5
    found = decode_predictions(scores, 2000)[0]
    assert len(found) == 1000
    assert [name for _, name, _ in found[:4]] == ["thing_17", "thing_400", "thing_0", "thing_1"]


def test_names_that_are_not_here_are_never_fetched(index, tmp_path):
    index.unlink()
    with pytest.raises(FileNotFoundError, match=f"not in {index}.*give such a file, or one of your own.*--labels"):
        decode_predictions(np.zeros((1, 1000)))
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"0": ["a", "cat"], "1": ["b", "dog"]}))
    assert decode_predictions([[0.25, 0.75]], 1, class_index=own) == [[("b", "dog", 0.75)]]
    with pytest.raises(ValueError, match=r"a score for each of 2 classes; got preds \(1, 3\)"):
        decode_predictions(np.zeros((1, 3)), class_index=own)
    with pytest.raises(ValueError, match=r"must have the axes \(batch, classes\)"):
        decode_predictions(np.zeros(2), class_index=own)


@pytest.mark.parametrize(
    "text", ["{", "[]x", '["a", "b"]', '{"0": ["a"]}', '{"1": ["a", "b"]}', '{"0": [1, "b"]}', '"ab"', "3", '{"0": 3}']
)
def test_files_of_another_form_are_refused(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ValueError, match=r"read_class_index: .*c.json (is no list of classes|must hold two strings)"):
        read_class_index(tmp_path / "c.json")


def test_commands_name_imagenet_s_classes_where_their_names_are(index, tmp_path):
    classifier(1000, tmp_path)
    found = figures(f"predict {tmp_path}/best.keras {tmp_path}/p.png --top 3")
    assert found["labels_from"] == str(index)
    assert [one["label"] for one in found["inputs"][0]["top"]] == [
        f"thing_{one['class']}" for one in found["inputs"][0]["top"]
    ]
    assert succeeds(f"predict {tmp_path}/best.keras {tmp_path}/p.png").endswith(f"labels from {index}\n")
    succeeds(f"report {tmp_path}/best.keras --image {tmp_path}/p.png -o {tmp_path}/a.html")
    assert "thing_" in (tmp_path / "a.html").read_text()
    classifier(10, tmp_path)
    command = f"predict {tmp_path}/best.keras {tmp_path}/p.png"
    assert figures(command)["labels_from"] is None
    refused(f"{command} --labels {index}", "must name each of 10 classes; it names 1000")
    index.unlink()
    classifier(1000, tmp_path)
    assert figures(command)["labels_from"] is None


def test_a_model_of_a_run_has_the_classes_and_the_pixels_of_the_run(tmp_path):
    classifier(3, tmp_path)
    command = f"predict {tmp_path}/best.keras {tmp_path}/p.png"
    as_tf = figures(f"{command} --preprocessing tf")
    (tmp_path / "classes.txt").write_text("owl\nbee\ncat\n")
    (tmp_path / "config.json").write_text(json.dumps({"preprocessing": "tf"}))
    found = figures(command)
    assert found["preprocessing"] == "tf"
    assert {one["class"]: one["label"] for one in found["inputs"][0]["top"]} == {0: "owl", 1: "bee", 2: "cat"}
    assert [one["score"] for one in found["inputs"][0]["top"]] == [one["score"] for one in as_tf["inputs"][0]["top"]]
    assert figures(f"{command} --preprocessing raw")["inputs"] != found["inputs"]
    (tmp_path / "l.txt").write_text("a\nb\nc\n")
    assert figures(f"{command} --labels {tmp_path}/l.txt")["inputs"][0]["top"][0]["label"] in {"a", "b", "c"}
