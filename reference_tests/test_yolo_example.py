"""The example of YOLO learns, in a short run, and its page quotes the long one."""

import json
import re
import runpy
from pathlib import Path

import numpy as np
from PIL import Image

from numpycnn.data import sample_digits

ROOT = Path(__file__).parents[1]


def test_a_short_run_learns_to_find_digits(tmp_path, capsys):
    """Boxes after 120 steps; before any, and of targets in the wrong cells, mean AP is 0."""
    picture, measured = tmp_path / "yolo.png", tmp_path / "yolo.json"
    short = ["--scenes", "960", "--epochs", "4", "--out", str(picture), "--json", str(measured)]
    runpy.run_path(str(ROOT / "docs" / "examples" / "yolo.py"))["main"](short)
    (row,) = json.loads(measured.read_text())["rows"]
    assert row["version"] == "v3"
    assert row["boxes_ap50"] > 0.3
    assert f"v3, 300 scenes of what it has not seen: mean AP at IoU 0.5 {row['ap50']:.3f}" in capsys.readouterr().out
    with Image.open(picture) as image:
        assert np.asarray(image.convert("L")).std() > 20, "the picture must not be blank"


def test_a_folder_of_pictures_in_place_of_digits(tmp_path, capsys):
    """Two classes, of which scenes are made, learnt and drawn; a step or two of each version."""
    digits, labels = sample_digits()
    for label in (3, 7):
        (tmp_path / "things" / str(label)).mkdir(parents=True)
        for number, digit in enumerate(digits[labels == label][:12]):
            Image.fromarray((digit * 255).astype(np.uint8)).save(tmp_path / "things" / str(label) / f"{number}.png")
    arguments = ["--folder", str(tmp_path / "things"), "--scenes", "64", "--epochs", "1", "--version", "v1", "v2", "v3"]
    runpy.run_path(str(ROOT / "docs" / "examples" / "yolo.py"))["main"]([*arguments, "--out", str(tmp_path / "y.png")])
    printed = capsys.readouterr().out
    assert [f"{name}, 300 scenes of what it has not seen" in printed for name in ("v1", "v2", "v3")] == [True] * 3
    assert (tmp_path / "y.png").stat().st_size > 10_000


def test_the_page_quotes_what_was_measured():
    text = (ROOT / "docs" / "yolo.md").read_text(encoding="utf-8")
    (file,) = set(re.findall(r"docs/measured/yolo-[\d-]+\.json", text))
    measured = json.loads((ROOT / file).read_text(encoding="utf-8"))
    assert file == f"docs/measured/yolo-{measured['date']}.json"
    assert (measured["scenes"], measured["epochs"]) == (6000, 6)
    quoted = re.findall(r"^\| `(v\d)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|$", text, re.M)
    names = "version", "ap50", "ap", "boxes_ap50", "processor_seconds"
    assert [tuple(map(str, row)) for row in quoted] == [
        tuple(f"{row[name]:.3f}" if isinstance(row[name], float) else str(row[name]) for name in names)
        for row in measured["rows"]
    ]
    assert [row["version"] for row in measured["rows"]] == ["v1", "v2", "v3"]
