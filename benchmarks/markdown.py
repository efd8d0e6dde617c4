"""The table of docs/benchmark_table.md and its summary, from measurements: python -m benchmarks.markdown FILE.json"""

import json
import sys
from pathlib import Path

from benchmarks.rows import SIDES
from benchmarks.table import ratio, summary

HEADINGS = ("row", *SIDES, "ratio", "MB", "MB TF", "error", "error TF")


def table(rows: list[dict]) -> str:
    """Least times in milliseconds, ours by TensorFlow's, the most bytes of a call in MB, the largest error."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" + "|---:" * (len(HEADINGS) - 1) + "|"]
    for row in rows:
        sides = row["sides"]
        cells = [_rounded(sides[side]["min"] * 1e3) if side in sides else "" for side in SIDES]
        cells.append(f"{ratio(row):.2f}" if ratio(row) else "")
        pair = [sides.get(side, {}) for side in SIDES[:2]]
        cells += [_rounded(side["bytes"] / 1e6) if side.get("bytes") is not None else "" for side in pair]
        cells += [f"{side['error']:.1e}" if "error" in side else "" for side in pair]
        lines.append(f"| {row['row']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def bullets(rows: list[dict]) -> str:
    """The geometric mean, and the rows that miss something."""
    return "".join(f"- {line}\n" for line in summary(rows))


def _rounded(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    measured = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["rows"]
    print(table(measured), bullets(measured), sep="\n", end="")
