"""The examples of detection print their numbers and write their pictures."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"

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
