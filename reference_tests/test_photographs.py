"""docs/examples/photographs.py gives the numbers and the picture of the chapter."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import numpycnn.ops

SCRIPT = Path(__file__).parents[1] / "docs" / "examples" / "photographs.py"
CHAPTER_AVERAGES = [[0.643388, 0.59718215, 0.5825038], [0.7630747, 0.2601088, 0.10848834]]


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(SCRIPT))


def test_images_are_those_of_keras(example):
    import keras

    from numpycnn.data import sample_photographs

    images = example["photographs"]()
    cropped = keras.layers.CenterCrop(height=70, width=120)(sample_photographs())
    np.testing.assert_array_equal(images, keras.layers.Rescaling(1 / 255)(cropped).numpy())
    assert images.dtype == np.float32


def test_shapes(example):
    assert example["output_shapes"](example["photographs"]()) == {
        "valid": (2, 64, 114, 32),
        "same": (2, 70, 120, 32),
        "same, stride 2": (2, 35, 60, 32),
    }


def test_averages(example):
    """The chapter's 0.2601088 is a float32 sum; in float64 it is 0.2601097, still within 1e-6."""
    images = example["photographs"]()
    averages = numpycnn.ops.global_avg_pool2d(images)
    np.testing.assert_allclose(averages, CHAPTER_AVERAGES, rtol=0, atol=1e-6)
    np.testing.assert_allclose(averages, images.mean(axis=(1, 2), dtype=np.float64), rtol=1e-6)


def test_line_filters(example):
    """Each filter sums a line of 7 pixels over the three colours: worked out here pixel by pixel."""
    images = example["photographs"]().astype(np.float64)
    maps = numpycnn.ops.conv2d(images, example["line_filters"](), padding="same")
    assert maps.shape == (2, 70, 120, 2)
    assert maps[1, 20, 30, 0] == pytest.approx(images[1, 17:24, 30].sum())
    assert maps[1, 20, 30, 1] == pytest.approx(images[1, 20, 27:34].sum())


def test_it_prints_its_numbers_and_saves_its_picture(example, tmp_path, capsys):
    path = tmp_path / "line_filters.png"
    example["main"](["--out", str(path)])
    printed = capsys.readouterr().out
    for shape in ("(2, 64, 114, 32)", "(2, 70, 120, 32)", "(2, 35, 60, 32)"):
        assert shape in printed
    assert "0.64338" in printed
    assert "0.10848" in printed
    assert str(path) in printed
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels.shape[1] > pixels.shape[0] > 100
    assert pixels.std() > 20, "the picture must not be blank"
