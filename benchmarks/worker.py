"""One side in a process of its own: reads requests as lines of JSON, answers each with one.

{"row": name, "do": "time"}                   [seconds of each call], after one that does not count; or of one if slow
{"row": name, "do": "examine", "path": file}  the most bytes that one call took at once, its result included; the
                                              arrays that it gave are in the .npz file then, unless there is no path
{"row": "", "do": "environment"}              the machine and the libraries

Side "float64" and side "scale" give the row's reference and its scale.
"""

import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.environment import environment
from benchmarks.rows import Call, Row, all_rows

SPAN, CALLS = 0.03, 40
"""A request for times makes calls until this many seconds have passed, at most so many."""

SLOW = 2.0
"""Seconds from which a first call counts as well, and is the only one."""


def main(side: str) -> None:
    rows, calls = all_rows(), {}
    out, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not be read as an answer
    for line in sys.stdin:
        request = json.loads(line)
        name = request["row"]
        try:
            if name and name not in calls:
                calls.clear()  # what the last row holds is not needed again soon
                calls[name] = prepared(rows[name], side)
            answer = DO[request["do"]](calls.get(name), request)
        except Exception as error:  # whatever a library raises: the others go on
            answer = {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}
        print(json.dumps(answer), file=out, flush=True)


def prepared(row: Row, side: str) -> Call:
    prepare = {"float64": row.reference, "scale": row.scale, **row.sides}[side]
    call = prepare() if prepare else None
    return call if isinstance(call, Call) else Call(call)


def times(call: Call, request) -> list[float]:
    first = once(call)  # caches and threads wake up
    if first > SLOW and "tensorflow" not in sys.modules:  # whose first call makes the graph
        return [first]
    found, stop = [], time.perf_counter() + SPAN
    while not found or (len(found) < CALLS and time.perf_counter() < stop):
        found.append(once(call))
    return found


def once(call: Call) -> float:
    given = (call.before(),) if call.before else ()
    start = time.perf_counter()
    result = call.run(*given)
    seconds = time.perf_counter() - start
    del result
    return seconds


def examine(call: Call, request) -> int:
    given = (call.before(),) if call.before else ()
    measured = tensorflows_peak if "tensorflow" in sys.modules else numpys_peak
    peak, result = measured(lambda: call.run(*given))
    if request["path"]:
        np.savez(request["path"], *call.as_arrays(result))
    return peak


def numpys_peak(run: Callable) -> tuple[int, Any]:
    """NumPy tells tracemalloc of every array it makes; what BLAS keeps for itself is not seen.

    The call is made in a new thread, which has kept nothing of earlier ones (numpycnn's ops/scratch.py).
    """
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    with ThreadPoolExecutor(1) as new:
        result = new.submit(run).result()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before, result


def tensorflows_peak(run: Callable) -> tuple[int, Any]:
    """What TensorFlow's allocator gave out; blocks of up to 256 KiB have an allocator of their own and are not seen."""
    import tensorflow as tf

    tf.config.experimental.reset_memory_stats("CPU:0")
    before = tf.config.experimental.get_memory_info("CPU:0")["current"]
    result = run()
    peak = tf.config.experimental.get_memory_info("CPU:0")["peak"]
    return peak - before, result


def told(call, request) -> dict:
    return environment()


DO = {"time": times, "examine": examine, "environment": told}

if __name__ == "__main__":
    main(sys.argv[1])
