"""What the commands that measure in their own process share: their options, and what they print and keep."""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.environment import environment
from benchmarks.sides import DROPPED


def command(description: str | None, measure: Callable[[int], list[dict]], line: Callable[[dict], str]) -> None:
    """Measure so many repeats, print a line for each record, and keep all with the machine as JSON where asked."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    slowed = [name for name in DROPPED if name in os.environ]
    if slowed:
        parser.error(f"{', '.join(slowed)} must not be set: it changes the matrix products.")
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1; got {options.repeats}.")
    records = measure(options.repeats)
    print(*map(line, records), sep="\n")
    if options.json:
        options.json.write_text(json.dumps({"environment": environment(), "rows": records}, indent=1) + "\n")
