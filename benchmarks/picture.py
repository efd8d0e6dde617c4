"""Draw what was measured: python -m benchmarks.picture docs/measured/benchmarks-DATE.json docs/images/benchmarks.png"""

import json
import sys
from pathlib import Path

from benchmarks.table import ratio

PEERS = {"gemm": "one matrix product", "numpy-ml": "numpy-ml", "mygrad": "MyGrad", "onnx": "onnx's reference"}


def main(source: str, target: str) -> None:
    """A line for each row: times by TensorFlow's, on a logarithmic axis."""
    from matplotlib.figure import Figure

    rows = [row for row in json.loads(Path(source).read_text(encoding="utf-8"))["rows"] if ratio(row)]
    figure = Figure(figsize=(9, 0.19 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))
    for side, label in PEERS.items():
        found = [(by_tensorflow(row, side), i) for i, row in enumerate(rows) if side in row["sides"]]
        if found:
            axes.plot(*zip(*found, strict=True), "o", markersize=3, alpha=0.6, label=label)
    axes.plot([ratio(row) for row in rows], places, "k|", markersize=9, markeredgewidth=2.5, label="numpycnn")
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.set_yticks(places, [row["row"] for row in rows], fontsize=6)
    axes.set(xscale="log", xlabel="time by TensorFlow's (less is faster)", ylim=(len(rows), -1))
    axes.legend(fontsize=7, loc="lower right")
    figure.savefig(target, dpi=110)


def by_tensorflow(row: dict, side: str) -> float:
    return row["sides"][side]["min"] / row["sides"]["tensorflow"]["min"]


if __name__ == "__main__":
    main(*sys.argv[1:])
