"""The command `numpycnn train`."""

import errno
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from numpycnn import load_model
from reference_tests.library.command_line import COMMAND, ROOT, figures, refused, run, succeeds

BACKENDS = pytest.mark.parametrize("backend", ["numpy", "tensorflow"])

SMALL = "train {model} --data digits --backend numpy --epochs 1 --batch 256"


@pytest.fixture
def small(tmp_path):
    """A command that trains a small network for a moment."""
    (tmp_path / "net.py").write_text(
        "from numpycnn.layers import Dense, Flatten\n"
        "from numpycnn.models import Sequential\n"
        "def net(classes=10):\n"
        "    return Sequential([Flatten(), Dense(classes, activation='softmax')], input_shape=(8, 8, 1))\n"
    )
    return SMALL.format(model=f"{tmp_path}/net.py:net")


def test_a_run_is_kept_resumed_and_read(small, tmp_path):
    out = tmp_path / "run"
    printed = succeeds(f"{small} --out {out}")
    assert printed.startswith("epoch 1/1  loss ")
    assert "best epoch 1 of 1: test_loss" in printed
    assert succeeds(f"train --resume --out {out}") == succeeds(f"{small} --out {out} --resume")
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8, 1), np.float32))
    found = figures(f"predict {out}/best.keras {tmp_path}/x.npy --top 3")
    assert len(found["inputs"]) == 2
    refused(f"{small} --out {out}", "holds a run already")
    refused(f"{small} --out {out} --resume --seed 4", "a run is resumed as it was started: seed was 0, now 4")
    refused(f"train --resume --out {out} --epochs 4", "--epochs cannot change it")


def test_a_dry_run_counts_and_trains_nothing(small, tmp_path):
    printed = succeeds(f"{small} --dry-run --out {tmp_path}/run --memory 1GiB")
    assert "digits: 1,294 to train, 144 to validation, 359 to test; 10 classes" in printed
    assert "fits: training needs" in printed
    assert not (tmp_path / "run").exists()
    found = json.loads(succeeds(f"{small} --dry-run --json --optimizer adam,amsgrad --memory 1GiB"))
    assert found["fits"]
    assert found["counted"]["memory"]["optimizer_bytes"] == 3 * 650 * 4


def test_what_cannot_fit_is_refused_unless_forced(small, tmp_path):
    refused(f"{small} --memory 1kB --out {tmp_path}/run", "a batch of 256 needs at least")
    result = run(f"{small} --dry-run --memory 1kB")
    assert result.exit_code == 1
    assert "cannot fit: training needs" in result.stdout
    assert succeeds(f"{small} --memory 1kB --force --out {tmp_path}/run")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--classes 7", "an output for each of the 10 classes of digits; got outputs 7"),
        ("--optimizer adamm", "optimizer: the name must be one of sgd, rmsprop"),
        ("--schedule cosine,alfa=0.1", "cosine takes initial_learning_rate"),
        ("--augment spin", "augment"),
        ("--balance", "--balance fills classes up with augmented copies: say how with --augment"),
        ("--xla", "jit_compile is the TensorFlow backend's alone"),
        ("--monitor val_auc", "monitor must be one of loss, accuracy"),
        ("--loss mse", "loss must be one of sparse_categorical_crossentropy"),
        ("--resume", "--resume needs the folder of the run: --out DIR"),
        ("--class-weight rare", "class_weight must be"),
        ("--data-folder nowhere", "folder goes with the name of a published data set"),
        ("--download", "download goes with the name of a published data set"),
        ("--size 8xx8", "--size must be whole numbers with x between them"),
        ("--size 9x8", "the model's input must have the shape of the examples, (9, 8, 1)"),
        ("--channels 3", "the model's input must have the shape of the examples, (8, 8, 3)"),
        ("--size 8 --resizing squeeze", "resizing must be one of crop, pad, stretch"),
        ("--resizing pad", "--resizing goes with --size"),
        ("--backend tensorflow --devices gpu", "TensorFlow sees no GPU"),
    ],
)
def test_what_cannot_be_is_one_line(small, tmp_path, monkeypatch, more, message):
    monkeypatch.chdir(tmp_path)
    refused(f"{small} --epochs 2 {more}", message)
    assert not (tmp_path / "runs").exists()


@BACKENDS
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_no_number_is_one_line(small, tmp_path, backend):
    refused(f"{small} --backend {backend} --learning-rate 1e38 --optimizer sgd --out {tmp_path}/run", "the loss became")


@BACKENDS
def test_a_picture_that_cannot_be_read_is_one_line(tmp_path, backend):
    """It is read when its batch comes: the picture is named, and nothing is said that is TensorFlow's."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(rng.integers(0, 255, (9, 7, 3), np.uint8)).save(tmp_path / "pets" / name / f"{i}.png")
    command = (
        f"train lenet5 --data {tmp_path}/pets --size 32 --channels 1 --backend {backend} --epochs 1 --resizing pad"
    )
    assert "best epoch 1 of 1" in succeeds(f"{command} --out {tmp_path}/run")
    for broken in (tmp_path / "pets").rglob("*.png"):
        broken.write_bytes(broken.read_bytes()[:60])
    refused(f"{command} --out {tmp_path}/broken", "cannot be read as a picture")
    refused(f"train --resume --out {tmp_path}/broken", "cannot be read as a picture")
    (tmp_path / "empty").mkdir()
    refused(f"{command.replace('pets', 'empty')} --out {tmp_path}/none", "must have a subfolder of pictures")
    assert not (tmp_path / "none").exists()


def test_ctrl_c_keeps_the_run_and_says_how_to_go_on(small, tmp_path):
    out = tmp_path / "run"
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a parent may ignore it
    arguments = [sys.executable, "-c", heard + COMMAND, *f"{small} --epochs 5000 --out {out}".split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout.readline().startswith("epoch 1/5000")
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    kept = re.fullmatch(
        rf"\nnumpycnn: stopped; the run is kept after epoch (\d+). To go on: numpycnn train --resume --out {out}\n",
        errors,
    )
    assert kept, errors
    assert (out / "metrics.csv").read_text().count("\n") in (int(kept[1]) + 1, int(kept[1]) + 2)
    assert load_model(out / "best.keras").inputs[0].shape == (8, 8, 1)


def test_logs_for_tensorboard(small, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    command = f"{small} --backend tensorflow --tensorboard"
    succeeds(f"{command} --out {tmp_path}/run")
    assert {path.parent.name for path in (tmp_path / "run").rglob("events.out.tfevents.*")} == {"train", "validation"}
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    refused(f"{command} --out {tmp_path}/other", "pip install numpycnn-reference[tensorboard]")
    assert not (tmp_path / "other").exists()


def test_missing_things_are_named(small, tmp_path):
    refused("train lenet5", "what to train and on what must be said")
    refused(small.replace("digits", "nothing_there"), "'nothing_there' is no data set")
    refused(f"train --resume --out {tmp_path}/none", "holds no run to resume")


def test_balance_says_what_it_does_and_is_resumed(small, tmp_path):
    out = tmp_path / "run"
    command = f"{small} --balance --augment flip --out {out}"
    line = "balanced: 131 examples of each of 10 classes, 1,310 a pass; copies are augmented anew each time\n"
    assert succeeds(command).startswith(line)
    assert line in succeeds(f"{command} --dry-run --memory 1GiB")
    assert succeeds(f"train --resume --out {out}").startswith(line)
    refused(f"{small} --augment flip --out {out} --resume", "balance was True, now False")


@pytest.mark.parametrize(
    ("full_at", "kept"),
    [
        ("classes.txt", "nothing was kept yet"),
        ("checkpoint.npz", "of its epochs only best.keras is kept"),
        ("metrics.csv", "every epoch finished before is kept, and --resume goes on from there"),
    ],
)
def test_a_disk_that_is_full_is_one_line_that_says_what_is_kept(small, tmp_path, monkeypatch, full_at, kept):
    move, out = os.replace, tmp_path / "run"

    def replace(source, target):
        if str(target).endswith(full_at):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        move(source, target)

    monkeypatch.setattr(os, "replace", replace)
    refused(f"{small} --out {out}", f"{full_at} cannot be written (No space left on device); {kept}")
    assert not list(out.rglob(".unfinished*"))


def test_files_that_are_asked_for_are_whole_or_not_there(small, tmp_path, monkeypatch):
    out = tmp_path / "run"
    succeeds(f"{small} --out {out}")
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8, 1), np.float32))

    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    refused(f"predict {out}/best.keras {tmp_path}/x.npy --out {tmp_path}/y.txt", "--out writes .npy; got y.txt")
    monkeypatch.setattr(os, "replace", full)
    for command in (
        f"predict {out}/best.keras {tmp_path}/x.npy --out {tmp_path}/y.npy",
        f"data digits --plot {tmp_path}/y.png",
    ):
        refused(command, "cannot be written: No space left on device")
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"run", "x.npy", "net.py"}
