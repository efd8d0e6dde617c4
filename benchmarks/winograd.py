"""Winograd's filtering beside the default: milliseconds, errors and memory of `conv2d` by its named algorithms.

    python -m benchmarks.winograd [--repeats 20] [--json winograd.json]

Every 3x3 convolution without strides of the large table, forward, all algorithms in turns, the least of their times.
error is the largest difference from float64, relative to the largest output; MB the most that one call took at once.
"""

import time
from functools import partial

import numpy as np

from benchmarks.families.convolution import CASES, Convolution
from benchmarks.own_process import command
from benchmarks.worker import numpys_peak
from numpycnn.ops import conv2d
from numpycnn.ops.winograd import ALGORITHMS

ALL = ("default", *ALGORITHMS)


def measured(case: Convolution, repeats: int) -> dict:
    """Seconds, error and bytes of every algorithm."""
    x, kernel, _ = case.arrays()
    exact = conv2d(x.astype(np.float64), kernel.astype(np.float64), padding="same")
    runs = {
        name: partial(conv2d, x, kernel, padding="same", algorithm=None if name == "default" else name) for name in ALL
    }
    found, seconds = {}, {name: [] for name in ALL}
    for name, run in runs.items():
        peak, y = numpys_peak(run)
        found[name] = {"bytes": peak, "error": float(np.max(np.abs(y - exact)) / np.max(np.abs(exact)))}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {
        "row": f"conv {case.name}",
        "algorithms": {name: {"min": min(seconds[name]), **found[name]} for name in ALL},
    }


def line(record: dict) -> str:
    """One row of the table in Markdown."""
    own = [record["algorithms"][name] for name in ALL]
    cells = [f"{1e3 * a['min']:.2f}" for a in own] + [f"{a['error']:.1e}" for a in own]
    return "| " + " | ".join([record["row"], *cells, *(f"{a['bytes'] / 1e6:.1f}" for a in own)]) + " |"


def measured_all(repeats: int) -> list[dict]:
    plain = [case for case in CASES if (case.kernel, case.strides, case.groups) == (3, 1, 1)]
    return [measured(case, repeats) for case in plain]


if __name__ == "__main__":
    command(__doc__, measured_all, line)
