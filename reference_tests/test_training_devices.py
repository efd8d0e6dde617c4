"""Training with mixed precision, XLA, several devices and several processes."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from numpycnn.training import (
    SGD,
    TrainingConfig,
    train,
)
from reference_tests.small_training import config, pictures, without_dropout

ROOT = Path(__file__).parents[1]


def test_mixed_precision_and_xla_train():
    """Weights stay float32, and the losses are those of float32 to about the digits of bfloat16."""
    made = config(backend="tensorflow", epochs=2, optimizer=SGD(learning_rate=0.01), augmentation=None)
    whole = train(without_dropout(), pictures(), made).history
    mixed = train(without_dropout(), pictures(), made.with_(precision="mixed_bfloat16")).history
    compiled = train(without_dropout(), pictures(), made.with_(jit_compile=True)).history
    assert mixed[-1]["loss"] == pytest.approx(whole[-1]["loss"], rel=0.05)
    assert mixed[-1]["loss"] != whole[-1]["loss"]
    assert compiled[-1]["loss"] == pytest.approx(whole[-1]["loss"], rel=1e-4)


TWO_DEVICES = """
import json
import tensorflow as tf
from numpycnn.training import train
from numpycnn.training.devices import strategy_for
from reference_tests.small_training import pictures, without_dropout
from reference_tests.test_training_devices import distributed
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
from reference_tests.small_training import pictures, without_dropout
from reference_tests.test_training_devices import distributed
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
