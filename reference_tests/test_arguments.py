"""What ops do with their arguments: promotion of dtypes, whole numbers, pairs, axes, and the words of the errors."""

import itertools

import numpy as np
import pytest

from numpycnn.ops import conv2d, max_pool2d, resize, zero_padding2d
from numpycnn.ops.arguments import (
    IMAGES,
    accumulator,
    axis_index,
    check_rank,
    check_shape,
    describe,
    entries,
    fail,
    floating,
    ieee,
    integer,
    pair,
)

FLOATS = [np.float16, np.float32, np.float64]
INTEGERS = [np.bool_, np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64]


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_float_stays_and_is_not_copied(dtype):
    x = np.ones((2, 3), dtype)
    (same,) = floating("op", x=x)
    assert same is x


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_become_float64(dtype):
    (x,) = floating("op", x=np.ones((2, 3), dtype))
    assert x.dtype == np.float64
    x, y = floating("op", x=np.ones(2, dtype), y=np.ones(3, np.int16))
    assert x.dtype == y.dtype == np.float64


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(FLOATS, 2)))
def test_the_wider_float_wins(one, other):
    x, y = floating("op", x=np.ones(2, one), y=np.ones(3, other))
    assert x.dtype == y.dtype == other


def test_a_float_beside_integers_is_promoted_as_in_numpy():
    for float_, whole in itertools.product(FLOATS, INTEGERS):
        x, y = floating("op", x=np.ones(2, float_), y=np.ones(3, whole))
        assert x.dtype == y.dtype == np.result_type(float_, whole)
    assert floating("op", x=np.ones(2, np.float32), y=np.ones(3, np.uint8))[1].dtype == np.float32


def test_none_stays_none_and_the_order_is_kept():
    x, y, z = floating("op", x=None, y=[1, 2], z=np.float32([3]))
    assert x is None
    assert (y.tolist(), z.tolist()) == ([1.0, 2.0], [3.0])
    assert floating("op", x=None) == [None]


@pytest.mark.parametrize("dtype", FLOATS)
def test_byte_order_becomes_the_machine_s(dtype):
    foreign = np.arange(3, dtype=np.dtype(dtype).newbyteorder(">"))
    (x,) = floating("op", x=foreign)
    assert x.dtype == dtype
    assert x.dtype.isnative
    np.testing.assert_array_equal(x, foreign)
    assert conv2d(np.ones((1, 2, 3, 1), np.dtype(dtype).newbyteorder(">")), np.ones((1, 1, 1, 1), dtype)).dtype == dtype


WIDE = [np.longdouble] if np.dtype(np.longdouble).itemsize > 8 else []


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.ones(2, np.complex64), "complex64"),
        (1j, "complex128"),
        (np.array(["a", "b"]), "<U1"),
        (np.array([b"a"]), "|S1"),
        (np.array([None, 1]), "object"),
        (np.array([1, 2], object), "object"),
        (np.array(["2020-01-01"], "M8[D]"), "datetime64[D]"),
        (np.zeros(2, [("a", float)]), "[('a', '<f8')]"),
        *((np.ones(2, wide), np.dtype(wide).name) for wide in WIDE),
    ],
)
def test_what_is_no_number_of_ours_is_a_type_error(value, kind):
    with pytest.raises(TypeError) as caught:
        floating("conv2d", kernel=np.ones(2), x=value)
    assert str(caught.value) == f"conv2d: x must be float16, float32, float64 or integer; got x {kind}."


def test_ragged_rows_are_a_type_error():
    with pytest.raises(TypeError) as caught:
        floating("relu", x=[[1, 2], [3]])
    assert str(caught.value) == "relu: x must be an array, its rows of equal lengths; got x [[1, 2], [3]]."


def test_lists_and_integers_go_through_an_op():
    y = conv2d([[[[1], [2], [3]]]], [[[[1]], [[10]]]])
    assert y.dtype == np.float64
    assert y.ravel().tolist() == [21, 32]
    assert zero_padding2d(np.ones((1, 1, 1, 1), np.uint8)).dtype == np.float64


@pytest.mark.parametrize(
    ("dtype", "wide"), [(np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64)]
)
def test_accumulator(dtype, wide):
    assert accumulator(dtype) == wide
    assert accumulator(np.dtype(dtype)) == wide


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.int64, np.uint16])
def test_numpy_integers_are_integers(kind):
    assert integer("op", "strides", kind(3)) == 3
    assert type(integer("op", "strides", kind(3))) is int
    assert pair("op", "strides", (kind(3), 2)) == (3, 2)
    assert pair("op", "strides", np.array([3, 2], kind)) == (3, 2)
    x, kernel = np.ones((1, 5, 4, 1)), np.ones((1, 1, 1, 1))
    assert conv2d(x, kernel, strides=kind(2)).shape == (1, 3, 2, 1)
    assert conv2d(x, kernel, strides=[kind(3), kind(2)], groups=kind(1), padding=kind(1)).shape == (1, 3, 3, 1)
    assert resize(x, kind(3)).shape == (1, 3, 3, 1)


@pytest.mark.parametrize("value", [True, False, np.True_, 1.0, np.float32(2), "1", None, 1j, [2], (), np.array([2.0])])
def test_what_is_no_integer_is_a_type_error(value):
    with pytest.raises(TypeError) as caught:
        integer("op", "groups", value)
    assert str(caught.value) == f"op: groups must be an integer; got groups {value!r}."


@pytest.mark.parametrize("strides", [True, (1, True), [np.True_, 1], 2.0, (1, 2.0), "2", "22", None])
def test_strides_that_are_no_integers(strides):
    for op in (conv2d, max_pool2d):
        second = np.ones((1, 1, 1, 1)) if op is conv2d else 1
        if strides is None and op is max_pool2d:
            continue  # the window's own size
        with pytest.raises(TypeError, match=f"^{op.__name__}: strides must be an integer; got strides"):
            op(np.ones((1, 5, 4, 1)), second, strides=strides)


def test_integer_has_a_least_value():
    assert integer("op", "padding", 0, least=0) == 0
    assert integer("op", "axis", -2, least=-2) == -2
    for value, least in ((0, 1), (-1, 0), (-3, -2)):
        with pytest.raises(ValueError, match=r"^op: n must be at least") as caught:
            integer("op", "n", value, least=least)
        assert str(caught.value) == f"op: n must be at least {least}; got n {value}."


def test_pair():
    assert pair("op", "size", 3) == (3, 3)
    assert pair("op", "size", (3, 5)) == pair("op", "size", [3, 5]) == (3, 5)
    assert pair("op", "size", np.array(3)) == (3, 3)
    for wrong in ((1, 2, 3), (1,), np.ones(3, int)):
        with pytest.raises(ValueError, match=r"^op: size must be one integer or two \(height, width\); got size "):
            pair("op", "size", wrong)
    with pytest.raises(ValueError, match=r"^op: size must be at least 1; got size 0\.$"):
        pair("op", "size", (1, 0))


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (3, 0),
        ("same", 0),
        (None, 0),
        (np.array(3), 0),
        ((1, 2), 2),
        ([1, 2, 3], 3),
        (np.ones((2, 5)), 2),
        ((1, (2, 3)), 2),
    ],
)
def test_entries(value, count):
    assert entries(value) == count


def test_axis_index():
    assert [axis_index("op", "axis", axis, 4) for axis in (-4, -1, 0, 3)] == [0, 3, 0, 3]
    with pytest.raises(ValueError, match=r"^op: axis must lie in \[-4, 4\) for an array with 4 axes; got axis 4\.$"):
        axis_index("op", "axis", 4, 4)
    with pytest.raises(ValueError, match=r"^op: axis must be at least -4; got axis -5\.$"):
        axis_index("op", "axis", -5, 4)
    with pytest.raises(TypeError, match=r"^op: axis must be an integer"):
        axis_index("op", "axis", 1.0, 4)


def test_fail_says_what_came_in():
    with pytest.raises(ValueError, match="rule") as caught:
        fail("op", "the rule", x=np.ones((2, 3)), padding="same", bias=None, strides=(1, 2))
    assert str(caught.value) == "op: the rule; got x (2, 3), padding 'same', strides (1, 2)."
    with pytest.raises(ValueError, match=r"^op: the rule\.$"):
        fail("op", "the rule")
    assert describe(np.ones((4, 5))) == "(4, 5)"


def test_check_rank_and_shape():
    check_rank("op", IMAGES, x=np.ones((1, 2, 3, 4)))
    check_shape("op", [2, 3], "the shape of the output", dy=np.ones((2, 3)))
    with pytest.raises(
        ValueError, match=r"^op: x must have the axes \(batch, height, width, channels\); got x \(2, 3\)\.$"
    ):
        check_rank("op", IMAGES, x=np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"^op: x must be an array; got x None\.$"):
        check_rank("op", IMAGES, x=None)
    with pytest.raises(ValueError, match=r"^op: dy must have the shape of the output, \(2, 3\); got dy \(3, 2\)\.$"):
        check_shape("op", (2, 3), "the shape of the output", dy=np.ones((3, 2)))


def test_ieee_lets_infinities_and_nan_pass():
    @ieee
    def twice(x):
        """Said twice."""
        return x * 2 - np.inf

    assert np.isnan(twice(np.array([1e308, np.inf])))[1]
    assert twice.__doc__ == "Said twice."
    with np.errstate(all="raise"):
        twice(np.array([1e308]))
        with pytest.raises(FloatingPointError):
            np.array([1e308]) * 10
