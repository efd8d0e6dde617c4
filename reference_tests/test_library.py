"""The tests of the tests: what they draw is as promised, and what they measure lets right pass and wrong fail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.ops import conv2d, conv2d_backward
from numpycnn.testing.cases import Case, as_tuple
from numpycnn.testing.strategies import (
    DTYPES,
    KINDS,
    STORAGES,
    arrays,
    distinct,
    extent,
    paddings,
    stored_otherwise,
    values,
    with_specials,
)
from numpycnn.verification.tolerances import scaled_error, tolerance, unit_roundoff
from reference_tests.catalogue import conv as catalogue
from reference_tests.library.agreement import (
    all_small_integers,
    check_adjoint,
    check_backward,
    check_forward,
    check_storage,
)

CONV2D = next(op for op in catalogue.OPS if op.name == "conv2d")
EPS = float(np.finfo(np.float32).eps)


def random_case(seed, kind="normal", strides=(2, 2)):
    rng = np.random.default_rng(seed)
    shapes = {"x": (2, 7, 6, 3), "kernel": (3, 2, 3, 5), "bias": (5,)}
    options = {"strides": strides, "padding": "same", "dilation_rate": (1, 2), "groups": 1}
    return Case({name: values(rng, shape, kind) for name, shape in shapes.items()}, options)


# What is drawn.


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(9, 12)), min_size=1, max_size=6), st.data())
def test_distinct_sizes(ranges, data):
    sizes = data.draw(distinct(*ranges))
    assert len(set(sizes)) == len(sizes) == len(ranges)
    assert all(low <= size <= high for size, (low, high) in zip(sizes, ranges, strict=True))


def test_distinct_reaches_both_ends():
    seen = set()

    @given(distinct((0, 2), (1, 3)))
    def draw(sizes):
        seen.add(sizes)

    draw()
    assert seen == {(a, b) for a in range(3) for b in range(1, 4) if a != b}


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_what_their_kind_says_and_fit_float16(kind):
    numbers = values(np.random.default_rng(5), (40, 50), kind)
    assert numbers.dtype == np.float64
    assert numbers.shape == (40, 50)
    np.testing.assert_array_equal(numbers.astype(np.float16).astype(np.float64), numbers)
    assert np.isfinite(numbers).all()
    size = abs(numbers)
    if kind == "zeros":
        assert not numbers.any()
    elif kind == "integers":
        assert set(numbers.ravel()) == set(range(-4, 5))
    else:
        assert numbers.min() < 0 < numbers.max()
        assert len(np.unique(size)) > 1000
        decades = np.log10(np.percentile(size, 99) / np.percentile(size, 1))
        assert decades > (4 if kind == "wide" else 1.5)


@given(arrays(x=(2, 3), kernel=(4, 1, 5), bias=None))
def test_arrays(drawn):
    assert list(drawn) == ["x", "kernel", "bias"]
    assert (drawn["x"].shape, drawn["kernel"].shape, drawn["bias"]) == ((2, 3), (4, 1, 5), None)


def test_specials():
    array = np.zeros((3, 4, 5))
    changed = with_specials(np.random.default_rng(1), array)
    assert not array.any()
    assert 1 <= np.sum(~np.isfinite(changed)) <= 3
    assert changed.shape == array.shape
    assert with_specials(np.random.default_rng(1), np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("how", STORAGES)
def test_another_storage_holds_the_same_values(how, dtype):
    array = np.arange(2 * 3 * 4 * 5, dtype=dtype).reshape(2, 3, 4, 5)
    other = stored_otherwise(array, how)
    np.testing.assert_array_equal(other, array)
    assert other.strides != array.strides or not other.dtype.isnative
    assert not other.flags.writeable
    assert array.flags.writeable
    assert not np.shares_memory(other, array)


@given(st.tuples(st.integers(1, 7), st.integers(1, 7)), st.data())
def test_paddings_are_shorter_than_the_window(extents, data):
    padding = data.draw(paddings(extents))
    if isinstance(padding, str):
        assert padding in ("valid", "same")
        return
    sides = ((padding, padding),) * 2 if isinstance(padding, int) else padding
    assert all(0 <= pad < e for pads, e in zip(sides, extents, strict=True) for pad in pads)


def test_every_form_of_padding_is_drawn():
    seen = set()

    @given(paddings((3, 4)))
    def draw(padding):
        seen.add(padding if isinstance(padding, str) else type(padding))

    draw()
    assert seen == {"valid", "same", int, tuple}
    assert (extent(3, 1), extent(3, 2), extent(1, 5)) == (3, 5, 1)


def test_a_case_is_cast_and_made_absolute_in_copies():
    case = Case({"x": np.array([-1.5, 2]), "n": np.array([-3]), "bias": None}, {"k": 1})
    narrow, absolute = case.astype(np.float16), case.absolute()
    assert narrow.arrays["x"].dtype == np.float16
    assert absolute.arrays["x"].tolist() == [1.5, 2]
    assert narrow.arrays["n"] is absolute.arrays["n"] is case.arrays["n"]
    assert narrow.arrays["bias"] is None
    assert case.arrays["x"].tolist() == [-1.5, 2]


def test_small_integers():
    assert all_small_integers(random_case(1, "integers"))
    assert all_small_integers(random_case(1, "zeros"))
    assert not all_small_integers(random_case(1, "normal"))
    assert not all_small_integers(Case({"x": np.array([5.0])}))


# What is measured.


def parts(case):
    """ref64, S and K of a convolution."""
    return CONV2D.forward(case)[0], CONV2D.output_scales(case)[0], CONV2D.length(case)


@pytest.mark.parametrize("kind", ["normal", "wide"])
@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_a_right_convolution_passes(kind, dtype):
    for seed in range(30):
        case = random_case(seed, kind)
        reference, scale, length = parts(case)
        y = conv2d(*case.astype(dtype).arrays.values(), **case.options)
        assert scaled_error(y, reference, scale, length=length) <= 1


@pytest.mark.parametrize("kind", ["normal", "integers"])
def test_one_wrong_tap_or_a_shift_by_one_pixel_fails(kind):
    for seed in range(30):
        case = random_case(seed, kind)
        reference, scale, length = parts(case)
        x, kernel, bias = case.astype(np.float32).arrays.values()
        wrong = kernel.copy()
        wrong[2, 1, 0, 3] += np.float32(2**-10)
        for y in (
            conv2d(x, wrong, bias, **case.options),
            conv2d(np.roll(x, 1, axis=2), kernel, bias, **case.options),
            conv2d(x, kernel[:, ::-1], bias, **case.options),
            conv2d(x, kernel, bias[::-1], **case.options),
        ):
            assert scaled_error(y, reference, scale, length=length) > 10


def test_a_small_systematic_error_fails():
    """A factor of 1 + 20 eps where nothing cancels, or 20 units of eps * S on one element, at the longest K drawn."""
    longest = 4 * 4 * 5
    case = random_case(1).absolute()
    reference, scale, _ = parts(case)
    y = (reference * (1 + 20 * EPS)).astype(np.float32)
    assert scaled_error(y, reference, scale, length=longest) > 1
    for seed in range(30):
        reference, scale, _ = parts(random_case(seed))
        y = reference.copy()
        y[1, 2, 1, 4] += 20 * EPS * scale[1, 2, 1, 4]
        assert scaled_error(y, reference, scale, length=longest, dtype=np.float32) > 1
        y[1, 2, 1, 4] -= 19 * EPS * scale[1, 2, 1, 4]
        assert scaled_error(y, reference, scale, length=longest, dtype=np.float32) < 1


def test_tolerance_is_its_formula():
    u, reference, scale = 2.0**-24, np.array([-3.0, 0.0]), np.array([5.0, 0.0])
    tiny = float(np.finfo(np.float32).smallest_subnormal)
    allowed = tolerance(reference, scale, length=9, dtype=np.float32, constant=4)
    np.testing.assert_allclose(allowed, [4 * 3 * u * 5 + u * 3 + tiny, tiny], rtol=1e-12)
    half = tolerance(reference, scale, length=9, dtype=np.float16, constant=4)
    np.testing.assert_allclose(half, [4 * 3 * u * 5 + 2.0**-11 * 3 + 2.0**-24, 2.0**-24], rtol=1e-12)
    assert [unit_roundoff(dtype) for dtype in DTYPES] == [2.0**-11, 2.0**-24, 2.0**-53]


def test_nan_and_infinities_must_stand_at_the_same_places():
    reference = np.array([1.0, np.nan, np.inf, -np.inf])
    scale = np.ones(4)
    assert scaled_error(reference.astype(np.float32), reference, scale) == 0
    for at, value in ((0, np.nan), (0, np.inf), (1, 1), (2, -np.inf), (2, np.nan), (3, 1e30)):
        y = reference.astype(np.float32)
        y[at] = value
        assert scaled_error(y, reference, scale) == np.inf
    assert scaled_error(np.zeros((0, 3), np.float32), np.zeros((0, 3)), np.zeros((0, 3))) == 0


def test_an_exact_zero_must_be_zero():
    assert scaled_error(np.float32([1e-30]), np.zeros(1), np.zeros(1)) > 1
    assert scaled_error(np.float32([0]), np.zeros(1), np.zeros(1)) == 0


# What is asked of an op: a right one passes, and each single fault is seen.


def big_endian(y):
    return y.astype(y.dtype.newbyteorder(">"))


def read_only(y):
    y.setflags(write=False)
    return y


def in_place(x, kernel, bias, **options):
    y = conv2d(x, kernel, bias, **options)
    x.flat[3] = 1
    return y


def lost_in_another_storage(x, kernel, bias, **options):
    y = conv2d(x, kernel, bias, **options)
    return y if x.flags.c_contiguous else y * (1 + 2.0**-52)


FORWARD = {
    "one element": lambda *a, **k: add_at(conv2d(*a, **k), (1, 2, 1, 4), 0.01),
    "bias left out": lambda x, kernel, bias, **k: conv2d(x, kernel, **k),
    "padding at the start": lambda x, kernel, bias, **k: conv2d(x[:, :, ::-1], kernel[:, ::-1], bias, **k)[:, :, ::-1],
    "true convolution": lambda x, kernel, bias, **k: conv2d(x, kernel[::-1, ::-1], bias, **k),
    "rows for columns": lambda x, kernel, bias, **k: conv2d(x.swapaxes(1, 2), kernel.swapaxes(0, 1), bias, **k),
    "channels reversed": lambda x, kernel, bias, **k: conv2d(x[..., ::-1], kernel, bias, **k),
    "wider dtype": lambda *a, **k: conv2d(*a, **k).astype(np.float64),
    "narrow sums": lambda *a, **k: conv2d(*(v.astype(np.float16) for v in a), **k).astype(a[0].dtype),
    "read-only result": lambda *a, **k: read_only(conv2d(*a, **k)),
    "argument changed": in_place,
}


def add_at(y, at, value):
    y[at] += y.dtype.type(value)
    return y


@pytest.mark.parametrize("fault", FORWARD)
def test_check_forward_sees(fault, monkeypatch):
    case = random_case(7)
    check_forward(CONV2D, case, np.float32)
    monkeypatch.setattr(numpycnn.ops, "conv2d", FORWARD[fault])
    with pytest.raises(AssertionError):
        check_forward(CONV2D, case, np.float32)


def identity_case():
    kernel = np.eye(3).reshape(1, 1, 3, 3)
    options = {"strides": (1, 1), "padding": "valid", "dilation_rate": (1, 1), "groups": 1}
    return Case({"x": random_case(1).arrays["x"], "kernel": kernel, "bias": None}, options)


def test_check_forward_sees_shared_memory(monkeypatch):
    check_forward(CONV2D, identity_case(), np.float32)
    monkeypatch.setattr(numpycnn.ops, "conv2d", lambda x, kernel, bias, **k: x)
    with pytest.raises(AssertionError):
        check_forward(CONV2D, identity_case(), np.float32)


def test_check_backward_sees_shared_memory(monkeypatch):
    check_backward(CONV2D, identity_case(), np.float32, np.random.default_rng(3))
    monkeypatch.setattr(numpycnn.ops, "conv2d_backward", lambda dy, *a, **k: (dy, *conv2d_backward(dy, *a, **k)[1:]))
    with pytest.raises(AssertionError):
        check_backward(CONV2D, identity_case(), np.float32, np.random.default_rng(3))


def test_check_forward_sees_inexact_integers(monkeypatch):
    """An error of one unit in float32 alone, which the tolerance lets pass."""

    def inexact(x, kernel, bias, **options):
        y = conv2d(x, kernel, bias, **options)
        return y * np.float32(1 + EPS) if y.dtype == np.float32 else y

    monkeypatch.setattr(numpycnn.ops, "conv2d", inexact)
    check_forward(CONV2D, random_case(7), np.float32)
    with pytest.raises(AssertionError):
        check_forward(CONV2D, random_case(7, "integers"), np.float32)


def in_place_backward(dy, *arguments, **options):
    gradients = conv2d_backward(dy, *arguments, **options)
    np.maximum(dy, 0, out=dy)
    return gradients


def changed_gradient(index, change):
    def backward(*arguments, **options):
        gradients = list(conv2d_backward(*arguments, **options))
        gradients[index] = change(gradients[index])
        return tuple(gradients)

    return backward


BACKWARD = {
    "dy changed": in_place_backward,
    "dx negated": changed_gradient(0, np.negative),
    "dx shifted": changed_gradient(0, lambda g: np.roll(g, 1, axis=2)),
    "dkernel flipped": changed_gradient(1, lambda g: g[::-1].copy()),
    "dkernel of the mean": changed_gradient(1, lambda g: g / 2),
    "dkernel of one element": changed_gradient(1, lambda g: add_at(g, (2, 1, 0, 3), 0.01)),
    "dbias of the mean": changed_gradient(2, lambda g: g / 2),
    "dbias wider": changed_gradient(2, lambda g: g.astype(np.float64)),
    "dx read-only": changed_gradient(0, read_only),
}


@pytest.mark.parametrize("fault", BACKWARD)
def test_check_backward_sees(fault, monkeypatch):
    case = random_case(7)
    check_backward(CONV2D, case, np.float32, np.random.default_rng(3))
    monkeypatch.setattr(numpycnn.ops, "conv2d_backward", BACKWARD[fault])
    with pytest.raises(AssertionError):
        check_backward(CONV2D, case, np.float32, np.random.default_rng(3))


@pytest.mark.parametrize(
    "fault", [name for name in BACKWARD if name.split()[-1] not in ("wider", "read-only", "changed")]
)
def test_check_adjoint_sees(fault):
    case, rng = random_case(7), np.random.default_rng(3)
    dy = (rng.normal(size=CONV2D.forward(case)[0].shape),)
    right = CONV2D.backward(dy, case)
    scales = CONV2D.gradient_scales(dy, case)
    check_adjoint(CONV2D, case, dy, right, scales, rng)
    wrong = dict(
        zip(right, BACKWARD[fault](dy[0], case.arrays["x"], case.arrays["kernel"], **case.options), strict=True)
    )
    with pytest.raises(AssertionError):
        check_adjoint(CONV2D, case, dy, wrong, scales, rng)


@pytest.mark.parametrize("fault", [lost_in_another_storage, lambda *a, **k: big_endian(conv2d(*a, **k))])
def test_check_storage_sees(fault, monkeypatch):
    case = random_case(7)
    check_storage(CONV2D, case, lambda array: stored_otherwise(array, "strided"))
    monkeypatch.setattr(numpycnn.ops, "conv2d", fault)
    with pytest.raises(AssertionError):
        check_storage(CONV2D, case, lambda array: stored_otherwise(array, "strided"))


def test_a_backward_of_too_few_gradients_is_seen(monkeypatch):
    case = random_case(7)
    monkeypatch.setattr(numpycnn.ops, "conv2d_backward", lambda *a, **k: conv2d_backward(*a, **k)[:2])
    with pytest.raises(ValueError, match="there must be 3 outputs, dx, dkernel, dbias"):
        CONV2D.backward(CONV2D.forward(case), case)


def test_gradient_length_counts_the_products():
    case = random_case(7, strides=(1, 1))
    x, kernel, bias = case.arrays.values()
    y = CONV2D.forward(case)[0]
    assert CONV2D.length(case) == 3 * 2 * 3
    assert CONV2D.gradient_length(case, y, kernel) == 2 * 7 * 6
    assert CONV2D.gradient_length(case, y, x) == 3 * 2 * 5
    assert CONV2D.gradient_length(case, y, bias) >= 2 * 7 * 6
    assert as_tuple((1, 2)) == as_tuple([1, 2]) == (1, 2)
    assert as_tuple(3) == (3,)
