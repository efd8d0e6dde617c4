"""Scenes and what they are made of: cutouts from a folder, whose boxes, classes and masks are told."""

import numpy as np
import pytest
from PIL import Image

from numpycnn.data import load_cutouts, sample_digits, scenes
from numpycnn.segmentation import masks_to_boxes


def test_cutouts_of_a_folder_one_class_for_each_subfolder(tmp_path):
    """Classes in the order of names, pictures in theirs; what is no picture by its name is left alone."""
    shades = {"dogs": [10, 200], "cats": [30], "empty": []}
    for kind, values in shades.items():
        (tmp_path / kind).mkdir()
        for k, value in enumerate(values):
            Image.new("RGB", (9, 6), (value,) * 3).save(tmp_path / kind / f"{k}.png")
    (tmp_path / "dogs" / "notes.txt").write_text("no picture")
    (tmp_path / "stray.txt").write_text("in no subfolder")
    cutouts, labels, names = load_cutouts(tmp_path, size=(5, 7))
    assert names == ["cats", "dogs", "empty"]
    assert labels.tolist() == [0, 1, 1]
    assert (cutouts.shape, cutouts.dtype) == ((3, 5, 7), np.float32)
    np.testing.assert_allclose(cutouts, np.broadcast_to(np.float32([30, 10, 200])[:, None, None] / 255, (3, 5, 7)))


def test_cutouts_keep_what_stands_where(tmp_path):
    (tmp_path / "a").mkdir()
    pixels = np.random.default_rng(3).integers(0, 256, (4, 6), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a" / "1.png")
    np.testing.assert_array_equal(load_cutouts(tmp_path, size=(4, 6))[0][0], pixels / np.float32(255))
    made = scenes(*load_cutouts(tmp_path)[:2], 2, size=(40, 50))
    assert {label for one in made.objects for label in one["classes"].tolist()} == {0}


def test_a_folder_without_pictures_and_a_picture_that_is_none(tmp_path):
    with pytest.raises(
        ValueError, match=r"^load_cutouts: folder must have a subfolder of pictures for each class; got"
    ):
        load_cutouts(tmp_path)
    with pytest.raises(ValueError, match=r"^load_cutouts: there is no folder .*none"):
        load_cutouts(tmp_path / "none")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"^load_cutouts: .*1\.png is in no picture format that Pillow knows\.$"):
        load_cutouts(tmp_path)


def test_masks_are_what_is_seen_of_each_thing():
    """Alone, a thing's mask fills its box; together, masks share no pixel, cover all ink and stay in their boxes."""
    made = scenes(*sample_digits(), 40, size=(36, 52), things=(1, 4), most_overlap=0.6, noise=0, masks=True, seed=2)
    covered = 0
    for image, one in zip(made.images[..., 0], made.objects, strict=True):
        masks, boxes = one["masks"], one["boxes"]
        assert (masks.shape, masks.dtype) == ((len(boxes), 36, 52), bool)
        assert masks.sum(axis=0).max() == 1
        np.testing.assert_array_equal(masks.any(axis=0), image > 0.15)
        seen = masks_to_boxes(masks)
        assert (seen[:, :2] >= boxes[:, :2]).all()
        assert (seen[:, 2:] <= boxes[:, 2:]).all()
        covered += (seen != boxes).any(axis=1).sum()
        if len(boxes) == 1:
            np.testing.assert_array_equal(seen, boxes)
    assert covered, "some things must lie over others"
    plain = scenes(*sample_digits(), 40, size=(36, 52), things=(1, 4), most_overlap=0.6, noise=0, seed=2)
    np.testing.assert_array_equal(plain.images, made.images)
    assert "masks" not in plain.objects[0]


def test_the_lighter_of_two_is_seen():
    """A dark square over a light one and the other way round, on one place."""
    cutouts = np.stack([np.full((8, 8), 0.4), np.full((8, 8), 0.9)])
    made = scenes(
        cutouts, [3, 5], 30, size=8, things=(2, 2), sides=(8, 8), most_overlap=1.0, noise=0, masks=True, seed=0
    )
    for one in made.objects:
        first, second = one["classes"].tolist()
        assert one["masks"].all(axis=(1, 2)).tolist() == [first >= second, first < second]
