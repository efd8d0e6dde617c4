"""`numpycnn transfer`: both phases, the comparison and its picture, and transfers that were interrupted."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from numpycnn.keras_io import load_model
from numpycnn.training import Adam, Transfer
from reference_tests.library.command_line import ROOT, figures, refused, run, succeeds
from reference_tests.small_training import config, network, pictures, rows
from reference_tests.test_training import same_runs
from reference_tests.test_transfer import base

RUNS = ("head", "fine_tuned", "head_only", "from_scratch", "from_scratch_slower")


@pytest.fixture
def small(tmp_path):
    """The words of a small transfer."""
    base().save(tmp_path / "base.keras")
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = rng.integers(0, 60, (60, 9, 8, 3), np.uint8)
    x[np.arange(60), :, :, y] += 150
    np.savez(tmp_path / "colours.npz", x=x, y=y)
    options = "--then-unfreeze block2 --epochs 3 --fine-epochs 2 --learning-rate 0.05 --batch 8 --backend numpy"
    return f"transfer {tmp_path}/base.keras --data {tmp_path}/colours.npz {options}"


def test_it_trains_both_phases_and_draws_the_comparison(small, tmp_path):
    out = tmp_path / "runs"
    found = figures(f"{small} --compare --out {out}")
    assert list(found["test"]) == ["from scratch", "head only", "fine-tuned"]
    assert found["test"]["fine-tuned"]["test_accuracy"] > 0.9
    kept = json.loads((out / "comparison.json").read_text())
    for way, own in kept.items():
        assert own["test"] == found["test"][way]
        assert [row["epoch"] for row in own["epochs"]] == [1, 2, 3, 4, 5]
        assert [row["learning_rate"] for row in own["epochs"]] == pytest.approx([0.05] * 3 + [0.005] * 2)
    assert kept["head only"]["epochs"][:3] == kept["fine-tuned"]["epochs"][:3]
    weights = {name: load_model(out / name / "best.keras").get_weights() for name in RUNS}
    frozen = [np.array_equal(*pair) for pair in zip(weights["head"][:-2], base().get_weights()[:-2], strict=True)]
    assert frozen == [True] * 12, "the first phase leaves the base as it was, statistics too"
    untouched = [np.array_equal(*pair) for pair in zip(weights["head"], weights["head_only"], strict=True)]
    tuned = [np.array_equal(*pair) for pair in zip(weights["head"], weights["fine_tuned"], strict=True)]
    assert untouched == [True] * 12 + [False] * 2
    assert tuned == [True] * 8 + [False] * 6, "block2 is a batch normalization; its statistics move with it"
    assert not any(np.array_equal(*pair) for pair in zip(weights["head"], weights["from_scratch_slower"], strict=True))
    with Image.open(out / "comparison.png") as drawn:
        pixels = np.asarray(drawn.convert("RGB")).reshape(-1, 3)
    for colour in ((31, 119, 180), (255, 127, 14), (44, 160, 44)):
        assert (pixels == colour).all(axis=1).sum() > 50, "three lines"


def test_without_compare_two_runs_and_no_picture(small, tmp_path):
    out = tmp_path / "runs"
    found = figures(f"{small} --fine-learning-rate 0.02 --out {out}")
    assert list(found["test"]) == ["head only", "fine-tuned"]
    rates = [[float(row["learning_rate"]) for row in rows(out / phase)] for phase in ("head", "fine_tuned")]
    assert rates == [pytest.approx([0.05] * 3), pytest.approx([0.02] * 2)]
    assert {path.name for path in out.iterdir()} == {"base.keras", "transfer.json", "head", "fine_tuned"}


def test_it_goes_on_from_its_folder_alone(small, tmp_path):
    whole = figures(f"{small} --compare --out {tmp_path}/whole")
    succeeds(f"{small} --compare --out {tmp_path}/parts")
    (tmp_path / "base.keras").unlink()
    for lost in ("from_scratch_slower", "head_only", "fine_tuned"):
        for file in (tmp_path / "parts" / lost).rglob("*"):
            file.unlink() if file.is_file() else None
    found = figures(f"transfer --resume --out {tmp_path}/parts")
    assert found["test"] == whole["test"]
    for name in RUNS:
        same_runs(tmp_path / "whole" / name, tmp_path / "parts" / name)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--then-unfreeze block9", "start must be an index, a layer, a block of layers, head or all"),
        ("--data none", "'none' is no data set"),
        ("--weights none.h5", "none.h5"),
        ("--learning-rate -1", "learning_rate"),
        ("--resume", "holds no transfer to go on with: there is no transfer.json"),
    ],
)
def test_it_names_what_it_cannot_use(small, tmp_path, words, message):
    refused(f"{small} --out {tmp_path}/runs {words}", message)
    assert not (tmp_path / "runs").exists()


def test_a_folder_holds_one_transfer(small, tmp_path):
    refused(small, "where the runs are kept must be said: --out DIR")
    refused(f"transfer --out {tmp_path}/runs", "what to transfer and to what must be said")
    succeeds(f"{small} --out {tmp_path}/runs")
    refused(f"{small} --out {tmp_path}/runs", "holds a transfer already: go on with it (--resume)")
    refused(f"transfer --resume --out {tmp_path}/runs --seed 4", "seed was 0, now 4")
    (tmp_path / "runs" / "head" / "best.keras").write_bytes(b"lost")
    refused(f"transfer --resume --out {tmp_path}/runs", "best.keras cannot be read, which the next run starts from")
    (tmp_path / "runs" / "transfer.json").write_text("[]")
    refused(f"transfer --resume --out {tmp_path}/runs", "was not written by this numpycnn transfer")


def test_ctrl_c_says_how_to_go_on(small, tmp_path, monkeypatch):
    monkeypatch.setattr(Transfer, "train", lambda *args, **options: stop())
    result = run(f"{small} --out {tmp_path}/runs")
    assert result.exit_code == 130
    assert result.stderr == f"\nnumpycnn: stopped. To go on: numpycnn transfer --resume --out {tmp_path}/runs\n"


def planned(backend="numpy", seed=0) -> Transfer:
    head, start = config(backend=backend, epochs=2, optimizer=Adam(learning_rate=0.01)), network()
    start.initialize(seed)
    return Transfer(start, pictures(), head, start="all", fine_epochs=1)


def test_from_scratch_knows_nothing_of_the_base():
    one, other = (planned(seed=seed).compare() for seed in (1, 2))
    assert one["from scratch"].history == other["from scratch"].history
    assert one["head only"].history != other["head only"].history


def stop(*told):
    raise KeyboardInterrupt


def test_interrupted_after_every_epoch_it_ends_as_if_it_was_not(tmp_path):
    whole, parts = planned().compare(out=tmp_path / "whole"), None
    for attempt in range(20):
        try:
            parts = planned().compare(out=tmp_path / "parts", resume=attempt > 0, report=stop)
            break
        except KeyboardInterrupt:
            continue
    assert attempt == 2 + 1 + 1 + 2 + 1
    for name in RUNS:
        same_runs(tmp_path / "whole" / name, tmp_path / "parts" / name)
    assert {way: phases.test for way, phases in parts.items()} == {way: phases.test for way, phases in whole.items()}
    assert [len(phases.history) for phases in parts.values()] == [3, 3, 3]


def test_so_does_one_that_tensorflow_trains(tmp_path):
    """Stopped within the first phase, then at the end of it: the second starts from what was read."""
    planned("tensorflow").train(out=tmp_path / "whole")
    parts = planned("tensorflow")
    for attempt in range(2):
        with pytest.raises(KeyboardInterrupt):
            parts.train(out=tmp_path / "parts", resume=attempt > 0, report=stop)
    parts.train(out=tmp_path / "parts", resume=True)
    for name in ("head", "fine_tuned"):
        same_runs(tmp_path / "whole" / name, tmp_path / "parts" / name, exact=False)


SUICIDE = """
import os, random, signal, sys, threading, time
from reference_tests.test_transfer_command import planned
out, resume, seed = sys.argv[1], sys.argv[2] == "resume", int(sys.argv[3])
chance, ended = random.Random(seed), [time.monotonic()]
lives = chance.randint(1, 2)
def dies(after):
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGKILL)
def report(run, epoch, logs):
    ended.append(time.monotonic())
    if len(ended) == lives + 1:
        after = chance.random() * min(0.2, ended[-1] - ended[-2])  # the first epoch also imports what draws
        threading.Thread(target=dies, args=(after,), daemon=True).start()
planned().compare(out=out, resume=resume, report=report)
"""


def test_killed_at_any_moment_it_goes_on(tmp_path):
    """kill -9 within epochs, between runs and while files are written."""
    planned().compare(out=tmp_path / "whole")
    out, kills = tmp_path / "killed", 0
    while True:
        arguments = [sys.executable, "-c", SUICIDE, str(out), "resume" if kills else "new", str(kills)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(arguments, capture_output=True, text=True, env=environment)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        if done.returncode == 0:
            break
        kills += 1
    assert kills
    for name in RUNS:
        same_runs(tmp_path / "whole" / name, out / name, exact=False)  # another process: BLAS may add in another order
