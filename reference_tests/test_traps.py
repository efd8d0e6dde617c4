"""The rows as data: complete, examples as measured, the page as printed; reference_tests/traps asks TensorFlow."""

import json
from pathlib import Path

import numpy as np
import pytest

from numpycnn import ops
from numpycnn.traps import ROWS, find_row
from numpycnn.traps.page import file_name
from numpycnn.verification.calls import op_function
from reference_tests.library.command_line import figures, refused, succeeds

DOCS = Path(__file__).parents[1] / "docs"

MEASURED = {
    1: ["[321, 543, 65]", "[210, 432, 654]", "[210, 432, 654]", "[210, 432, 654, 76]"],
    2: ["[21, 32, 43, 4]", "[10, 21, 32, 43]"],
    5: ["[2, 4]", "[2, 4, 5]", "[2, 4, 5]"],
    6: ["[6, 6, 6, 6]", "[4, 6, 6, 4]"],
    9: ["[1, 3]", "[nan, nan]"],
    12: ["0, 0", "1", "0.5"],
    18: ["[321, 432]", "[123, 234]"],
    19: ["9", "8"],
    20: ["[1, 10, 102, 20, 203, 30]", "[10, 102, 20, 203, 30, 300]", "[10, 102, 20, 203, 30, 300]"],
    28: ["[1, 3, 4]", "[1, 2, 3]", "[1, 2, 4]"],
    31: ["[0, 3, 12, 15]", "[2.5, 4.5, 10.5, 12.5]"],
    32: ["0.05", "0"],
    33: ["-3", "-2", "-0.1"],
    34: ["(2, 3)", "(2, 1, 1, 3)"],
    38: ["[0, 1]", "0"],
    39: ["[0, 1]", "0"],
    40: ["[2, 0, 1]", "[2, 1, 0]"],
    42: ["0", "nan"],
    44: ["0.62304", "0.48522"],
    45: ["0.14286", "0.17476"],
    48: ["3,538,984", "3,504,872"],
    49: ["25,636,712", "25,557,032"],
    50: ["3.61 MB", "3.45 MiB"],
}
"""What the frameworks gave when they were measured, in the order of the example's lines."""


def test_all_rows_are_there():
    assert [row.number for row in ROWS] == list(range(1, 54))
    assert len({row.title for row in ROWS}) == len(ROWS)
    assert all(row.evidence_text and row.tensorflow and row.hides for row in ROWS)
    assert all(op_function(op) for row in ROWS for op in row.ops)


@pytest.mark.parametrize("row", [row for row in ROWS if row.example], ids=lambda row: str(row.number))
def test_an_example_shows_a_difference(row):
    first, *others = [shown.text for shown in row.shown()]
    assert any(other != first for other in others)
    assert row.number not in MEASURED or [first, *others] == MEASURED[row.number]


def test_rows_about_ops_have_an_example():
    assert [row.number for row in ROWS if row.ops and row.example is None] == []
    assert len([row for row in ROWS if row.rules]) >= 25


def test_the_pages_are_what_the_command_prints(tmp_path):
    """An index, and a page for each row, no others; every row is in a test of its own or of its family."""
    assert succeeds("traps --markdown") == (DOCS / "traps.md").read_text(encoding="utf-8")
    succeeds(f"traps --write {tmp_path}")
    written, kept = ({p.name: p.read_text(encoding="utf-8") for p in (d / "traps").iterdir()} for d in (tmp_path, DOCS))
    assert written == kept
    assert sorted(written) == sorted(file_name(row) for row in ROWS)
    assert (tmp_path / "traps.md").read_text(encoding="utf-8") == succeeds("traps --markdown")
    assert succeeds("traps 41 --markdown") == written[file_name(find_row(41))]
    refused("traps 41 --write somewhere", "--write writes all rows")


def test_the_command():
    lines = succeeds("traps").splitlines()
    assert len(lines) == 54
    assert lines[1].split()[:2] == ["1", "SAME"]
    shown = succeeds("traps 1")
    assert "[321, 543, 65]" in shown
    assert "padding at the start: the other side puts the odd pixel" in shown
    assert len(figures("traps")) == 53
    told = figures("traps 26")
    assert told["rules"][0]["name"] == "alpha over size"
    assert told == json.loads(json.dumps(find_row(26).to_dict()))
    assert {int(line.split()[0]) for line in succeeds("traps --op dense").splitlines()[1:]} >= {14, 17}
    refused("traps 54", "there is no row 54; rows are 1 to 53")
    refused("traps --op conv9d", "no row is about 'conv9d'")


def test_examples_are_computed_when_they_are_shown(monkeypatch):
    right = ops.conv2d
    monkeypatch.setattr(ops, "conv2d", lambda *a, **k: 2 * right(*a, **k))
    np.testing.assert_array_equal(find_row(1).shown()[0].value.ravel(), [642, 1086, 130])
