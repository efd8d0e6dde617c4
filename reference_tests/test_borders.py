"""Padding and cropping: the forms of the argument, where the middle is, and the errors."""

import keras
import numpy as np
import pytest

from numpycnn.ops import (
    center_crop,
    center_crop_backward,
    cropping2d,
    cropping2d_backward,
    zero_padding2d,
    zero_padding2d_backward,
)

X = np.arange(2 * 7 * 6 * 3, dtype=float).reshape(2, 7, 6, 3) + 1
FORMS = [
    (2, ((2, 2), (2, 2))),
    (0, ((0, 0), (0, 0))),
    ((3, 1), ((3, 3), (1, 1))),
    (((1, 2), (3, 0)), ((1, 2), (3, 0))),
    ((1, (0, 2)), ((1, 1), (0, 2))),
    (np.array([[1, 2], [3, 0]]), ((1, 2), (3, 0))),
    (np.int64(1), ((1, 1), (1, 1))),
]


@pytest.mark.parametrize(("given", "sides"), FORMS)
def test_forms(given, sides):
    (top, bottom), (left, right) = sides
    padded = zero_padding2d(X, given)
    assert padded.shape == (2, top + 7 + bottom, left + 6 + right, 3)
    np.testing.assert_array_equal(padded[:, top : top + 7, left : left + 6], X)
    assert np.count_nonzero(padded) == X.size
    np.testing.assert_array_equal(cropping2d(padded, given), X)
    np.testing.assert_array_equal(zero_padding2d_backward(padded, X, given), X)
    np.testing.assert_array_equal(cropping2d_backward(X, padded, given), padded)


def test_results_are_fresh_where_nothing_is_done():
    for y in (zero_padding2d(X, 0), cropping2d(X, 0), center_crop(X, 7, 6)):
        np.testing.assert_array_equal(y, X)
        assert not np.shares_memory(y, X)
        assert y.flags.writeable
    dy = X.copy()
    for dx in (
        zero_padding2d_backward(dy, X, 0),
        cropping2d_backward(dy, X, 0),
        center_crop_backward(dy, X, 7, 6),
    ):
        assert not np.shares_memory(dx, dy)


def test_nan_and_infinity_stay_where_they_are():
    x = X.copy()
    x[1, 2, 3, 0], x[0, 1, 2, 2] = np.nan, -np.inf
    padded = zero_padding2d(x, ((1, 2), (3, 4)))
    assert np.argwhere(np.isnan(padded)).tolist() == [[1, 3, 6, 0]]
    assert np.argwhere(np.isinf(padded)).tolist() == [[0, 2, 5, 2]]
    np.testing.assert_array_equal(cropping2d(x, 1), x[:, 1:-1, 1:-1])


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 2), (7, 6), (6, 5), (9, 6), (7, 8), (9, 8), (3, 20), (40, 1)])
def test_center_crop_is_that_of_keras_at_every_parity(size):
    theirs = keras.layers.CenterCrop(*size)(X.astype(np.float32)).numpy()
    np.testing.assert_allclose(center_crop(X, *size), theirs, rtol=1e-6)


def test_center_crop_of_a_dtype():
    assert center_crop(X.astype(np.float16), 9, 8).dtype == np.float16
    assert center_crop(X.astype(np.int32), 3, 2).dtype == np.float64


AXES = "x must have the axes (batch, height, width, channels); got x (7, 6, 3)."
FORM = "must be an integer, (height, width) or ((top, bottom), (left, right))"
ERRORS = [
    (zero_padding2d, (X[0],), ValueError, AXES),
    (zero_padding2d, (X, -1), ValueError, "padding must be at least 0; got padding -1."),
    (zero_padding2d, (X, 1.5), TypeError, "padding must be an integer; got padding 1.5."),
    (zero_padding2d, (X, "same"), TypeError, "padding must be an integer; got padding 'same'."),
    (zero_padding2d, (X, (1, 2, 3)), ValueError, f"padding {FORM}; got padding (1, 2, 3)."),
    (zero_padding2d, (X, ((1, 2, 3), 1)), ValueError, f"padding {FORM}; got padding ((1, 2, 3), 1)."),
    (
        zero_padding2d_backward, (X, X, 1), ValueError,
        "dy must have the shape of the output, (2, 9, 8, 3); got dy (2, 7, 6, 3).",
    ),
    (cropping2d, (X[0],), ValueError, AXES),
    (
        cropping2d, (X, ((3, 4), (0, 0))), ValueError,
        "top + bottom (3 + 4) must be less than the height (7); got x (2, 7, 6, 3), cropping ((3, 4), (0, 0)).",
    ),
    (
        cropping2d, (X, (0, 3)), ValueError,
        "left + right (3 + 3) must be less than the width (6); got x (2, 7, 6, 3), cropping (0, 3).",
    ),
    (cropping2d, (X, (0, -1)), ValueError, "cropping must be at least 0; got cropping -1."),
    (
        cropping2d_backward, (X, X, 1), ValueError,
        "dy must have the shape of the output, (2, 5, 4, 3); got dy (2, 7, 6, 3).",
    ),
    (center_crop, (X[0], 2, 2), ValueError, AXES),
    (center_crop, (X, 0, 2), ValueError, "height must be at least 1; got height 0."),
    (center_crop, (X, 2, 2.0), TypeError, "width must be an integer; got width 2.0."),
    (center_crop, (X[:, :0], 2, 2), ValueError, "x must have at least one pixel; got x (2, 0, 6, 3)."),
    (
        center_crop_backward, (X, X, 3, 2), ValueError,
        "dy must have the shape of the output, (2, 3, 2, 3); got dy (2, 7, 6, 3).",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("op", "arguments", "error", "text"), ERRORS)
def test_messages(op, arguments, error, text):
    with pytest.raises(error) as caught:
        op(*arguments)
    assert str(caught.value) == f"{op.__name__}: {text}"
