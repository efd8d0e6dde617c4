"""The examples of detection print their numbers and write their pictures."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"

PRINTED = {
    "non_max_suppression": ["box 3, score 0.7: suppressed by box 0, IoU 0.6243", "box 5, score 0.12: dropped"],
    "average_precision": ["voc11    at IoU 0.5: 0.8098", "coco101  at IoU 0.5: 0.8096", "precision 0.4759"],
    "square_root_loss": ["  200   10      6.25e-04   3.05e-04", "   50   50      1.56e-02   2.14e-02"],
    "fully_convolutional": ["1025 windows of 16x16", "6 and 6, the same: True", "MACs: 721,600 and 721,600"],
}


@pytest.mark.parametrize("name", PRINTED)
def test_example(name, tmp_path, capsys):
    path = tmp_path / "picture.png"
    runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](["--out", str(path)])
    printed = capsys.readouterr().out
    for line in PRINTED[name]:
        assert line in printed
    assert str(path) in printed
    assert path.stat().st_size < 200_000
    with Image.open(path) as picture:
        assert np.asarray(picture.convert("L")).std() > 20, "the picture must not be blank"


# Examples that train: what the pages quote is what was measured, and a short run does all the steps.


def example(name):
    """The names of an example that imports another one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_the_page_quotes_the_runs_of_localization():
    rows = json.loads((DOCS / "measured" / "localization-2026-11-25.json").read_text(encoding="utf-8"))["rows"]
    quoted = "\n".join(map(example("localization")["line"], rows))
    assert f"```\n{quoted}\n```" in (DOCS / "detection.md").read_text(encoding="utf-8")


def test_the_page_quotes_the_run_of_segmentation():
    result = json.loads((DOCS / "measured" / "segmentation-2026-11-25.json").read_text(encoding="utf-8"))
    quoted = "\n".join(example("segmentation")["lines"](result))
    assert f"```\n{quoted}\n```" in (DOCS / "segmentation.md").read_text(encoding="utf-8")


SHORT = {  # options, then what has to be reached: no more than a start, but above what an untrained network gives
    "localization": (["--scenes", "2400", "--epochs", "3"], {"right": 0.2}),
    "segmentation": (["--scenes", "480", "--epochs", "3", "--batch", "4"], {"iou_of_ink": 0.55}),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_short_training_learns_something(name, tmp_path, capsys):
    options, least = SHORT[name]
    picture, numbers = tmp_path / "picture.png", tmp_path / "numbers.json"
    example(name)["main"]([*options, "--out", str(picture), "--json", str(numbers)])
    result = json.loads(numbers.read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    assert result["losses"][-1] < 0.9 * result["losses"][0]
    assert all(result[key] >= value for key, value in least.items()), printed
    assert f"{result.get('mean_iou'):.3f}" in printed
    with Image.open(picture) as drawn:
        assert np.asarray(drawn.convert("L")).std() > 20
