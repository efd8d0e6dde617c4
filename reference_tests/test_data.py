"""Loading pictures: the two photographs, cropping and resizing to one size, and the words for bad files."""

import numpy as np
import pytest
from PIL import Image

from numpycnn.data import fit, load_images, photographs, sample_photographs


def saved(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def noise(height, width, channels=3):
    return np.random.default_rng(7).integers(0, 256, (height, width, channels), np.uint8)


def test_sample_photographs_are_those_of_scikit_learn():
    from sklearn.datasets import load_sample_images

    pictures = sample_photographs()
    assert (pictures.shape, pictures.dtype) == ((2, 427, 640, 3), np.uint8)
    np.testing.assert_array_equal(pictures, load_sample_images().images)
    assert pictures.flags.writeable


def test_sample_photographs_name_the_extra_where_scikit_learn_is_missing(monkeypatch):
    monkeypatch.setattr(photographs, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"^sample_photographs: .*pip install numpycnn-reference\[samples\]"):
        sample_photographs()


def test_fit_takes_the_middle_of_the_right_proportions():
    wide = np.zeros((5, 90, 3), np.uint8)
    wide[:, 35:55] = (255, 51, 0)  # the middle 20 of 90 columns: four times the 5 rows
    np.testing.assert_array_equal(fit([wide], (5, 20)), np.broadcast_to(np.float32([1, 0.2, 0]), (1, 5, 20, 3)))
    tall = wide.transpose(1, 0, 2)
    np.testing.assert_array_equal(fit([tall], (20, 5)), np.broadcast_to(np.float32([1, 0.2, 0]), (1, 20, 5, 3)))


def test_fit_keeps_what_already_has_the_size():
    image = noise(6, 9)
    fitted = fit(image[None], (6, 9))
    assert fitted.dtype == np.float32
    np.testing.assert_array_equal(fitted[0], image / np.float32(255))


def test_fit_averages_where_it_shrinks():
    stripes = np.zeros((8, 80, 3), np.uint8)
    stripes[:, ::2] = 255
    np.testing.assert_allclose(fit([stripes], (1, 10))[0, 0, 2:-2], 0.5, atol=0.01)


def test_fit_brings_pictures_of_all_sizes_to_one():
    assert fit([noise(6, 9), noise(31, 4), noise(1, 1)], (5, 7)).shape == (3, 5, 7, 3)
    assert fit(iter([]), (5, 7)).shape == (0, 5, 7, 3)
    assert fit([noise(6, 9)], 4).shape == (1, 4, 4, 3)


@pytest.mark.parametrize(
    ("images", "size", "error", "words"),
    [
        ([np.zeros((4, 5, 3))], (2, 3), TypeError, "fit: images must be uint8, from 0 to 255; got float64."),
        ([noise(4, 5, 1)], (2, 3), ValueError, "fit: each image must have the axes (height, width, 3), with pixels "),
        (noise(4, 5), (2, 3), ValueError, "fit: each image must have the axes (height, width, 3), with pixels "),
        ([noise(0, 5)], (2, 3), ValueError, "fit: each image must have the axes (height, width, 3), with pixels "),
        ([noise(4, 5)], (0, 3), ValueError, "fit: size must be at least 1"),
        ([noise(4, 5)], (2.5, 3), TypeError, "fit: size must be an integer"),
    ],
)
def test_fit_refuses_what_it_cannot_fit(images, size, error, words):
    with pytest.raises(error) as caught:
        fit(images, size)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_load_images_reads_every_kind_of_picture(tmp_path):
    color, gray = noise(6, 9), noise(6, 9)[:, :, 0]
    transparent = np.dstack([color, np.full((6, 9), 255, np.uint8)])
    paths = [
        saved(tmp_path / "color.png", color),
        saved(tmp_path / "gray.png", gray),
        saved(tmp_path / "transparent.png", transparent),
        saved(tmp_path / "color.bmp", color),
    ]
    images = load_images(paths, size=(6, 9))
    assert (images.shape, images.dtype) == ((4, 6, 9, 3), np.float32)
    for image, expected in zip(images, [color, np.dstack([gray] * 3), color, color], strict=True):
        np.testing.assert_array_equal(image, expected / np.float32(255))
    np.testing.assert_array_equal(load_images(str(paths[0]), size=(6, 9)), images[:1])
    assert load_images(paths[0]).shape == (1, 224, 224, 3)


def test_load_images_turns_a_picture_as_the_camera_was_held(tmp_path):
    image = noise(6, 9)
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: the camera was turned, the top of the scene is at the right
    path = saved(tmp_path / "turned.png", image, exif=exif)
    np.testing.assert_array_equal(load_images(path, size=(9, 6))[0], np.rot90(image, -1) / np.float32(255))


def test_load_images_names_a_missing_file(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(FileNotFoundError) as caught:
            load_images([path])
        assert str(caught.value) == f"load_images: there is no file {path}."


UNKNOWN, UNREADABLE = "is in no picture format that Pillow knows.", "cannot be read as a picture: "


@pytest.mark.parametrize(
    ("kind", "words"), [("empty", UNKNOWN), ("text", UNKNOWN), ("cut", UNREADABLE), ("damaged", UNREADABLE)]
)
def test_load_images_names_a_file_that_is_no_picture(tmp_path, kind, words):
    path = saved(tmp_path / "picture.png", noise(40, 50))
    whole = path.read_bytes()
    damaged = whole[:60] + b"\0\0\0\0" + whole[64:]
    path.write_bytes({"empty": b"", "text": b"no picture", "cut": whole[:900], "damaged": damaged}[kind])
    with pytest.raises(ValueError, match=r"^load_images: ") as caught:
        load_images([path])
    assert f"{path} {words}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load_images_names_a_file_it_may_not_read(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    path = saved(tmp_path / "secret.png", noise(4, 5))
    monkeypatch.setattr(Image, "open", refused)
    with pytest.raises(ValueError, match=r"secret\.png cannot be read as a picture: .*Permission denied"):
        load_images([path])
