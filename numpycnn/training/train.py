"""Training a model, by whichever backend its description names."""

from typing import Any, NamedTuple

import numpy as np

from numpycnn.data import Dataset, Split
from numpycnn.models import Model
from numpycnn.training import numpy_backend
from numpycnn.training.config import TrainingConfig
from numpycnn.training.devices import is_chief
from numpycnn.training.metrics import confusion_matrix
from numpycnn.training.problem import Logs, Problem
from numpycnn.training.progress import Progress
from numpycnn.training.run_folder import RunFolder

__all__ = ["Trained", "train"]


class Trained(NamedTuple):
    """What came of a run.

    model: the one that was given, with the weights of the best epoch.   history: a dict for each epoch, as in
    metrics.csv.   best_epoch: counted from 1, None where every loss was NaN.   test: loss and metrics of these weights
    on the test set; empty where it is.
    """

    model: Model
    history: list[dict[str, Any]]
    best_epoch: int | None
    test: Logs


def train(
    model: Model,
    data: Dataset,
    config: TrainingConfig,
    *,
    out=None,
    resume: bool = False,
    about: dict[str, Any] | None = None,
    report=None,
    watch=None,
    verbose: int = 0,
) -> Trained:
    """Train a model in place.

    Args:
        model: from the weights that it has, in the dtype of the config's precision.
        data: what it is trained, validated and tested on.
        out: the folder of the run, new or empty; None keeps nothing on disk.
        resume: go on with the run in `out` from its last finished epoch, with the config that it was started with.
        about: what else config.json shall say.
        report: is told of each finished epoch: its number from 1, and its logs.
        watch: is told of each step of the NumPy backend; verbose: Keras's, for the TensorFlow backend.

    Returns: Trained, with the weights of the best epoch in the model.
    Raises: ValueError where model, data and config do not go together, before any work; TrainingError where a run
        cannot go on, or its folder cannot be written or read; ImportError where the backend is not installed.

    >>> from numpycnn.data import load_dataset
    >>> from numpycnn.layers import Dense, Flatten
    >>> from numpycnn.models import Sequential
    >>> from numpycnn.training import Adam
    >>> model = Sequential([Flatten(), Dense(10, activation="softmax")], input_shape=(8, 8, 1))
    >>> train(model, load_dataset("digits"), TrainingConfig(epochs=4, optimizer=Adam(learning_rate=0.01))).best_epoch
    4
    """
    problem, folder = Problem(model, data, config), None
    if config.backend == "tensorflow":
        from numpycnn.training.tensorflow_backend import check_tensorflow

        check_tensorflow(problem, kept=out is not None)
    if out is not None:
        folder = RunFolder(out, model, about, writes=is_chief())
    progress = Progress(config, folder)
    progress.report = report
    if folder is not None and resume:
        folder.resume(progress)
    elif folder is not None:
        folder.start(config, data.class_names)
    if config.backend == "tensorflow":
        from numpycnn.training.tensorflow_backend import fit_tensorflow

        fit_tensorflow(problem, progress, verbose=verbose)
    else:
        numpy_backend.fit_numpy(problem, progress, watch)
    for path, value in progress.best_weights.items():
        problem.logits.variables[path].assign(value)
    test = _test(problem)
    if folder is not None and folder.writes and len(data.test):
        _keep_tested(problem, folder)
    return Trained(model, progress.history, progress.best_epoch, test)


def _keep_tested(problem: Problem, folder: RunFolder) -> None:
    """What the best model makes of the test set: its classes against the true ones, and the boxes of some pictures."""
    data, test = problem.data, problem.data.test
    losses = [head.loss for head in problem.config.heads]
    if losses[0] != "sparse_categorical_crossentropy" or test.y.ndim != 1:
        return
    scores, *others = _outputs(problem, test)
    given = scores.argmax(axis=-1)
    folder.keep_classes(confusion_matrix(test.y, given, scores.shape[-1]), data.class_names)
    if test.targets == ("class", "box"):
        shown = np.arange(min(len(test), 12))
        x, (_, boxes) = test.batch(shown)
        names = [data.class_names[i] if data.class_names else str(i) for i in given[shown]]
        folder.keep_boxes(x, boxes, others[0][shown], names)


def _outputs(problem: Problem, split: Split) -> list[np.ndarray]:
    """What each output gives for every example."""
    if problem.config.backend == "tensorflow":
        from numpycnn.training.tensorflow_backend import predict_tensorflow

        return predict_tensorflow(problem, split)
    return numpy_backend.predict(problem, split)


def _test(problem: Problem) -> Logs:
    if problem.config.backend == "tensorflow":
        from numpycnn.training.tensorflow_backend import evaluate_tensorflow

        return evaluate_tensorflow(problem, problem.data.test, prefix="test_")
    return numpy_backend.evaluate(problem, problem.data.test, prefix="test_")
