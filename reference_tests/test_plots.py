"""Pictures of arrays: what stands where in them, and the words for arrays that do not go together."""

import builtins

import numpy as np
import pytest
from PIL import Image

from numpycnn.plots import boxes_in_pictures, class_maps, feature_maps, precision_recall

MAPS = np.random.default_rng(3).normal(size=(2, 5, 7, 3))
IMAGES = np.random.default_rng(4).uniform(size=(2, 9, 4, 3))


def drawn(figure):
    """The arrays in a figure, row by row, by title."""
    return [(ax.get_title(), np.asarray(ax.images[0].get_array())) for ax in figure.axes]


def test_one_row_for_each_image_and_one_picture_for_each_map():
    pictures = drawn(feature_maps(MAPS))
    assert [title for title, _ in pictures] == ["map 0", "map 1", "map 2", "", "", ""]
    for position, (_, array) in enumerate(pictures):
        np.testing.assert_array_equal(array, MAPS[position // 3, :, :, position % 3])


def test_images_stand_first_in_their_row():
    pictures = drawn(feature_maps(MAPS, images=IMAGES, titles=["a", "b", "c"]))
    assert [title for title, _ in pictures] == ["image", "a", "b", "c", "", "", "", ""]
    np.testing.assert_array_equal(pictures[0][1], IMAGES[0])
    np.testing.assert_array_equal(pictures[4][1], IMAGES[1])
    np.testing.assert_array_equal(pictures[5][1], MAPS[1, :, :, 0])


@pytest.mark.parametrize("dtype", [np.float16, ">f4", np.int64, bool])
def test_maps_of_any_dtype_are_saved(tmp_path, dtype):
    path = tmp_path / "maps.png"
    feature_maps((MAPS * 10).astype(dtype), path=path)
    with Image.open(path) as picture:
        assert picture.width > picture.height


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"maps": MAPS[0]}, "feature_maps: maps must have the axes (batch, height, width, channels)"),
        ({"maps": MAPS[:0]}, "feature_maps: there must be at least one image, pixel and channel"),
        ({"maps": MAPS, "titles": ["a"]}, "feature_maps: titles must name each of the 3 channels"),
        ({"maps": MAPS, "images": IMAGES[:1]}, "feature_maps: images must be 2, one for each row of maps, and RGB"),
        ({"maps": MAPS, "images": IMAGES[..., :2]}, "feature_maps: images must be 2, one for each row of maps"),
        ({"maps": MAPS, "images": IMAGES[0]}, "feature_maps: images must have the axes"),
    ],
)
def test_arrays_that_do_not_go_together_are_refused(arguments, words):
    with pytest.raises(ValueError, match=r"^feature_maps: ") as caught:
        feature_maps(**arguments)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_the_extra_is_named_where_matplotlib_is_missing(monkeypatch):
    import_module = builtins.__import__

    def without_matplotlib(name, *arguments, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return import_module(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(ImportError, match=r"^feature_maps: .*pip install numpycnn-reference\[plots\]"):
        feature_maps(MAPS)


def test_boxes_stand_where_they_are_and_carry_their_labels():
    boxes = [[[1, 2, 3, 6]], np.zeros((0, 4)), [[0, 0, 2, 2], [0.5, 1, 4, 9]]]
    labels, colours = [["a"], [], ["b", "c"]], [["red"], [], ["blue", "red"]]
    images = np.random.default_rng(5).uniform(size=(3, 9, 4, 3))
    figure = boxes_in_pictures(images, boxes, labels=labels, colours=colours, titles=["x", "y", "z"], columns=2)
    assert len(figure.axes) == 4
    for axis, own, words, title in zip(figure.axes, boxes, labels, "xyz", strict=False):
        assert [text.get_text() for text in axis.texts] == words
        drawn = [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in axis.patches]
        assert drawn == [(x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in own]
        assert axis.get_title() == title
    relative = boxes_in_pictures(images[:1], [[[0.5, 0.5, 0.5, 1]]], format="rel_center_xywh").axes[0].patches[0]
    assert (relative.get_xy(), relative.get_width(), relative.get_height()) == ((1, 0), 2, 9)
    with pytest.raises(ValueError, match="boxes_in_pictures: there must be pictures, and boxes for each; got 1 lists"):
        boxes_in_pictures(images, [[]])


def test_the_curve_of_precision_and_the_best_from_there_on():
    lines = precision_recall([0.25, 0.5, 0.5], [0.5, 1, 0.75], title="t").axes[0].lines
    np.testing.assert_array_equal(lines[0].get_xydata(), [[0.25, 0.5], [0.5, 1], [0.5, 0.75]])
    np.testing.assert_array_equal(lines[1].get_xydata(), [[0, 1], [0.25, 1], [0.5, 1], [0.5, 0.75]])
    np.testing.assert_array_equal(lines[2].get_ydata(), [1] * 6 + [0] * 5)


def test_class_maps_stand_beside_their_image_in_the_colour_of_each_class():
    numbers = np.random.default_rng(6).integers(0, 5, (2, 9, 4))
    pictures = drawn(class_maps(IMAGES, {"true": numbers, "found": numbers[::-1]}, 5))
    assert [title for title, _ in pictures] == ["image", "true", "found", "", "", ""]
    np.testing.assert_array_equal(pictures[3][1], IMAGES[1])
    np.testing.assert_array_equal(pictures[1][1], pictures[5][1])
    colours = {k: {tuple(pixel) for pixel in pictures[4][1][numbers[1] == k]} for k in range(5)}
    assert colours[0] == {(0, 0, 0)}
    assert [len(own) for own in colours.values()] == [1] * 5
    assert len(set.union(*colours.values())) == 5
    with pytest.raises(ValueError, match=r"class_maps: true must hold a class number in \[0, 4\) for each pixel"):
        class_maps(IMAGES, {"true": numbers}, 4)
    with pytest.raises(ValueError, match=r"class_maps: true must hold a class number in \[0, 5\) for each pixel"):
        class_maps(IMAGES, {"true": numbers[:, 1:]}, 5)
