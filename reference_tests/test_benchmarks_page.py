"""The tables of the pages are what docs/measured/ has."""

import json
from pathlib import Path

from benchmarks import winograd
from benchmarks.table import SIDES, geometric_mean, ratio

DOCS = Path(__file__).parents[1] / "docs"
MEASURED = DOCS / "measured" / "passes-2026-11-25.json"


def line(record: dict) -> str:
    sides = {name: f"{1e3 * side['min']:.3g}" for name, side in record["sides"].items()}
    peers = [f"{name} {sides[name]}" for name in SIDES[3:] if name in sides]
    return (
        f"| {record['row']} | {sides['numpycnn']} | {sides['tensorflow']} | {ratio(record):.2f} | {', '.join(peers)} |"
    )


def test_every_measured_row_is_on_the_page():
    measured, page = json.loads(MEASURED.read_text()), (DOCS / "benchmarks.md").read_text()
    for record in measured["rows"]:
        assert line(record) in page
    assert f"geometric mean {geometric_mean(measured['rows']):.2f}" in page
    assert measured["environment"]["date"] in page
    assert measured["environment"]["cpu"] in page


def test_the_page_of_convolution_has_what_was_measured_of_winograd():
    measured = json.loads((DOCS / "measured" / "winograd-2026-11-25.json").read_text())
    page = (DOCS / "ops" / "convolution.md").read_text()
    assert "\n".join(map(winograd.line, measured["rows"])) in page
    assert f"Measured on {measured['environment']['date']} on {measured['environment']['cpu']}" in page
