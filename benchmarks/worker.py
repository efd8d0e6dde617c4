"""One side in a process of its own: reads names of rows, answers each with the seconds of one call."""

import sys
import time

from benchmarks.rows import all_rows


def main(side: str) -> None:
    rows, calls = all_rows(), {}
    for line in sys.stdin:
        name = line.strip()
        if name not in calls:
            calls[name] = rows[name].sides[side]()
            calls[name]()
        start = time.perf_counter()
        calls[name]()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
