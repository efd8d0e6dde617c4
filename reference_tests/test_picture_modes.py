"""Pictures of every kind of pixels that files hold: bytes, palettes, transparency, 16 bits, and what has no range."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from numpycnn.data import load_images
from numpycnn.data.photographs import read_picture

RNG = np.random.default_rng(3)
DEEP = RNG.integers(0, 65536, (9, 7)).astype(np.uint16)
COLOUR = Image.fromarray(RNG.integers(0, 256, (9, 7, 3), np.uint8))


def test_16_bits_are_read_as_tensorflow_reads_them(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(DEEP).save(path)
    expected = tf.io.decode_png(path.read_bytes(), channels=3).numpy()
    np.testing.assert_array_equal(read_picture("test", path), expected)
    np.testing.assert_array_equal(read_picture("test", path, gray=True), expected[..., :1])
    assert len(np.unique(expected)) > 30  # not all white
    assert load_images(path, size=(9, 7)).mean() < 0.6


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
def test_other_pixels_are_tensorflow_s_too(tmp_path, mode):
    """Transparency is left away, and the colour under it stays."""
    picture = COLOUR.convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.fromarray(RNG.integers(0, 256, (9, 7), np.uint8)))
    picture.save(tmp_path / "p.png")
    expected = tf.io.decode_png((tmp_path / "p.png").read_bytes(), channels=3).numpy()
    np.testing.assert_array_equal(read_picture("test", tmp_path / "p.png"), expected)


def test_a_palette_is_its_colours_and_of_a_film_the_first_picture_is_taken(tmp_path):
    palette = COLOUR.quantize(8)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_picture("test", tmp_path / "p.png"), np.asarray(palette.convert("RGB")))
    frames = [Image.fromarray(np.full((8, 6), value, np.uint8)) for value in (10, 200)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_picture("test", tmp_path / "film.gif"), np.full((8, 6, 3), 10, np.uint8))


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_without_a_range_are_refused(tmp_path, dtype):
    Image.fromarray(DEEP.astype(dtype)).save(tmp_path / "p.tif")
    with pytest.raises(ValueError, match=r"p.tif cannot be read as a picture: the range of its pixels of 32"):
        load_images(tmp_path / "p.tif")


def test_a_picture_is_turned_as_the_camera_was_held(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned left: the picture is to be turned right
    COLOUR.save(tmp_path / "p.png", exif=exif)
    np.testing.assert_array_equal(read_picture("test", tmp_path / "p.png"), np.rot90(np.asarray(COLOUR), -1))
