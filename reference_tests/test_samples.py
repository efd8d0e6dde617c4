"""Samples of a data set, the contact sheet of them, and the command `numpycnn data`."""

import numpy as np
import pytest
from PIL import Image

from numpycnn.data import Arrays, Augmentation, samples
from numpycnn.plots import contact_sheet
from reference_tests.library.command_line import ROOT, figures, refused, succeeds

COUNTS = [2, 0, 5, 1]
"""Examples of each class; every pixel of an example holds its place in the split."""


def split(dtype=np.uint8):
    y = np.repeat(np.arange(4), COUNTS)[[3, 0, 7, 1, 5, 2, 4, 6]]
    x = np.arange(8)[:, None, None, None] * np.ones((1, 3, 6, 2)) / (8 if dtype == np.float32 else 1)
    return Arrays(x.astype(dtype), y)


def test_a_row_has_examples_of_its_class_none_twice():
    data = split()
    found = samples(data, rows=4, columns=3, seed=5)
    assert found.labels == [0, 2, 3, 0]
    shown = [row[:, 0, 0, 0].tolist() for row in found.pictures]
    assert [len(row) for row in shown] == [2, 3, 1, 2]
    for label, row in zip(found.labels, shown, strict=True):
        assert set(data.y[row]) == {label}
        assert len(set(row)) == len(row)
    rows_of_two = samples(data, rows=5, columns=3, seed=5)
    both = [rows_of_two.pictures[row][:, 0, 0, 0].tolist() for row in (1, 4)]
    assert sorted(both[0] + both[1]) == np.flatnonzero(data.y == 2).tolist()  # the second goes on with the other two


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_an_example_as_it_is_comes_before_its_copies(dtype):
    data, changes = split(dtype), Augmentation(brightness=1)
    found = samples(data, changes, rows=3, columns=6, seed=1)
    for label, row in zip(found.labels, found.pictures, strict=True):
        assert row.shape == (6, 3, 6, 2)
        assert row.dtype == dtype
        example = int(row[0, 0, 0, 0] * (8 if dtype == np.float32 else 1))
        assert data.y[example] == label
        np.testing.assert_array_equal(row[0], data.x[example])
        assert len({float(copy[0, 0, 0]) for copy in row[1:]}) > 1  # what would leave the range is cut
    again, other = (samples(data, changes, rows=3, columns=6, seed=seed).pictures for seed in (1, 2))
    np.testing.assert_array_equal(again, found.pictures)
    assert not np.array_equal(other, found.pictures)


def test_what_has_no_classes_has_no_samples():
    with pytest.raises(ValueError, match=r"samples: there must be examples, each with its class number; got y \(0,\)"):
        samples(split().take(np.arange(0)))
    with pytest.raises(ValueError, match="each with its class number"):
        samples(Arrays(np.zeros((2, 3, 3, 1)), np.zeros((2, 4))))


def test_pictures_of_a_sheet_stand_in_their_rows_in_their_own_range():
    rows = [np.full((2, 3, 6, 1), 255, np.uint8), np.full((1, 3, 6, 1), 0.5, np.float32)]
    figure = contact_sheet(rows, ["$one$", "two"])
    shown = [[image.get_array().ravel()[0] for image in axis.images] for axis in figure.axes]
    assert shown == [[255], [255], [0.5], []]
    assert [axis.get_ylabel() for axis in figure.axes] == ["$one$", "", "two", ""]
    assert [axis.images[0].norm.vmax for axis in figure.axes if axis.images] == [255, 255, 1]
    with pytest.raises(ValueError, match="a title for each; got 1"):
        contact_sheet(rows, ["one"])


def test_the_command_counts_the_classes_and_draws(tmp_path):
    sheet = tmp_path / "sheet.png"
    printed = succeeds(f"data digits --size 16 --augment rotation=15 --rows 2 --columns 3 --plot {sheet}")
    assert printed.startswith("digits: 1,797 pictures of 16x16x1, float32, 10 classes; from scikit-learn\n")
    assert printed.splitlines()[-2:] == [
        "  all        1,294         144   359",
        f"contact sheet: {sheet}",
    ]
    with Image.open(sheet) as picture:
        assert picture.width > picture.height
    page = (ROOT / "docs" / "data.md").read_text()
    quoted = page.partition("$ numpycnn data digits\n")[2].partition("```")[0].splitlines()
    assert set(quoted) - {"..."} <= set(succeeds("data digits").splitlines())
    assert len(quoted) == 6
    found = figures("data digits --balance")
    assert found["classes"][8] == {"class": 8, "name": "8", "train": 131, "validation": 14, "test": 35}
    refused("data digits --augment flip", "--augment says what is on the contact sheet: give its file with --plot")
    refused(f"data digits --plot {tmp_path}/sheet.abc", "'abc' is not supported")
    refused("data nowhere", "'nowhere' is no data set")
