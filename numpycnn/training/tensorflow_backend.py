"""Training in TensorFlow: the model built in Keras, its fit on a tf.data pipeline, and what a run keeps of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from numpycnn.data import Split
from numpycnn.keras_io.build import KerasForm, import_keras, keras_form
from numpycnn.models import Model
from numpycnn.ops.arguments import fail
from numpycnn.training.batches import DROPOUT, generator, steps_of
from numpycnn.training.devices import check_devices, mended, strategy_for
from numpycnn.training.numpy_backend import nan_message
from numpycnn.training.objective import is_kernel, top_k_of
from numpycnn.training.pipeline import trained_on, validated_on
from numpycnn.training.problem import Logs, Problem, TrainingError
from numpycnn.training.progress import Progress, Snapshot
from numpycnn.training.run_folder import LOGS

__all__ = ["check_tensorflow", "compiled", "evaluate_tensorflow", "fit_tensorflow", "predict_tensorflow"]

MEAN_LOSS = "mean_loss"
"""What the metric of `_mean_loss` is called behind the name of its output."""


def check_tensorflow(problem: Problem, *, kept: bool) -> None:
    """Whether this machine has what the description asks for, before any work; kept: whether the run has a folder.

    Raises: ImportError for what is not installed; ValueError for a GPU that is not there, or logs without a folder.
    """
    import_keras()
    check_devices(problem.config.devices)
    if problem.config.tensorboard and not kept:
        fail("train", "TensorBoard's logs go into the folder of the run: there must be one")
    if problem.config.tensorboard and find_spec("tensorboard") is None:
        raise ImportError("TensorBoard's logs need tensorboard: pip install numpycnn-reference[tensorboard]")


def fit_tensorflow(problem: Problem, progress: Progress, *, verbose: int = 0) -> None:
    """Train until the description or the monitors say so; the model has the last weights afterwards.

    verbose: 0 nothing, 1 Keras's progress bar, 2 a line for each epoch.
    """
    keras = import_keras()
    config, data = problem.config, problem.data
    strategy = strategy_for(config.devices)
    with settings(problem), mended(strategy):
        with strategy.scope():
            form = compiled(problem)
            if strategy.num_replicas_in_sync > 1:
                _build_metrics(problem, form)
        if progress.resumed:
            restore(form, progress.resumed)
        if progress.rate is not None:
            form.model.optimizer.learning_rate = progress.rate
        if progress.stopped or progress.epoch >= config.epochs:
            return
        callbacks = [_callback(problem, progress, form)]
        if config.tensorboard and progress.folder is not None:
            logs = str(progress.folder.path / LOGS)
            callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
        form.model.fit(
            trained_on(problem, progress.epoch),
            epochs=config.epochs,
            initial_epoch=progress.epoch,
            steps_per_epoch=steps_of(len(data.train), config.batch_size),
            validation_data=validated_on(problem, data.validation) if len(data.validation) else None,
            callbacks=callbacks,
            verbose=verbose,
            shuffle=False,  # the pipeline does
        )
        bring_back(problem, form)


def evaluate_tensorflow(problem: Problem, split: Split, *, prefix: str = "") -> Logs:
    """Loss and metrics of the model in inference; nothing for a split without examples."""
    if not len(split):
        return {}
    import_keras()
    with settings(problem):
        found = compiled(problem).model.evaluate(validated_on(problem, split), return_dict=True, verbose=0)
    return {prefix + name: value for name, value in _logs(problem, found).items()}


def predict_tensorflow(problem: Problem, split: Split) -> list[np.ndarray]:
    """What each output gives for every example of a split, before softmax and sigmoid."""
    import_keras()
    with settings(problem):
        found = compiled(problem).model.predict(validated_on(problem, split), verbose=0)
    return [np.asarray(own) for own in (found if isinstance(found, list) else [found])]


@contextmanager
def settings(problem: Problem) -> Iterator[None]:
    """Keras as a run needs it, and as it was afterwards: floatx, in which learning rates are held, and seeds.

    What was raised while examples were read comes out as it was raised there.
    """
    import keras
    import tensorflow as tf

    before = keras.config.floatx()
    keras.config.set_floatx(problem.config.dtype)
    tf.get_logger().addFilter(_is_news)
    keras.utils.set_random_seed(problem.config.seed % 2**32)
    if problem.config.deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise TrainingError("the device has not enough memory for such a batch: give a smaller one") from error
    except tf.errors.OpError as error:
        if problem.unreadable:
            raise problem.unreadable[0] from error
        raise
    finally:
        keras.config.set_floatx(before)
        tf.get_logger().removeFilter(_is_news)


def _is_news(record) -> bool:
    """That each run compiles functions of its own is meant so, and no reason for TensorFlow's warning."""
    return "retracing" not in record.getMessage()


def compiled(problem: Problem, graph: Model | None = None) -> KerasForm:
    """The model without its softmax in Keras, compiled with loss, optimizer and metrics of the description.

    graph: what is built in its place, of the same weights.
    """
    import keras

    config, objective = problem.config, problem.objective
    form = keras_form(graph or problem.logits, dtype=config.precision)
    for path, variable in form.weights.items():
        if config.l2 and is_kernel(path):
            variable.regularizer = regularizer = keras.regularizers.L2(config.l2)
            setattr(regularizer, "l2", np.asarray(config.l2, config.dtype))  # noqa: B010  Keras would round it to float32
    losses, metrics = [], []
    for head, squashed in zip(config.heads, objective.squashed, strict=True):
        logits = {"from_logits": True} if squashed else {}
        losses.append(_square_root_box if head.loss == "square_root_box" else _keras_loss(head.loss)(**logits))
        metrics.append([_metric(name, head.loss, squashed) for name in head.metrics])
        if len(config.heads) > 1:
            metrics[-1].append(_mean_loss(head.loss, logits))
    form.model.compile(
        optimizer=config.optimizer.to_keras(),
        loss=losses if len(losses) > 1 else losses[0],
        loss_weights=[head.weight for head in config.heads] if len(losses) > 1 else None,
        metrics=metrics if len(losses) > 1 else metrics[0],
        jit_compile=config.jit_compile,
    )
    form.model.optimizer.build(form.model.trainable_variables)
    return form


def _build_metrics(problem: Problem, form: KerasForm) -> None:
    """Build losses and metrics from a plain batch.

    Keras 3.15 would do it from the first batch of the distributed data, which that loses to training, and which it
    cannot read at all where each worker holds but its own part.
    """
    form.model._symbolic_build(data_batch=next(iter(validated_on(problem, problem.data.train))))
    form.model._maybe_symbolic_build = lambda *args, **options: None


def restore(form: KerasForm, snapshot: Snapshot) -> None:
    """Weights and everything the optimizer keeps, as `snapshot_of` found them."""
    for path, variable in form.weights.items():
        variable.assign(snapshot.weights[path])
    for i, variable in enumerate(form.model.optimizer.variables):
        variable.assign(snapshot.optimizer[str(i)])


def snapshot_of(form: KerasForm) -> Snapshot:
    weights = {path: np.asarray(variable).copy() for path, variable in form.weights.items()}
    return Snapshot(weights, {str(i): np.asarray(own).copy() for i, own in enumerate(form.model.optimizer.variables)})


def bring_back(problem: Problem, form: KerasForm) -> None:
    """Put Keras's weights into the model."""
    for path, variable in problem.logits.variables.items():
        variable.assign(np.asarray(form.weights[path]))


def _callback(problem: Problem, progress: Progress, form: KerasForm) -> Any:
    import keras

    generators = _seed_generators(form.model)
    now = {"epoch": progress.epoch}

    class KeepRun(keras.callbacks.Callback):
        """What the run does around Keras's epochs."""

        def on_epoch_begin(self, epoch, logs=None):
            now["epoch"] = epoch
            for i, own in enumerate(generators):
                own.state.assign(generator(problem.config, DROPOUT, epoch, i).integers(0, 2**31, 2))

        def on_train_batch_end(self, batch, logs=None):
            if batch % 20 == 19:
                self._check(logs, batch)

        def on_epoch_end(self, epoch, logs=None):
            self._check(logs)
            found = {**_logs(problem, logs or {}), "learning_rate": _rate(problem, form, progress)}
            bring_back(problem, form)
            if progress.end_epoch(found, snapshot_of(form)):
                form.model.stop_training = True
            if progress.rate is not None:
                form.model.optimizer.learning_rate = progress.rate

        def _check(self, logs, batch=None):
            loss = float((logs or {}).get("loss", 0.0))
            if not np.isfinite(loss):
                raise TrainingError(nan_message(loss, now["epoch"], batch))

    return KeepRun()


def _rate(problem: Problem, form: KerasForm, progress: Progress) -> float:
    """The learning rate of the last step, as the NumPy backend logs it."""
    if progress.rate is not None:
        return progress.rate
    return problem.config.optimizer.rate(int(np.asarray(form.model.optimizer.iterations)) - 1)


def _mean_loss(name: str, options) -> Any:
    """The loss of one of several outputs over all examples: Keras's own figure counts every batch alike."""
    import keras

    function = _square_root_box if name == "square_root_box" else getattr(keras.losses, name)
    return keras.metrics.MeanMetricWrapper(function, name=MEAN_LOSS, **options)


def _logs(problem: Problem, logs) -> Logs:
    """Keras's logs by the names and in the order of the columns."""
    means = {name.replace(MEAN_LOSS, "loss"): value for name, value in logs.items() if name.endswith(MEAN_LOSS)}
    found = {**logs, **means}
    return {name: float(found[name]) for name in problem.columns if name in found}


def _keras_loss(name: str) -> Any:
    import keras

    return getattr(keras.losses, _class_name(name))


def _square_root_box(y, output) -> Any:
    """detection.square_root_box_loss, on tensors; its gradient is 0 where a predicted side is not above 0."""
    import tensorflow as tf

    y = tf.cast(y, output.dtype)
    sides = output[..., 2:]
    roots = tf.where(sides > 0, tf.sqrt(tf.where(sides > 0, sides, 1)), 0)
    steps = tf.concat([output[..., :2] - y[..., :2], roots - tf.sqrt(y[..., 2:])], -1)
    return tf.reduce_sum(steps**2, -1)


def _metric(name: str, loss: str, squashed: str | None) -> Any:
    import keras

    sparse = loss == "sparse_categorical_crossentropy"
    if name == "accuracy":
        return (keras.metrics.SparseCategoricalAccuracy if sparse else keras.metrics.CategoricalAccuracy)(name=name)
    if name == "binary_accuracy":
        return keras.metrics.BinaryAccuracy(name=name, threshold=0.0 if squashed else 0.5)
    if (k := top_k_of(name)) is not None:
        top = keras.metrics.SparseTopKCategoricalAccuracy if sparse else keras.metrics.TopKCategoricalAccuracy
        return top(k, name=name)
    if name == "iou":
        return keras.metrics.MeanMetricWrapper(_iou, name=name)
    return getattr(keras.metrics, _class_name(name))(name=name)


def _iou(y, output) -> Any:
    """Of each box with its own, both as rel_center_xywh; as detection.iou, on tensors."""
    import tensorflow as tf

    y = tf.cast(y, output.dtype)
    halves = [(b[..., :2], tf.abs(b[..., 2:]) / 2) for b in (y, output)]  # any two opposite corners make a box
    (low, high), (low2, high2) = ((middle - half, middle + half) for middle, half in halves)
    both = tf.reduce_prod(tf.maximum(tf.minimum(high, high2) - tf.maximum(low, low2), 0), -1)
    union = tf.reduce_prod(high - low, -1) + tf.reduce_prod(high2 - low2, -1) - both
    return tf.math.divide_no_nan(both, union)


def _seed_generators(model) -> list[Any]:
    """Of every random layer, those of models within too."""
    import keras

    layers = [layer for layer in model._flatten_layers() if hasattr(layer, "seed_generator")]
    return [layer.seed_generator for layer in layers if isinstance(layer, keras.Layer) and layer.seed_generator]


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
