"""Print a table of times in milliseconds, the least of interleaved repeats, every side in a process of its own.

python -m benchmarks                     all rows
python -m benchmarks nms --repeats 20    rows whose name holds "nms"

Thread pools of two libraries in one process disturb each other, hence the processes, of which one works at a time.
Settings of OpenBLAS from the environment are dropped, so that NumPy is measured as a user has it.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.rows import Row, all_rows

ROOT = Path(__file__).parents[1]
DROPPED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Side:
    """A worker process, started when it is first asked."""

    def __init__(self, name: str):
        environment = {key: value for key, value in os.environ.items() if key not in DROPPED}
        environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
        )  # fmt: skip

    def seconds(self, row: str) -> float:
        print(row, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def measure(rows: list[Row], repeats: int) -> dict[tuple[str, str], float]:
    """The least seconds of each row and side."""
    sides = {side: Side(side) for side in dict.fromkeys(side for row in rows for side in row.sides)}
    least: dict[tuple[str, str], float] = {}
    for _ in range(repeats):
        for row in rows:
            for side in row.sides:
                seconds = sides[side].seconds(row.name)
                least[row.name, side] = min(seconds, least.get((row.name, side), seconds))
    return least


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Times side by side, in milliseconds.")
    parser.add_argument("words", nargs="*", help="only rows whose name holds all of these")
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args(arguments)
    rows = [row for row in all_rows().values() if all(word in row.name for word in options.words)]
    least = measure(rows, options.repeats)
    columns = list(dict.fromkeys(side for row in rows for side in row.sides))
    width = max(len(row.name) for row in rows)
    print(f"{'milliseconds':{width}}", *(f"{side:>11}" for side in columns), "      ratio")
    for row in rows:
        times = [least[row.name, side] * 1e3 for side in row.sides]
        print(f"{row.name:{width}}", *(f"{time:11.2f}" for time in times), f"{times[0] / times[1]:11.2f}")


if __name__ == "__main__":
    main()
