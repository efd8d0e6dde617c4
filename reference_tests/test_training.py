"""Training: runs in NumPy and TensorFlow, what their folder holds, and that they go on exactly where they stopped."""

import csv
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn import load_model, verify
from numpycnn.data import Arrays, Augmentation, Dataset
from numpycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten
from numpycnn.models import Sequential
from numpycnn.training import (
    SGD,
    Best,
    EarlyStopping,
    Head,
    ReduceLROnPlateau,
    TrainingConfig,
    TrainingError,
    optimizer_in_words,
    train,
)
from numpycnn.training.run_folder import RunFolder

ROOT = Path(__file__).parents[1]
SHAPE, CLASSES = (6, 5, 2), 3


def pictures(count: int = 50, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, count)
    x = rng.integers(0, 120, (count, *SHAPE)) + y[:, None, None, None] * 60
    split = Arrays(x.astype(np.uint8), y)
    return Dataset("pictures", ("a", "b", "c"), split.take(range(count - 12)), split.take(range(12)), split)


def network():
    layers = [Conv2D(4, 3), BatchNormalization(momentum=0.9), Dropout(0.2), Flatten()]
    return Sequential([*layers, Dense(CLASSES, activation="softmax")], input_shape=SHAPE)


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def config(**options) -> TrainingConfig:
    options = {"epochs": 4, "batch_size": 8, "augmentation": Augmentation(flip=True), **options}
    return TrainingConfig(**options)


BACKENDS = pytest.mark.parametrize("backend", ["numpy", "tensorflow"])


@BACKENDS
def test_a_run_learns_and_its_folder_holds_everything(tmp_path, backend):
    said = []
    made = config(backend=backend, epochs=8, class_weight="balanced", l2=1e-4)
    trained = train(network(), pictures(), made, out=tmp_path / "run", report=lambda *given: said.append(given))
    assert trained.history[-1]["loss"] < trained.history[0]["loss"] / 1.5
    assert [epoch for epoch, _ in said] == list(range(1, 9))
    table = rows(tmp_path / "run")
    assert [float(row["val_accuracy"]) for row in table] == [row["val_accuracy"] for row in trained.history]
    best = min(table, key=lambda row: float(row["val_loss"]))
    assert trained.best_epoch == int(best["epoch"])
    assert TrainingConfig.from_dict(json.loads((tmp_path / "run" / "config.json").read_text())) == made
    (session,) = json.loads((tmp_path / "run" / "env.json").read_text())
    assert session["seed"] == 0
    assert session["packages"]["numpy"] == np.__version__
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not list((tmp_path / "run").rglob(".unfinished*"))
    kept, x = load_model(tmp_path / "run" / "best.keras"), pictures().test.x[:9] / np.float32(255)
    np.testing.assert_array_equal(kept.predict(x), trained.model.predict(x))
    accuracy = np.mean(kept.predict(pictures().test.x / np.float32(255)).argmax(axis=-1) == pictures().test.y)
    assert trained.test["test_accuracy"] == pytest.approx(accuracy)


def test_the_best_model_passes_verify(tmp_path):
    train(network(), pictures(), config(epochs=2), out=tmp_path)
    assert verify(load_model(tmp_path / "best.keras")).holds


@BACKENDS
def test_a_run_interrupted_after_any_epoch_ends_as_one_that_was_not(tmp_path, backend):
    """Weights, optimizer, history, best model, early stopping and learning rate: the checkpoint holds them all."""
    plateau = ReduceLROnPlateau(monitor="val_loss", patience=1, min_delta=0.05, factor=0.5)
    made = config(
        backend=backend, epochs=5, plateau=plateau, early_stopping=EarlyStopping(patience=4), deterministic=False
    )
    train(network(), pictures(), made, out=tmp_path / "whole")

    def stop(epoch, logs):
        raise KeyboardInterrupt

    for attempt in range(6):
        try:
            train(network(), pictures(), made, out=tmp_path / "parts", resume=attempt > 0, report=stop)
            break
        except KeyboardInterrupt:
            assert len(rows(tmp_path / "parts")) == attempt + 1
    assert attempt == 5
    same_runs(tmp_path / "whole", tmp_path / "parts", exact=backend == "numpy")
    assert len(json.loads((tmp_path / "parts" / "env.json").read_text())) == 6


def same_runs(one: Path, other: Path, *, exact: bool = True) -> None:
    """To the bit in NumPy within a process; elsewhere sums may be made in another order."""
    close = {"rtol": 0, "atol": 0} if exact else {"rtol": 1e-4, "atol": 1e-6}
    with np.load(one / "last" / "checkpoint.npz") as a, np.load(other / "last" / "checkpoint.npz") as b:
        assert a.files == b.files
        for name in a.files if exact else [name for name in a.files if name != "state"]:
            np.testing.assert_allclose(a[name], b[name], **close, err_msg=name)
    for mine, theirs in zip(rows(one), rows(other), strict=True):
        for name, value in mine.items():
            assert float(theirs[name]) == pytest.approx(float(value), rel=1e-4), name
    pairs = zip(load_model(one / "best.keras").weights, load_model(other / "best.keras").weights, strict=True)
    for mine, theirs in pairs:
        np.testing.assert_allclose(mine.value, theirs.value, **close)


SUICIDE = """
import os, random, signal, sys, threading, time
from reference_tests.test_training import config, network, pictures
from numpycnn.training import EarlyStopping, train
out, resume, epochs, seed = sys.argv[1], sys.argv[2] == "resume", int(sys.argv[3]), int(sys.argv[4])
chance, ended = random.Random(seed), [time.monotonic()]
lives = chance.randint(2, 3)
def dies(after):
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGKILL)
def report(epoch, logs):
    ended.append(time.monotonic())
    if len(ended) == lives + 1:
        after = chance.random() * (ended[-1] - ended[-2])
        threading.Thread(target=dies, args=(after,), daemon=True).start()
made = config(epochs=epochs, early_stopping=EarlyStopping(patience=30))
train(network(), pictures(), made, out=out, resume=resume, report=report)
"""
"""A run that kills itself within the time of one epoch after its second or third."""


@pytest.mark.parametrize("epochs", [9, pytest.param(60, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_moment_goes_on(tmp_path, epochs):
    """kill -9 between and within epochs and while files are written, until it ends; then nothing is missing."""
    made = config(epochs=epochs, early_stopping=EarlyStopping(patience=30))
    train(network(), pictures(), made, out=tmp_path / "whole")
    out, kills = tmp_path / "killed", 0
    while True:
        resume = "resume" if (out / "config.json").exists() else "new"
        arguments = [sys.executable, "-c", SUICIDE, str(out), resume, str(epochs), str(kills)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(arguments, capture_output=True, text=True, env=environment)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        if done.returncode == 0:
            break
        kills += 1
        np.load(out / "last" / "checkpoint.npz")["state"]
        load_model(out / "best.keras")
    assert kills >= epochs // 9
    same_runs(tmp_path / "whole", out, exact=False)  # another process: BLAS may add in another order


def test_a_run_killed_while_it_started_can_be_started_again(tmp_path, monkeypatch):
    """There is no config.json yet to resume from, and what lies there is its own."""
    write = RunFolder._write

    def until_the_last(self, name, content):
        if name != "config.json":
            write(self, name, content)

    monkeypatch.setattr(RunFolder, "_write", until_the_last)
    RunFolder(tmp_path, network()).start(config())
    (tmp_path / ".unfinished-1.json").touch()
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".unfinished-1.json", "classes.txt", "env.json", "last"]
    train(network(), pictures(), config(epochs=1), out=tmp_path)
    assert not list(tmp_path.rglob(".unfinished*"))


@pytest.mark.parametrize("limit", [2_000, 9_000])
def test_a_full_disk_ends_the_run_with_one_message_and_keeps_what_was_finished(tmp_path, limit):
    """Files may not grow beyond so many bytes: the first that fails is another one each time."""
    train(network(), pictures(), config(epochs=2), out=tmp_path / "run")
    before = (tmp_path / "run" / "last" / "checkpoint.npz").read_bytes()
    signal_before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(TrainingError, match=r"cannot be written \(File too large\); every epoch finished before"):
            train(network(), pictures(), config(epochs=3), out=tmp_path / "run", resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, signal_before)
    assert (tmp_path / "run" / "last" / "checkpoint.npz").read_bytes() == before
    assert not list((tmp_path / "run").rglob(".unfinished*"))
    assert len(train(network(), pictures(), config(epochs=3), out=tmp_path / "run", resume=True).history) == 3


def test_a_damaged_checkpoint_is_named(tmp_path):
    train(network(), pictures(), config(epochs=1), out=tmp_path)
    place = tmp_path / "last" / "checkpoint.npz"
    for damaged in (place.read_bytes()[:700], b"", b"not a checkpoint"):
        place.write_bytes(damaged)
        with pytest.raises(TrainingError, match=r"checkpoint\.npz is damaged"):
            train(network(), pictures(), config(epochs=2), out=tmp_path, resume=True)


def test_a_checkpoint_of_another_model_is_named(tmp_path):
    train(network(), pictures(), config(epochs=1), out=tmp_path)
    other = Sequential([Flatten(), Dense(CLASSES, activation="softmax")], input_shape=SHAPE)
    with pytest.raises(TrainingError, match="of another model"):
        train(other, pictures(), config(epochs=2), out=tmp_path, resume=True)


@BACKENDS
def test_a_loss_that_is_no_number_ends_the_run(tmp_path, backend):
    made = config(backend=backend, optimizer=SGD(learning_rate=1e38), epochs=3, augmentation=None)
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match=r"the loss became (nan|inf) in epoch 1"):
        train(network(), pictures(), made, out=tmp_path / "run")
    assert not (tmp_path / "run" / "best.keras").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(TrainingError, match="something else in it"):
        train(network(), pictures(), config(), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    train(network(), pictures(), config(epochs=1), out=tmp_path / "run")
    with pytest.raises(TrainingError, match="holds a run already"):
        train(network(), pictures(), config(), out=tmp_path / "run")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: train(network(), pictures(), config(heads=(Head(), Head()))),
            "a head for each of the model's 1 outputs",
        ),
        (lambda: train(network().astype("float64"), pictures(), config()), "of the dtype of the precision float32"),
        (
            lambda: train(two_classes(), pictures(), config()),
            "an output for each of the 3 classes of pictures; got outputs 2",
        ),
        (
            lambda: train(network(), of_shape((6, 4, 2)), config()),
            "the model's input must have the shape of the examples",
        ),
        (lambda: train(network(), empty(), config()), "at least one example to train on"),
        (lambda: train(network(), pictures(), config(class_weight=(1.0, 2.0))), "a weight for each of 3 classes"),
        (
            lambda: train(network(), pictures(), config(best=Best(monitor="vol_loss"))),
            "monitor must be one of loss, accuracy",
        ),
        (lambda: config(backend="jax"), "backend must be one of tensorflow, numpy; got backend 'jax'."),
        (lambda: config(precision="mixed_float16"), "mixed precision is the TensorFlow backend's alone"),
        (lambda: config(jit_compile=True), "jit_compile is the TensorFlow backend's alone"),
        (lambda: Head(loss="crossentropy"), "Head: loss must be one of sparse_categorical_crossentropy"),
        (lambda: EarlyStopping(patience=-1), "EarlyStopping: patience must be at least 0"),
        (lambda: optimizer_in_words("adam,momentum=0.9"), "Adam takes learning_rate"),
        (lambda: optimizer_in_words("adam", schedule="falling"), "the name must be one of exponential"),
        (lambda: optimizer_in_words("adam", schedule="exponential"), "exponential needs decay_rate"),
        (lambda: TrainingConfig.from_json("{}"), "this is no description of a run"),
    ],
)
def test_what_does_not_go_together_is_named_before_any_work(make, message):
    with pytest.raises(ValueError, match=r"^[^:]+: ") as caught:
        make()
    assert message in str(caught.value)


def two_classes():
    return Sequential([Flatten(), Dense(2, activation="softmax")], input_shape=SHAPE)


def of_shape(shape):
    split = Arrays(np.zeros((4, *shape), np.float32), np.zeros(4, int))
    return Dataset("other", ("a", "b", "c"), split, split, split)


def empty():
    split = Arrays(np.zeros((0, *SHAPE), np.float32), np.zeros(0, int))
    return Dataset("empty", ("a", "b", "c"), split, split, split)


values = st.lists(st.sampled_from([0.1, 0.2, 0.25, 0.3, 0.5, 0.52, 1.0]), min_size=1, max_size=14)


def keras_after(callback, optimizer, logs):
    """What a callback of Keras made of the logs: when it stopped, and the learning rate after each epoch."""
    import keras

    class Model:
        stop_training = False
        metrics = ()

    callback.set_model(Model())
    callback.model.optimizer = optimizer
    callback.on_train_begin()
    rates = []
    for epoch, row in enumerate(logs):
        callback.on_epoch_end(epoch, dict(row))
        rates.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
        if callback.model.stop_training:
            break
    return rates


@settings(max_examples=60)
@given(values, st.integers(0, 4), st.sampled_from([0.0, 0.04]), st.integers(0, 3))
def test_early_stopping_is_that_of_keras(values, patience, min_delta, start):
    import keras

    options = {"patience": patience, "min_delta": min_delta, "start_from_epoch": start}
    logs = [{"val_loss": value} for value in values]
    theirs = keras_after(keras.callbacks.EarlyStopping(**options), keras.optimizers.SGD(), logs)
    made = EarlyStopping(**options)
    memory = made.start()
    for epoch, row in enumerate(logs):
        memory, stop = made.after(memory, epoch, row)
        if stop:
            break
    assert epoch + 1 == len(theirs)


@settings(max_examples=60)
@given(values, st.integers(0, 3), st.integers(0, 2), st.sampled_from([0.0, 0.002]))
def test_reducing_the_rate_on_a_plateau_is_that_of_keras(values, patience, cooldown, least):
    import keras

    options = {"patience": patience, "cooldown": cooldown, "min_lr": least, "factor": 0.5}
    logs = [{"val_loss": value} for value in values]
    theirs = keras_after(keras.callbacks.ReduceLROnPlateau(**options), keras.optimizers.SGD(0.01), logs)
    made, rate, mine = ReduceLROnPlateau(**options), 0.01, []
    memory = made.start()
    for row in logs:
        memory, rate = made.after(memory, rate, row)
        mine.append(rate)
    assert mine == pytest.approx(theirs, rel=1e-6)


def test_accuracy_goes_up_and_losses_down():
    assert Best(monitor="val_accuracy").after({"best": 0.5}, 3, {"val_accuracy": 0.6}) == (
        {"best": 0.6, "epoch": 3},
        True,
    )
    assert not Best(monitor="val_loss").after({"best": 0.5}, 3, {"val_loss": 0.6})[1]
    assert not Best().after({"best": None}, 0, {"val_loss": float("nan")})[1]


def test_mixed_precision_and_xla_train():
    """Weights stay float32, and the losses are those of float32 to about the digits of bfloat16."""
    made = config(backend="tensorflow", epochs=2, optimizer=SGD(learning_rate=0.01), augmentation=None)
    whole = train(without_dropout(), pictures(), made).history
    mixed = train(without_dropout(), pictures(), made.with_(precision="mixed_bfloat16")).history
    compiled = train(without_dropout(), pictures(), made.with_(jit_compile=True)).history
    assert mixed[-1]["loss"] == pytest.approx(whole[-1]["loss"], rel=0.05)
    assert mixed[-1]["loss"] != whole[-1]["loss"]
    assert compiled[-1]["loss"] == pytest.approx(whole[-1]["loss"], rel=1e-4)


def without_dropout():
    return Sequential([Conv2D(4, 3), Flatten(), Dense(CLASSES, activation="softmax")], input_shape=SHAPE)


TWO_DEVICES = """
import json
import tensorflow as tf
from numpycnn.training import train
from numpycnn.training.devices import strategy_for
from reference_tests.test_training import distributed, pictures, without_dropout
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
trained = train(without_dropout(), pictures(), distributed("all"))
weights = [w.tolist() for w in trained.model.get_weights()]
replicas = strategy_for("all").num_replicas_in_sync
print(json.dumps({"replicas": replicas, "weights": weights, "history": trained.history}))
"""


def distributed(devices: str) -> TrainingConfig:
    """Batches of 19 on each of two devices, 38 together."""
    optimizer = SGD(learning_rate=0.01, momentum=0.9)
    return config(backend="tensorflow", devices=devices, epochs=3, batch_size=38, optimizer=optimizer)


def run_program(program: str, **environment) -> subprocess.CompletedProcess:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, env=variables
    )


def test_two_devices_train_as_one_with_the_same_global_batch():
    done = run_program(TWO_DEVICES)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["replicas"] == 2
    one = train(without_dropout(), pictures(), distributed("cpu"))
    for mine, theirs in zip(one.model.get_weights(), found["weights"], strict=True):
        np.testing.assert_allclose(theirs, mine, rtol=1e-4, atol=1e-6)
    assert [row["loss"] for row in found["history"]] == pytest.approx([row["loss"] for row in one.history], rel=1e-4)


WORKER = """
import json
from numpycnn.training import train
from reference_tests.test_training import distributed, pictures, without_dropout
trained = train(without_dropout(), pictures(), distributed("cpu"))
print(json.dumps([[w.tolist() for w in trained.model.get_weights()], [row["loss"] for row in trained.history]]))
"""


@pytest.mark.slow
def test_two_workers_train_as_one_with_the_same_global_batch():
    """Two processes on loopback, through TF_CONFIG."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    places = [f"127.0.0.1:{own.getsockname()[1]}" for own in sockets]
    for own in sockets:
        own.close()
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    workers = []
    for index in range(2):
        cluster = json.dumps({"cluster": {"worker": places}, "task": {"type": "worker", "index": index}})
        arguments = [sys.executable, "-c", WORKER]
        environment = {**variables, "TF_CONFIG": cluster}
        workers.append(subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment))
    printed = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    one = train(without_dropout(), pictures(), distributed("cpu"))
    for lines in printed:
        weights, losses = json.loads(lines.splitlines()[-1])
        for mine, theirs in zip(one.model.get_weights(), weights, strict=True):
            np.testing.assert_allclose(theirs, mine, rtol=1e-4, atol=1e-6)
        assert losses == pytest.approx([row["loss"] for row in one.history], rel=1e-4)
