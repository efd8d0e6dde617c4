"""Counting and loading do not keep a reader waiting: in processor time, loosely, for the sake of busy machines.

Measured on two cores of an AMD EPYC: count 0.63 s after NumPy's import; a file of 88 MB 0.155 s, of which
reading its bytes takes 0.043 s.
"""

import subprocess
import sys
import time

import numpy as np

import numpycnn
from numpycnn.layers import Dense, Input
from numpycnn.models import Sequential

COUNT = """
import sys, time, numpy
start = time.process_time()
from numpycnn.cli import app
sys.argv = ["numpycnn", "count", "resnet34"]
try:
    app()
finally:
    print(time.process_time() - start, file=sys.stderr)
"""


def test_count_answers_soon_after_numpy_is_there():
    done = [subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True) for _ in range(3)]
    assert all("21,3" in d.stdout or "21,8" in d.stdout for d in done)
    assert min(float(d.stderr.splitlines()[-1]) for d in done) < 1.5


def test_loading_costs_little_more_than_reading(tmp_path):
    model = Sequential([Input((1000,)), Dense(5000), Dense(1000)])
    path = tmp_path / "model.keras"
    model.save(path)
    assert path.stat().st_size > 40e6

    def seconds(call):
        start = time.process_time()
        call()
        return time.process_time() - start

    loading = min(seconds(lambda: numpycnn.load_model(path)) for _ in range(3))
    reading = min(seconds(path.read_bytes) for _ in range(3))
    assert loading < 8 * reading + 0.3
    np.testing.assert_array_equal(numpycnn.load_model(path).get_weights()[0], model.get_weights()[0])
