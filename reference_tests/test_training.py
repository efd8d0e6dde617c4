"""Training: runs in NumPy and TensorFlow, what their folder holds, and that they go on exactly where they stopped."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from numpycnn import load_model, verify
from numpycnn.data import Arrays
from numpycnn.layers import Dense, Flatten
from numpycnn.models import Sequential
from numpycnn.training import (
    SGD,
    EarlyStopping,
    ReduceLROnPlateau,
    TrainingConfig,
    TrainingError,
    train,
)
from numpycnn.training.batches import batches
from numpycnn.training.run_folder import RunFolder
from reference_tests.small_training import BACKENDS, CLASSES, SHAPE, config, network, pictures, rows

ROOT = Path(__file__).parents[1]


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


def test_every_epoch_has_an_order_of_its_own_that_the_seed_alone_decides():
    split = Arrays(np.zeros((38, *SHAPE), np.uint8), np.arange(38))

    def order(epoch, seed=0):
        return [int(y) for _, (ys,) in batches(split, config(seed=seed), epoch) for y in ys]

    orders = [order(0), order(1), order(2), order(0, seed=1)]
    assert all(sorted(one) == list(range(38)) for one in orders)
    assert len({tuple(one) for one in orders}) == 4
    assert order(1) == orders[1]
    assert order(None) == list(range(38))


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
from reference_tests.small_training import config, network, pictures
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
