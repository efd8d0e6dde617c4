"""A class and a box learnt together: the data, what the command makes of outputs that are named, both backends."""

import csv
import json

import numpy as np
import pytest

from numpycnn import load_model
from numpycnn.data import Arrays, Augmentation, Dataset, Located, digit_scenes, load_dataset
from numpycnn.detection import iou
from numpycnn.layers import Dense, Flatten, Input
from numpycnn.models import Model
from numpycnn.training import Head, TrainingConfig, heads_in_words, train
from numpycnn.training.problem import Problem
from numpycnn.training.tensorflow_backend import evaluate_tensorflow
from reference_tests.library.command_line import figures, refused, succeeds

OUTPUTS, TARGETS = ["kind", "place"], ["class", "box"]


def located(count=40, seed=0) -> Dataset:
    rng = np.random.default_rng(seed)
    boxes = rng.uniform(0.2, 0.6, (count, 4)).astype(np.float32)
    split = Located(Arrays(rng.random((count, 5, 6, 1)).astype(np.float32), rng.integers(0, 3, count)), boxes)
    return Dataset("located", ("a", "b", "c"), split, split.take(range(9)), split.take(range(9, 22)))


def network(box=4) -> Model:
    x = Input((5, 6, 1))
    maps = Flatten()(x)
    return Model(x, [Dense(3, activation="softmax", name="kind")(maps), Dense(box, name="place")(maps)])


def test_a_scene_has_its_digit_within_its_box():
    seen, unseen = (digit_scenes(30, size=(40, 48), channels=3, seen=seen) for seen in (True, False))
    x, (y, boxes) = seen.batch(range(30))
    assert x.shape == (30, 40, 48, 3)
    assert seen.targets == ("class", "box")
    np.testing.assert_array_equal(y, seen.y)
    for picture, (cx, cy, w, h) in zip(x[..., 1], boxes * [48, 40, 48, 40], strict=True):
        outside = picture.copy()
        outside[round(cy - h / 2) : round(cy + h / 2), round(cx - w / 2) : round(cx + w / 2)] = 0
        assert outside.max() < 0.4 < picture.max()  # what is left is noise of deviation 0.05
    taken = seen.take([7, 3])
    np.testing.assert_array_equal(taken.batch([1])[1][1], boxes[[3]])
    assert taken.y.tolist() == y[[7, 3]].tolist()
    assert not np.array_equal(unseen.boxes, seen.boxes)


def test_the_data_set_keeps_writers_apart_and_obeys_its_options():
    data = load_dataset("scenes", size=(24, 30), channels=3)
    assert data.shape == (24, 30, 3)
    assert [len(split) for split in data.splits().values()] == [5400, 600, 600]
    expected = digit_scenes(600, size=(24, 30), seen=False, seed=1)  # one channel stands for three
    np.testing.assert_array_equal(data.test.batch([5, 2])[0][..., 1:2], expected.batch([5, 2])[0])
    refused("data scenes --data-folder nowhere", "folder goes with the name of a published data set")


def test_heads_are_said_in_order_or_by_name():
    assert heads_in_words(OUTPUTS, TARGETS) == (Head(), Head(loss="mean_squared_error", metrics=("iou",)))
    named = heads_in_words(
        OUTPUTS, TARGETS, losses=["place=square_root_box"], weights=["place=0.2"], metrics=["kind=top_2_accuracy"]
    )
    rooted = Head(loss="square_root_box", weight=0.2, metrics=("iou",))
    assert named == (Head(metrics=("accuracy", "top_2_accuracy")), rooted)
    in_order = ["sparse_categorical_crossentropy", "square_root_box"]
    ordered = heads_in_words(OUTPUTS, TARGETS, losses=in_order, weights=["1", "0.2"], metrics=["kind=top_2_accuracy"])
    assert ordered == named
    both = heads_in_words(OUTPUTS, TARGETS, metrics=["mean_absolute_error"])
    assert [head.metrics[-1] for head in both] == ["mean_absolute_error"] * 2
    assert heads_in_words(["p"], losses=["binary_crossentropy"])[0].metrics == ("binary_accuracy",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"losses": ["huber"]}, r"loss must be given for each of the outputs kind, place, or as kind=\.\.\."),
        ({"losses": ["huber", "place=huber"]}, "loss must name its output each time or never"),
        ({"weights": ["place=1", "place=2"]}, "loss-weight must be said once of an output"),
        ({"weights": ["box=1"]}, "the model's outputs are kind, place; got word 'box=1'"),
        ({"metrics": ["box=iou"]}, "the model's outputs are kind, place; got word 'box=iou'"),
        ({"weights": ["place=much"]}, "loss-weight must be a number"),
        ({"metrics": ["place=io"]}, "metrics must be of accuracy"),
    ],
)
def test_words_that_fit_no_output_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        heads_in_words(OUTPUTS, TARGETS, **given)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (network(box=5), {}, "needs an output of 4 numbers, which place is not; got outputs 5"),
        (network(), {"augmentation": Augmentation(flip=True)}, "augmentation must leave pixels where they are"),
    ],
)
def test_what_boxes_do_not_go_with_is_refused(model, options, message):
    with pytest.raises(ValueError, match=message):
        Problem(model, located(), TrainingConfig(heads=heads_in_words(OUTPUTS, TARGETS), **options))


def test_each_output_needs_a_target():
    data = located()
    one = Dataset("one", data.class_names, data.train.split, data.validation.split, data.test.split)
    with pytest.raises(ValueError, match="an output for what one says of each example: class; got outputs"):
        Problem(network(), one, TrainingConfig(heads=heads_in_words(OUTPUTS)))
    x = Input((5, 6, 1))
    alone = Model(x, Dense(3)(Flatten()(x)))
    with pytest.raises(ValueError, match="what located says of each example: class and box; got outputs"):
        Problem(alone, data, TrainingConfig())


@pytest.mark.parametrize("loss", ["mean_squared_error", "square_root_box"])
def test_both_backends_measure_the_same_of_any_box(loss):
    """Also of sides below 0, which networks give in the beginning."""
    model, data = network(), located()
    kernel = np.random.default_rng(2).normal(size=(30, 4))
    model.variables["place/kernel"].assign((kernel - kernel.mean(axis=0)).astype(np.float32))
    found = model.predict(data.test.batch(range(13))[0])[1]
    assert (found[:, 2:] < 0).any(axis=0).all()
    config = TrainingConfig(heads=heads_in_words(OUTPUTS, TARGETS, losses=[f"place={loss}"]), epochs=1, batch_size=5)
    trained = train(model, data, config)
    problem = Problem(model, data, config.with_(backend="tensorflow"))
    theirs = evaluate_tensorflow(problem, data.test, prefix="test_")
    assert list(theirs) == list(trained.test)
    np.testing.assert_allclose(list(theirs.values()), list(trained.test.values()), rtol=1e-5)
    found = model.predict(data.test.batch(range(13))[0])[1]
    expected = iou(data.test.boxes, found, format="rel_center_xywh", pairwise=False).mean()
    np.testing.assert_allclose(trained.test["test_place_iou"], expected, rtol=1e-5)


@pytest.fixture
def small(tmp_path):
    """A command that trains a small localizer for a moment."""
    (tmp_path / "net.py").write_text(
        "from numpycnn.layers import AveragePooling2D, Flatten, Input\n"
        "from numpycnn.models import Model\n"
        "from numpycnn.models.localization import localization_heads\n"
        "def net(classes=10):\n"
        "    x = Input((24, 24, 1))\n"
        "    return Model(x, localization_heads(Flatten()(AveragePooling2D(3)(x)), classes))\n"
    )
    return f"train {tmp_path}/net.py:net --data scenes --size 24 --epochs 2 --batch 200 --loss-weight box_output=0.5"


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_the_command_trains_keeps_resumes_and_shows_boxes(small, tmp_path, backend):
    out = tmp_path / "run"
    printed = succeeds(f"{small} --backend {backend} --metric class_output=top_3_accuracy --out {out}")
    assert "boxes.png" in printed
    assert "test_box_output_iou" in printed
    with open(out / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        both = float(row["class_output_loss"]) + 0.5 * float(row["box_output_loss"])
        np.testing.assert_allclose(float(row["loss"]), both, rtol=1e-5)
    assert {"val_class_output_top_3_accuracy", "val_box_output_iou"} <= rows[0].keys()
    assert {path.name for path in out.iterdir()} >= {"boxes.png", "confusion.png", "per_class.csv", "curves.png"}
    resumed = succeeds(f"train --resume --out {out}").splitlines()[0]
    assert resumed == printed.splitlines()[2]  # nothing is left to train, and the test set says the same
    x = load_dataset("scenes", size=24).test.batch([4])[0]
    np.save(tmp_path / "x.npy", x)
    classes, box = figures(f"predict {out}/best.keras {tmp_path}/x.npy --top 1")["inputs"]
    scores, values = load_model(out / "best.keras").predict(x)
    assert (classes["output"], classes["top"][0]["class"]) == ("class_output", int(scores.argmax()))
    assert box["output"] == "box_output"
    np.testing.assert_allclose(box["values"], values[0], rtol=1e-6)
    assert "box_output" in succeeds(f"predict {out}/best.keras {tmp_path}/x.npy")
    refused(f"predict {out}/best.keras {tmp_path}/x.npy --out {tmp_path}/y.npy", "--out writes the one output")


def test_the_command_refuses_what_does_not_go_with_boxes(small, tmp_path):
    refused(f"{small} --out {tmp_path}/run --augment flip", "augmentation must leave pixels where they are")
    refused(f"{small} --out {tmp_path}/run --metric box=iou", "the model's outputs are class_output, box_output")
    refused(f"{small} --out {tmp_path}/run --resizing pad", "--resizing goes with --size, or with files of pictures")
    assert json.loads(succeeds(f"{small} --dry-run --json"))["config"]["heads"][1]["metrics"] == ["iou"]
