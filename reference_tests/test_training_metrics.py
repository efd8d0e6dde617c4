"""Figures of classes, against scikit-learn and Keras, and what a finished run says of them."""

import csv

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from numpycnn import plots
from numpycnn.training import METRICS, confusion_matrix, metric, per_class, top_k_accuracy, train
from reference_tests.small_training import BACKENDS, config, network, pictures


@given(st.integers(1, 9), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_precision_recall_and_f1_are_scikit_learns(classes, count, seed):
    rng = np.random.default_rng(seed)
    y, found = rng.integers(0, classes, count), rng.integers(0, rng.integers(1, classes + 1), count)
    matrix = confusion_matrix(y, found, classes)
    if count:
        labels = np.arange(classes)
        np.testing.assert_array_equal(matrix, sklearn.metrics.confusion_matrix(y, found, labels=labels))
        expected = sklearn.metrics.precision_recall_fscore_support(y, found, labels=labels, zero_division=np.nan)
        for mine, theirs in zip(per_class(matrix), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-15)
    else:
        assert np.isnan(per_class(matrix).f1).all()


@given(st.integers(2, 9), st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_top_k_accuracy_is_scikit_learns_where_no_scores_are_equal(classes, count, k, seed):
    rng = np.random.default_rng(seed)
    y, scores = rng.integers(0, classes, count), rng.permuted(np.tile(np.arange(classes) / 8, (count, 1)), axis=1)
    if k < classes and classes > 2:  # it takes two columns of scores for something else, and warns of k >= classes
        expected = sklearn.metrics.top_k_accuracy_score(y, scores, k=k, labels=np.arange(classes))
        assert top_k_accuracy(y, scores, k) == pytest.approx(expected, abs=1e-12)
    elif k >= classes:
        assert top_k_accuracy(y, scores, k) == 1
    else:
        assert top_k_accuracy(y, scores, k) == pytest.approx(np.mean(scores.argmax(-1) == y), abs=1e-12)


@settings(max_examples=15)
@given(st.integers(2, 7), st.integers(1, 20), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_top_k_accuracy_is_keras_with_ties_and_what_is_no_number(classes, count, k, seed):
    import keras

    rng = np.random.default_rng(seed)
    y, scores = rng.integers(0, classes, count), rng.integers(-1, 3, (count, classes)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.03] = np.nan
    scores[rng.random(scores.shape) < 0.03] = np.inf
    sparse = keras.metrics.SparseTopKCategoricalAccuracy(k)
    sparse.update_state(y, scores)
    assert top_k_accuracy(y, scores, k) == pytest.approx(float(sparse.result()), abs=1e-6)
    one_hot = np.eye(classes, dtype=np.float32)[y]
    for classes_of in (y, y[:, None], one_hot):
        assert metric(f"top_{k}_accuracy")(classes_of, scores).mean() == pytest.approx(top_k_accuracy(y, scores, k))


@BACKENDS
@pytest.mark.parametrize("one_hot", [False, True])
def test_a_run_reports_top_k(backend, one_hot):
    """In training and validation, the same from both backends as from the scores afterwards."""
    from numpycnn.data import Arrays, Dataset
    from numpycnn.training import Head

    data, loss = pictures(), "sparse_categorical_crossentropy"
    if one_hot:
        loss = "categorical_crossentropy"
        splits = {name: Arrays(own.x, np.eye(3, dtype=np.float32)[own.y]) for name, own in data.splits().items()}
        data = Dataset("pictures", data.class_names, **splits)
    made = config(backend=backend, epochs=1, heads=(Head(loss=loss, metrics=("accuracy", "top_2_accuracy")),))
    trained = train(network(), data, made)
    scores = trained.model.predict(data.test.x / np.float32(255))
    expected = top_k_accuracy(pictures().test.y, scores, k=2)
    assert trained.test["test_top_2_accuracy"] == pytest.approx(expected, abs=1e-6)
    assert expected > trained.test["test_accuracy"]


@BACKENDS
def test_a_finished_run_keeps_figures_of_every_class(tmp_path, backend):
    trained = train(network(), pictures(), config(backend=backend, epochs=2), out=tmp_path)
    found = trained.model.predict(pictures().test.x / np.float32(255)).argmax(axis=-1)
    expected = sklearn.metrics.precision_recall_fscore_support(pictures().test.y, found, zero_division=np.nan)
    with open(tmp_path / "per_class.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["class"], row["name"]) for row in rows] == [("0", "a"), ("1", "b"), ("2", "c")]
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose([float(row[name] or "nan") for row in rows], values, err_msg=name)
    with Image.open(tmp_path / "confusion.png") as picture:
        assert picture.format == "PNG"


def test_the_picture_of_a_confusion_matrix():
    matrix = np.array([[3, 1, 0], [0, 0, 0], [5, 0, 5]])
    (axis,) = plots.confusion(matrix, ["$a", "b", "c"]).axes
    np.testing.assert_array_equal(axis.images[0].get_array(), [[0.75, 0.25, 0], [0, 0, 0], [0.5, 0, 0.5]])
    assert {text.get_position(): text.get_text() for text in axis.texts} == {
        (0, 0): "3",
        (1, 0): "1",
        (0, 2): "5",
        (2, 2): "5",
    }
    assert [label.get_text() for label in axis.get_yticklabels()] == ["$a", "b", "c"]
    assert not plots.confusion(np.eye(200, dtype=int)).axes[0].texts


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: per_class(np.zeros((2, 3), int)), r"^per_class: matrix must have the axes \(classes, classes\)"),
        (lambda: per_class([[0.5]]), "^per_class: matrix must hold counts"),
        (lambda: top_k_accuracy([3], [[0.1, 0.2]]), r"^top_k_accuracy: y must hold class numbers in \[0, 2\)"),
        (lambda: top_k_accuracy([1, 1], [[0.1, 0.2]]), "^top_k_accuracy: y must have"),
        (lambda: top_k_accuracy([1], [[0.1, 0.2]], k=0), "^top_k_accuracy: k must be"),
        (lambda: top_k_accuracy([1.5], [[0.1, 0.2]]), "^top_k_accuracy: y must hold class numbers, integers"),
        (lambda: plots.confusion([[1, 2]]), r"^confusion: matrix must have the axes \(classes, classes\)"),
        (lambda: plots.confusion([[1]], ["a", "b"]), "^confusion: class_names must name each of 1 classes; got 2"),
        (lambda: metric("top_0_accuracy"), f"^metric: metrics must be of {', '.join(METRICS)}, top_5"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
