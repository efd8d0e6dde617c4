"""Scenes and what they are made of: cutouts from a folder, whose boxes, classes and masks are told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from numpycnn.data import load_cutouts, moving_scene, sample_digits, scenes
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
    for image, one in zip(made.images, made.objects, strict=True):
        first, second = one["classes"].tolist()
        np.testing.assert_allclose(image, 0.9 if 5 in (first, second) else 0.4, rtol=1e-6)
        assert one["masks"].all(axis=(1, 2)).tolist() == [first >= second, first < second]


CUTOUTS = np.zeros((2, 8, 8), np.float32)
CUTOUTS[0, 1:5, 2:7] = CUTOUTS[1, 3:4, 0:8] = 0.8
INKS = {9: [2, 1, 7, 5], 4: [0, 3, 8, 4]}
"""Two things as large as they are drawn, and the boxes of their ink, by class."""


def ink_box(image):
    rows, columns = np.nonzero(image > 0.5)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_a_thing_alone_lies_in_its_box_anywhere_on_the_picture():
    made = scenes(CUTOUTS, [9, 4], 400, size=(13, 21), things=(1, 1), sides=(8, 8), noise=0, seed=3)
    corners = []
    for image, one in zip(made.images[..., 0], made.objects, strict=True):
        box, kind = one["boxes"][0], one["classes"][0]
        assert ink_box(image) == box.tolist()
        corners.append(box - INKS[kind])
    assert (np.min(corners, axis=0).tolist(), np.max(corners, axis=0).tolist()) == ([0] * 4, [13, 5, 13, 5])
    assert {tuple(corner[2:] - corner[:2]) for corner in corners} == {(0, 0)}


def test_how_many_how_large_and_how_close_things_are():
    made = scenes(np.ones((1, 6, 6)), [3], 200, size=(60, 80), things=(2, 4), sides=(9, 13), most_overlap=0.3, seed=4)
    assert {len(one["boxes"]) for one in made.objects} == {2, 3, 4}
    boxes = np.concatenate([one["boxes"] for one in made.objects])
    widths, heights = (boxes[:, 2:] - boxes[:, :2]).T
    np.testing.assert_array_equal(widths, heights)
    assert set(widths.tolist()) == {9, 10, 11, 12, 13}
    closest = []
    for one in made.objects:
        filled = np.zeros((len(one["boxes"]), 60, 80), bool)
        for mask, (x1, y1, x2, y2) in zip(filled, one["boxes"].astype(int), strict=True):
            mask[y1:y2, x1:x2] = True
        for i, k in zip(*np.triu_indices(len(filled), 1), strict=True):
            closest.append((filled[i] & filled[k]).sum() / min(filled[i].sum(), filled[k].sum()))
    assert 0.2 < max(closest) <= 0.3


def test_noise_is_as_strong_as_asked_and_pixels_stay_from_0_to_1():
    made = scenes(np.ones((1, 6, 6)), [3], 20, size=(40, 50), noise=0.02, seed=5)
    images = made.images
    assert (images.min(), images.max(), images.dtype) == (0, 1, np.float32)
    dark = images[(images > 0) & (images < 0.5)]
    assert np.sqrt((dark**2).mean()) == pytest.approx(0.02, rel=0.05)


def bounces(places, room, fastest):
    """The speed with which a point that goes to and fro between 0 and room passes the places, none a pixel off."""
    if not room and not places.any():
        return 0
    t, speeds = np.arange(len(places)), np.arange(-fastest, fastest, 0.004)
    for start in places[0] + np.linspace(-0.5, 0.5, 5):
        path = start + speeds[:, None] * t
        found = room / np.pi * np.arccos(np.cos(np.pi * path / room))
        off = np.abs(found - places).max(axis=1)
        if off.min() <= 0.8:
            return abs(speeds[off.argmin()])
    raise AssertionError(f"{places} is no path between 0 and {room}")


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(30, 47), (8, 33)]))
def test_a_thing_in_motion_turns_back_at_the_borders(seed, size):
    made = moving_scene(CUTOUTS, [9, 4], 40, size=size, things=1, side=8, speed=(2.0, 3.0), seed=seed)
    (kind,) = made.objects[0]["classes"]
    corners = []
    for image, one in zip(made.images[..., 0], made.objects, strict=True):
        assert (one["ids"].tolist(), one["classes"].tolist()) == ([0], [kind])
        assert [ink_box(image)] == one["boxes"].tolist()
        corners.append(one["boxes"][0] - INKS[kind])
    x, y = np.array(corners)[:, :2].T
    speeds = bounces(x, size[1] - 8, 3.1), bounces(y, size[0] - 8, 3.1)
    assert np.hypot(*speeds) < 3.1
    assert np.hypot(*speeds) > 1.9 or size[0] == 8  # where there is no way up and down


def test_things_without_ink_are_as_large_as_their_cutout_and_those_that_do_not_fit_are_refused():
    blank = np.zeros((1, 6, 6))
    (one,) = scenes(blank, [3], 1, size=(9, 9), things=(1, 1), sides=(9, 9)).objects
    assert one["boxes"].tolist() == [[0, 0, 9, 9]]
    with pytest.raises(ValueError, match=r"scenes: sides must fit a picture of 9 x 12; got sides \(8, 10\)"):
        scenes(blank, [3], 1, size=(9, 12), sides=(8, 10))
    with pytest.raises(ValueError, match=r"moving_scene: side must fit a picture of 9 x 12; got side 10"):
        moving_scene(blank, [3], 1, size=(9, 12), side=10)
    for labels in ([3, 4], 3):
        with pytest.raises(ValueError, match=r"cutouts must have the axes \(n, height, width\), and labels \(n,\)"):
            scenes(blank, labels, 1)
