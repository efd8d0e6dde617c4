"""Print a table of times in milliseconds, the least of interleaved repeats, every side in a process of its own.

    python -m benchmarks                                 all rows; about five minutes
    python -m benchmarks --rows "conv 3x3" --repeats 20  rows whose name matches the regular expression
    python -m benchmarks nms 5000                        rows whose name holds both words
    python -m benchmarks --json table.json               everything as JSON too; --json - prints nothing else

Beside the times: ratio is ours by TensorFlow's, median is that of our calls, MB the most that one call took at once
with its result, error the largest difference from float64 relative to the largest output, scaled that difference in
units of u * S (see docs/inside.md, "How the tests decide").

Thread pools of two libraries in one process disturb each other, hence the processes, of which one works at a time.
Settings of OpenBLAS from the environment are dropped, so that NumPy is measured as a user has it. Libraries that are
not installed are left out; `uv sync --extra all --group benchmarks` installs all.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from benchmarks.measure import measure
from benchmarks.rows import SIDES, Row, all_rows
from benchmarks.sides import Side
from benchmarks.table import geometric_mean, lines


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    rows = chosen(options)
    if not rows:
        print("no row has such a name; the rows are:", *all_rows(), sep="\n  ", file=sys.stderr)
        return 2
    records = measure(rows, options.repeats, options.sides, accuracy=not options.fast)
    side = Side("environment")
    document = {"environment": side.ask("", "environment"), "geometric_mean": geometric_mean(records), "rows": records}
    side.end()
    if options.json:
        text = json.dumps(document, indent=1) + "\n"
        print(text, end="") if options.json == "-" else Path(options.json).write_text(text)
    if options.json != "-":
        print(*lines(records), sep="\n")
    return 0


def parsed(arguments) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="only rows whose name holds all of these")
    parser.add_argument("--rows", metavar="PATTERN", type=re.compile, help="only rows whose name matches")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES, help="only these columns")
    parser.add_argument("--repeats", type=int, default=10, help="how often all sides take their turn (10)")
    parser.add_argument("--fast", action="store_true", help="times and memory, without the accuracy")
    parser.add_argument("--json", metavar="FILE", help="write everything to this file; - for the standard output")
    return parser.parse_args(arguments)


def chosen(options) -> list[Row]:
    return [
        row
        for row in all_rows().values()
        if all(word in row.name for word in options.words) and (not options.rows or options.rows.search(row.name))
    ]


if __name__ == "__main__":
    sys.exit(main())
