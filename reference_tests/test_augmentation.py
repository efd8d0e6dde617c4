"""Augmentation: each change alone against exact expectations, all together against TensorFlow, and what is drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn.data import Augmentation, augmentation_from

STILL = [1, 0, 0, 0, 1, 0, 1, 0]


def pictures(n=3, height=6, width=9, channels=2, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, channels), np.uint8)


def numbers(**changes):
    row = dict(zip(("xx", "xy", "x", "yx", "yy", "y", "contrast", "brightness"), STILL, strict=True)) | changes
    return np.float32([list(row.values())] * 3)


EVERYTHING = Augmentation(flip=True, rotation=90, shift=0.4, crop=0.3, contrast=0.5, brightness=0.3)


def test_no_change_is_no_change():
    x = pictures()
    drawn = Augmentation().draw(np.random.default_rng(0), 3, x.shape[1:])
    np.testing.assert_array_equal(drawn, [STILL] * 3)
    np.testing.assert_array_equal(EVERYTHING.apply(x, drawn), x)
    assert Augmentation().apply(x, drawn).dtype == np.float32


def test_flips_mirror_about_half_of_the_pictures_exactly():
    x = pictures(200)
    drawn = Augmentation(flip=True).draw(np.random.default_rng(0), 200, x.shape[1:])
    y = Augmentation(flip=True).apply(x, drawn)
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(y, x, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(y, x, strict=True)]
    assert np.logical_xor(mirrored, same).all()
    assert 75 < sum(mirrored) < 125


@pytest.mark.parametrize(
    ("fill", "left"),
    [
        ("constant", lambda x: 0 * x[:, :, :2]),
        ("nearest", lambda x: x[:, :, [0, 0]]),
        ("reflect", lambda x: x[:, :, [1, 0]]),
    ],
)
def test_a_shift_by_whole_pixels_moves_them_and_fills(fill, left):
    x = pictures()
    y = Augmentation(shift=0.5, fill=fill).apply(x, numbers(x=-2, y=1))
    moved = np.concatenate([left(x), x[:, :, :-2]], axis=2)[:, 1:]
    np.testing.assert_array_equal(y[:, :-1], moved)


def test_a_rotation_turns_a_square_counterclockwise_around_its_middle():
    x = pictures(3, 7, 7)
    augmentation = Augmentation(rotation=90)
    drawn = augmentation.draw(np.random.default_rng(0), 500, x.shape[1:])
    corner = drawn[:, [0, 1, 2, 3, 4, 5]].reshape(-1, 2, 3)
    np.testing.assert_allclose(corner[:, :, :2] @ np.float32([3, 3]) + corner[:, :, 2], 3, atol=1e-5)
    quarter = numbers(xx=0, xy=-1, x=6, yx=1, yy=0, y=0)
    np.testing.assert_array_equal(augmentation.apply(x, quarter), np.rot90(x, axes=(1, 2)))


def test_flips_and_rotations_keep_angles_and_a_crop_scales_both_axes_alike():
    drawn = EVERYTHING.draw(np.random.default_rng(0), 50, (11, 15, 3))
    linear = drawn[:, [0, 1, 3, 4]].reshape(-1, 2, 2).astype(float)
    product = linear.transpose(0, 2, 1) @ linear
    np.testing.assert_allclose(product, np.abs(np.linalg.det(linear))[:, None, None] * np.eye(2), atol=1e-6)
    assert (np.linalg.det(linear) < 0).any()


def test_what_is_drawn_stays_in_its_range_and_fills_it():
    augmentation = Augmentation(rotation=30, contrast=0.5, brightness=0.25)
    drawn = augmentation.draw(np.random.default_rng(0), 4000, (10, 14, 3))
    angles = np.rad2deg(np.arctan2(drawn[:, 3], drawn[:, 0]))
    for values, low, high in ((angles, -30, 30), (drawn[:, 6], 0.5, 1.5), (drawn[:, 7], -0.25, 0.25)):
        np.testing.assert_allclose([values.min(), values.max()], [low, high], atol=(high - low) / 100)
        assert low - 1e-4 < values.min()
        assert values.max() < high + 1e-4
    shifts = Augmentation(shift=0.2).draw(np.random.default_rng(0), 4000, (10, 14, 3))
    np.testing.assert_allclose(np.abs(shifts[:, [2, 5]]).max(axis=0), [2.8, 2.0], rtol=0.01)


def test_a_crop_is_enlarged_from_anywhere_within_the_picture():
    drawn = Augmentation(crop=0.4).draw(np.random.default_rng(0), 4000, (11, 15, 3))
    scales = drawn[:, 0]
    np.testing.assert_allclose([scales.min(), scales.max()], [0.6, 1], atol=0.01)
    np.testing.assert_array_equal(drawn[:, 4], scales)
    for first, size, scale in ((drawn[:, 2], 15, scales), (drawn[:, 5], 11, scales)):
        # The outer borders of the crop, half a pixel beyond the middles of its first and last pixel.
        low, high = first - 0.5 * scale, first + (size - 0.5) * scale
        assert low.min() > -0.501
        assert high.max() < size - 0.499
        assert low.max() > 0.3 * size


def test_turning_one_change_on_leaves_the_others_as_they_were():
    some = Augmentation(rotation=20, contrast=0.4).draw(np.random.default_rng(5), 4, (8, 9, 1))
    more = Augmentation(rotation=20, contrast=0.4, brightness=0.2).draw(np.random.default_rng(5), 4, (8, 9, 1))
    np.testing.assert_array_equal(some[:, :7], more[:, :7])


def test_light_is_the_same_for_bytes_and_for_floats():
    x = pictures()
    light = Augmentation(contrast=0.5, brightness=0.5)
    drawn = numbers(contrast=0.5, brightness=0.25)
    mean = x.mean(axis=(1, 2), keepdims=True)
    expected = np.clip((x - mean) * 0.5 + mean + 63.75, 0, 255)
    np.testing.assert_allclose(light.apply(x, drawn), expected, rtol=1e-5)
    np.testing.assert_allclose(light.apply(x / 255, drawn), expected / 255, rtol=1e-5)


@settings(max_examples=30)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 13), st.integers(1, 3)),
    st.sampled_from(["constant", "nearest", "reflect"]),
    st.booleans(),
    st.integers(0, 2**16),
)
def test_tensorflow_makes_the_same_pictures_of_the_same_numbers(shape, fill, as_bytes, seed):
    import tensorflow as tf

    from numpycnn.training.tf_augmentation import tf_apply

    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, shape, np.uint8) if as_bytes else rng.random(shape, np.float32)
    given = Augmentation(flip=True, rotation=180, shift=0.9, crop=0.5, contrast=0.9, brightness=0.9, fill=fill)
    drawn = given.draw(rng, len(x), shape[1:])
    ours, theirs = given.apply(x, drawn), tf_apply(given, tf.constant(x), tf.constant(drawn)).numpy()
    assert theirs.dtype == ours.dtype
    # Places are sums of three terms up to a few sides long, in float32; a pixel differs from its neighbour by up to 1.
    bound = 64 * np.finfo(np.float32).eps * max(shape[1:3]) * (255 if as_bytes else 1)
    assert np.abs(ours - theirs).max(initial=0) <= bound


def test_a_pipeline_of_tensorflow_applies_it():
    import tensorflow as tf

    from numpycnn.training.tf_augmentation import tf_apply

    x = pictures(5)
    drawn = EVERYTHING.draw(np.random.default_rng(2), 5, x.shape[1:])
    dataset = tf.data.Dataset.from_tensor_slices((x, drawn)).batch(2).map(lambda x, n: tf_apply(EVERYTHING, x, n))
    assert dataset.element_spec.shape.as_list() == [None, 6, 9, 2]
    theirs = np.concatenate(list(dataset.as_numpy_iterator()))
    np.testing.assert_allclose(EVERYTHING.apply(x, drawn), theirs, atol=0.02)


def test_words_become_an_augmentation():
    given = augmentation_from("flip, rotation=10,shift=0.125,crop=.25,contrast=0.5,brightness=0,fill=reflect")
    assert given == Augmentation(flip=True, rotation=10, shift=0.125, crop=0.25, contrast=0.5, fill="reflect")
    assert augmentation_from("") == Augmentation()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flop", r"augment: must name some of flip, rotation, .*; got word 'flop'\."),
        ("flip,flip", "flip must be said once"),
        ("flip=1", "flip stands alone; got flip '1'"),
        ("shift", "shift must have a number, as shift=0.1; got shift ''"),
        ("shift=wide", "shift must have a number"),
        ("rotation=181", "Augmentation: rotation must be a number from 0 to 180; got rotation 181.0"),
        ("crop=1", "crop must be a number from 0 to below 1"),
        ("contrast=nan", "contrast must be a number from 0 to 1"),
        ("fill=white", "fill must be one of constant, nearest, reflect"),
    ],
)
def test_words_that_are_no_augmentation(text, words):
    with pytest.raises(ValueError, match=words):
        augmentation_from(text)


def test_pictures_and_numbers_must_go_together():
    with pytest.raises(ValueError, match=r"Augmentation\.apply: numbers must have 8 numbers a picture, \(3, 8\)"):
        EVERYTHING.apply(pictures(), numbers()[:2])
    assert EVERYTHING.apply(pictures(0), np.zeros((0, 8))).shape == (0, 6, 9, 2)
