"""The command that measures: its rows, its table, and one row through real processes."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.rows import SIDES, all_rows
from benchmarks.table import faster_peers, geometric_mean, less_accurate, lines
from benchmarks.worker import prepared

ROOT = Path(__file__).parents[1]
PEERS = {"numpy-ml": "numpy_ml", "mygrad": "mygrad", "onnx": "onnx"}
INSTALLED = [side for side in SIDES if side not in PEERS or importlib.util.find_spec(PEERS[side])]


def record(name, **seconds):
    return {"row": name, "sides": {side: {"min": s, "median": s, "bytes": 10**6} for side, s in seconds.items()}}


def test_every_row_has_our_side_and_known_ones():
    rows = all_rows()
    assert len(rows) > 40
    assert all({"numpycnn"} <= row.sides.keys() <= set(SIDES) for row in rows.values())


@pytest.mark.parametrize("name", ["conv 1x1/2, 56x56x64 -> 128, N=1", "conv backward 1x1/2, 56x56x64 -> 128, N=1"])
def test_all_sides_compute_the_same(name):
    row = all_rows()[name]
    reference = prepared(row, "float64").as_arrays(prepared(row, "float64").run())
    for side in row.sides.keys() & set(INSTALLED) - {"gemm"}:
        call = prepared(row, side)
        found = call.as_arrays(call.run(call.before()) if call.before else call.run())
        for array, exact in zip(found, reference, strict=True):
            np.testing.assert_allclose(array, exact, atol=1e-4 * np.abs(exact).max())


def test_the_summary_names_the_rows_that_miss():
    records = [record("a", numpycnn=1, tensorflow=4), record("b", numpycnn=6, tensorflow=2, **{"numpy-ml": 5})]
    assert geometric_mean(records) == pytest.approx((1 / 4 * 3) ** 0.5)
    assert faster_peers(records[1]) == ["numpy-ml"]
    records[0]["sides"]["numpycnn"]["error"], records[0]["sides"]["tensorflow"]["error"] = 2e-7, 1e-7
    assert less_accurate(records[0])
    assert lines(records)[-4:] == [
        "geometric mean of numpycnn by tensorflow: 0.866 over 2 rows",
        "above 2.5: b (3.00)",
        "slower than numpy-ml: b",
        "less accurate than tensorflow: a",
    ]


def test_one_row_through_processes():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--rows", "1x1/2.*N=1$", "--sides", "numpycnn", "gemm", "--repeats", "1",
         "--json", "-", "conv backward"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (row,) = found["rows"]
    assert row["row"] == "conv backward 1x1/2, 56x56x64 -> 128, N=1"
    ours = row["sides"]["numpycnn"]
    assert 0 < ours["min"] <= ours["median"]
    assert ours["bytes"] >= 56 * 56 * 64 * 4  # dx alone
    assert ours["error"] < 1e-5
    assert ours["scaled"] > 0
    assert found["environment"]["packages"]["numpy"] == np.__version__


def test_an_unknown_row_is_said():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "no such row"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "no row has such a name" in done.stderr


def test_the_page_quotes_what_was_measured():
    from benchmarks.markdown import bullets, table

    text = (ROOT / "docs" / "benchmark_table.md").read_text(encoding="utf-8")
    (file,) = set(re.findall(r"docs/measured/benchmarks-[\d-]+\.json", text))
    measured = json.loads((ROOT / file).read_text(encoding="utf-8"))
    assert f"{table(measured['rows'])}\n![" in text
    assert f"\n\n{bullets(measured['rows'])}\nThe targets" in text
    environment = measured["environment"]
    assert f"On {environment['date']}, {environment['cpu']}, {environment['cores']} cores" in text
    assert environment["blas"]["architecture"] in text


def test_the_page_of_convolution_has_what_was_measured_of_winograd():
    from benchmarks import winograd

    measured = json.loads((ROOT / "docs" / "measured" / "winograd-2026-11-25.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "ops" / "convolution.md").read_text(encoding="utf-8")
    assert "\n".join(map(winograd.line, measured["rows"])) in page
    assert f"Measured on {measured['environment']['date']} on {measured['environment']['cpu']}" in page


def test_the_page_has_what_was_measured_of_the_limits():
    from benchmarks import limits

    (file,) = (ROOT / "docs" / "measured").glob("limits-*.json")
    measured = json.loads(file.read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "benchmark_table.md").read_text(encoding="utf-8")
    assert "\n".join(map(limits.line, measured["rows"])) + "\n\n" in page
    assert f"docs/measured/{file.name}" in page
    assert f"On {measured['environment']['date']}, {measured['environment']['cpu']}" in page


def test_what_was_tried_in_place_of_a_way_is_the_same():
    from benchmarks import limits
    from numpycnn.ops import depthwise_conv2d

    x, kernel = limits.drawn((2, 14, 9, 5), (3, 3, 5, 1), seed=1)
    np.testing.assert_allclose(
        limits.multiplied_and_added(x, kernel, padding="same"), depthwise_conv2d(x, kernel, padding="same"), atol=1e-5
    )


def test_the_picture_is_drawn(tmp_path):
    from benchmarks.picture import main

    sides = {"numpycnn": {"min": 1.0}, "tensorflow": {"min": 2.0}, "gemm": {"min": 0.5}}
    (tmp_path / "table.json").write_text(json.dumps({"rows": [{"row": "conv", "sides": sides}]}))
    main(str(tmp_path / "table.json"), str(tmp_path / "table.png"))
    assert (tmp_path / "table.png").read_bytes().startswith(b"\x89PNG")
