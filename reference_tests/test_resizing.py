"""Resizing with crop or padding to the right proportions, against Keras's own layer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn.data import resize_pictures

SIDE = st.integers(1, 40)


@settings(max_examples=40)
@given(
    st.tuples(SIDE, SIDE),
    st.tuples(SIDE, SIDE),
    st.sampled_from(["crop", "pad", "stretch"]),
    st.sampled_from(["bilinear", "nearest"]),
    st.booleans(),
)
def test_keras_resizes_to_the_same_pixels(before, after, resizing, interpolation, as_bytes):
    import keras

    x = np.random.default_rng(before[0]).integers(0, 256, (2, *before, 3), np.uint8)
    x = x if as_bytes else x.astype(np.float32) / 255
    wanted = "float32" if resizing == "pad" else str(x.dtype)  # Keras 3.15 raises where it pads bytes
    layer = keras.layers.Resizing(
        *after,
        interpolation=interpolation,
        crop_to_aspect_ratio=resizing == "crop",
        pad_to_aspect_ratio=resizing == "pad",
        dtype=wanted,
    )
    ours = resize_pictures(x, after, resizing=resizing, interpolation=interpolation)
    theirs = layer(x.astype(wanted)).numpy()
    assert ours.dtype == x.dtype
    if as_bytes:  # what lies half way between two bytes may be rounded to either
        theirs = np.rint(theirs)
        assert np.abs(ours.astype(int) - theirs).max() <= 1
        assert (ours != theirs).mean() < 0.02
    else:
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_result_is_a_picture_of_its_own():
    x = np.zeros((1, 4, 5, 1), np.uint8)
    resize_pictures(x, (4, 5))[:] = 1
    assert not x.any()


@pytest.mark.parametrize(
    ("x", "options", "error", "words"),
    [
        (np.zeros((4, 5, 3), np.uint8), {}, ValueError, "x must have the axes"),
        (np.zeros((1, 4, 5, 3)), {}, TypeError, "x must be uint8 or float32; got x float64"),
        (
            np.zeros((1, 4, 5, 3), np.uint8),
            {"resizing": "zoom"},
            ValueError,
            "resizing must be one of crop, pad, stretch",
        ),
        (np.zeros((1, 4, 5, 3), np.uint8), {"size": 0}, ValueError, "size must be at least 1"),
    ],
)
def test_what_cannot_be_resized(x, options, error, words):
    with pytest.raises(error, match=f"^resize_pictures: {words}"):
        resize_pictures(x, **({"size": (2, 3)} | options))


def test_of_a_picture_far_too_wide_a_row_is_left():
    x = np.arange(15, dtype=np.uint8).reshape(1, 3, 5, 1)
    assert resize_pictures(x, (1, 50)).shape == (1, 1, 50, 1)
    assert resize_pictures(x, (50, 1)).shape == (1, 50, 1, 1)
