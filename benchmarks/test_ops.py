"""Our side of every row under pytest-benchmark, so that a change can be compared with what was there before.

    python3 run.py --group benchmarks pytest benchmarks -n 0 --benchmark-autosave
    python3 run.py --group benchmarks pytest benchmarks -n 0 --benchmark-compare

Not part of the default run. OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE should be unset.
"""

import pytest

from benchmarks.rows import all_rows
from benchmarks.worker import prepared

ROWS = {name: row for name, row in all_rows().items() if "ResNet-34" not in name}


@pytest.mark.parametrize("name", ROWS)
def test_op(benchmark, name):
    call = prepared(ROWS[name], "numpycnn")
    benchmark.group = name
    if call.before:
        benchmark.pedantic(call.run, setup=lambda: ((call.before(),), {}), rounds=10)
    else:
        benchmark(call.run)
