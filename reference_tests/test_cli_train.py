"""The command `numpycnn train`."""

import json

import numpy as np
import pytest

from reference_tests.library.command_line import figures, refused, run, succeeds

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
        ("--learning-rate 1e38 --optimizer sgd", "the loss became"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_cannot_be_is_one_line(small, tmp_path, monkeypatch, more, message):
    monkeypatch.chdir(tmp_path)
    refused(f"{small} --epochs 2 {more}", message)


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
