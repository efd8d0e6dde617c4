"""Winograd's filtering: its matrices in fractions, its outputs within their bound, and what it keeps of the default."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from numpycnn.ops import conv2d, conv2d_backward, windows
from numpycnn.ops.correlation import by_taps, spread_by_taps
from numpycnn.ops.windows import sliding_window
from numpycnn.ops.winograd import ALGORITHMS, POINTS, transforms
from numpycnn.testing.strategies import distinct

FACTOR = 2
"""Errors are at most FACTOR * sqrt(K) * u * S, where an output is made of K products. Of 16,000 drawn: 0.88 at most."""

PADS = {
    "valid": ((0, 0), (0, 0)),
    "same": ((1, 1), (1, 1)),
    2: ((2, 2), (2, 2)),
    ((0, 3), (4, 1)): ((0, 3), (4, 1)),
}


@st.composite
def cases(draw):
    """x, kernel and dy in which no two axes have the same size; numbers of one magnitude or of many."""
    height, width = draw(distinct((3, 15), (3, 15)))
    batch, channels, filters = draw(distinct((0, 4), (1, 9), (1, 9)))
    padding = draw(st.sampled_from(list(PADS)))
    outputs = sliding_window("test", (height, width), (3, 3), padding=padding).output_shape
    rng, spread = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(st.sampled_from([0, 3]))
    shapes = (batch, height, width, channels), (3, 3, channels, filters), (batch, *outputs, filters)
    return *(rng.standard_normal(s) * 2.0 ** rng.integers(-spread, spread + 1, s) for s in shapes), padding


def scale(m, x, kernel, pads):
    """S: the tiles with every number and every entry of the matrices taken absolutely. Padding below 0 cuts off."""
    x = np.pad(np.abs(x), [(0, 0), *((max(0, before), max(0, after) + m) for before, after in pads), (0, 0)])
    (top, bottom), (left, right) = pads
    x = x[:, max(0, -top) : x.shape[1] + min(0, bottom), max(0, -left) : x.shape[2] + min(0, right)]
    rows, columns = (size - m - 2 for size in x.shape[1:3])
    pixels, taps, outputs = (np.abs(matrix) for matrix in transforms(m).along_both_axes(np.float64))
    tiles = sliding_window_view(x, (m + 2, m + 2), axis=(1, 2))[:, ::m, ::m]  # (N, rows, columns, C, m + 2, m + 2)
    transformed = tiles.reshape(*tiles.shape[:4], (m + 2) ** 2) @ pixels.T
    products = np.einsum(
        "nijcp,pco->nijop", transformed, np.tensordot(taps, np.abs(kernel).reshape(9, *kernel.shape[2:]), 1)
    )
    squares = (products @ outputs.T).reshape(*products.shape[:4], m, m).transpose(0, 1, 4, 2, 5, 3)
    n, i, a, j, b, o = squares.shape
    return squares.reshape(n, i * a, j * b, o)[:, :rows, :columns]


def assert_within(y, expected, m, terms, bound):
    summed, given = (np.finfo(t) for t in (np.promote_types(y.dtype, np.float32), y.dtype))
    allowed = FACTOR * np.sqrt(terms * (m + 2) ** 2) * summed.eps / 2 * bound
    np.testing.assert_array_less(
        np.abs(y - expected), allowed + given.eps / 2 * np.abs(expected) + given.smallest_normal
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_matrices_give_the_correlation_exactly(algorithm):
    """outputs [(kernel g) * (pixels d)], m + 2 products for m outputs, in fractions."""
    m = ALGORITHMS[algorithm]
    d, g = ([Fraction(n, 7) for n in numbers] for numbers in ([3, -5, 2, 11, -7, 13][: m + 2], [4, -9, 6]))
    pixels, taps = (np.array(matrix) @ v for matrix, v in zip(transforms(m), (d, g), strict=False))
    assert pixels.shape == taps.shape == (m + 2,)
    assert list(np.array(transforms(m).outputs) @ (pixels * taps)) == [
        sum(g[k] * d[i + k] for k in range(3)) for i in range(m)
    ]


def test_the_points_of_4x4_round_less_than_the_published_ones(monkeypatch):
    rng = np.random.default_rng(8)
    x, kernel = rng.standard_normal((1, 28, 29, 64), np.float32), rng.standard_normal((3, 3, 64, 32), np.float32)
    exact = conv2d(x.astype(np.float64), kernel.astype(np.float64))
    ours = np.abs(conv2d(x, kernel, algorithm="winograd_4x4") - exact).max()
    monkeypatch.setitem(POINTS, 4, [Fraction(1), Fraction(2)])
    transforms.cache_clear()
    published = np.abs(conv2d(x, kernel, algorithm="winograd_4x4") - exact).max()
    transforms.cache_clear()
    assert published > 2.5 * ours


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(case=cases())
def test_outputs_and_gradients_are_within_their_bound(algorithm, dtype, case):
    *arrays, padding = case
    x, kernel, dy = (a.astype(dtype) for a in arrays)
    wide_x, wide_kernel, wide_dy = (a.astype(np.float64) for a in (x, kernel, dy))
    m, pads, channels, filters = ALGORITHMS[algorithm], PADS[padding], *kernel.shape[2:]
    window = sliding_window("test", x.shape[1:3], (3, 3), padding=padding)
    y = conv2d(x, kernel, padding=padding, algorithm=algorithm)
    assert y.dtype == dtype
    assert_within(y, by_taps(wide_x, wide_kernel, None, window, 1), m, channels, scale(m, wide_x, wide_kernel, pads))
    dx, dkernel, dbias = conv2d_backward(dy, x, kernel, padding=padding, algorithm=algorithm)
    assert dx.dtype == dtype
    opposite = tuple((2 - before, 2 - after) for before, after in pads)
    turned = wide_kernel[::-1, ::-1].swapaxes(2, 3)
    expected = spread_by_taps(wide_dy, wide_kernel, window, 1)
    assert_within(dx, expected, m, filters, scale(m, wide_dy, turned, opposite))
    _, *others = conv2d_backward(dy, x, kernel, padding=padding)
    for found, other in zip((dkernel, dbias), others, strict=True):
        np.testing.assert_array_equal(found, other)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("budget", [2**10, 2**21])
@pytest.mark.parametrize("padding", PADS)
def test_2x2_of_small_integers_is_exact(dtype, budget, padding, monkeypatch):
    """In one block and in many: its matrices have halves only, which quarter the integers that it holds exactly."""
    monkeypatch.setattr(windows, "BLOCK_BYTES", budget)
    rng = np.random.default_rng(6)
    x, kernel, bias = (rng.integers(-3, 4, s).astype(dtype) for s in ((2, 9, 14, 5), (3, 3, 5, 4), 4))
    window = sliding_window("test", x.shape[1:3], (3, 3), padding=padding)
    y = conv2d(x, kernel, bias, padding=padding, algorithm="winograd_2x2")
    np.testing.assert_array_equal(y, by_taps(x, kernel, bias, window, 1))
    dx, *_ = conv2d_backward(y, x, kernel, padding=padding, algorithm="winograd_2x2")
    np.testing.assert_array_equal(dx, spread_by_taps(y, kernel, window, 1))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("where", ["x", "kernel", "dy"])
def test_what_is_not_finite_stays_where_it_belongs(algorithm, value, where):
    rng = np.random.default_rng(7)
    arrays = {"x": rng.uniform(1, 2, (2, 9, 11, 3)), "kernel": rng.uniform(1, 2, (3, 3, 3, 4))}
    arrays["dy"] = rng.uniform(1, 2, (2, 9, 11, 4))
    arrays[where][1 if where != "kernel" else 0, 2, 1, 2] = value
    x, kernel, dy = arrays["x"], arrays["kernel"], arrays["dy"]
    options = {"padding": "same", "algorithm": algorithm}
    y, dx = conv2d(x, kernel, **options), conv2d_backward(dy, x, kernel, **options)[0]
    window = sliding_window("test", (9, 11), (3, 3), padding="same")
    np.testing.assert_allclose(y, conv2d(x, kernel, padding="same"), rtol=1e-11)
    np.testing.assert_allclose(dx, spread_by_taps(dy, kernel, window, 1), rtol=1e-11)
    assert np.isfinite(y if where == "dy" else dx if where == "x" else y[:, 3:5]).any()


def test_a_sum_beyond_the_dtype_inside_a_tile_is_none_outside():
    x, kernel = np.full((1, 4, 6, 2), 3e38, np.float32), np.zeros((3, 3, 2, 5), np.float32)
    kernel[1, 1, 0] = 0.5
    for algorithm in ALGORITHMS:
        np.testing.assert_array_equal(conv2d(x, kernel, padding="same", algorithm=algorithm), np.float32(1.5e38))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "winograd"}, "algorithm must be None or one of winograd_2x2, winograd_4x4"),
        ({"algorithm": 2}, "algorithm must be None or one of winograd_2x2, winograd_4x4"),
        ({"strides": 2}, r"needs a 3x3 kernel and no strides, dilation or groups; got .*strides \(2, 2\)"),
        ({"strides": (1, 2)}, r"strides \(1, 2\)"),
        ({"dilation_rate": (2, 1)}, r"dilation_rate \(2, 1\)"),
        ({"groups": 2}, "groups 2"),
        ({"kernel_size": (3, 2)}, r"kernel_size \(3, 2\)"),
    ],
)
def test_another_convolution_is_refused(options, message):
    options = {"algorithm": "winograd_4x4", "kernel_size": (3, 3), **options}
    x, kernel = np.ones((2, 7, 8, 4)), np.ones((*options.pop("kernel_size"), 4 // options.get("groups", 1), 6))
    with pytest.raises(ValueError, match=f"conv2d: .*{message}"):
        conv2d(x, kernel, **options)
    dy = conv2d(x, kernel, **{**options, "algorithm": None})
    with pytest.raises(ValueError, match=f"conv2d_backward: .*{message}"):
        conv2d_backward(dy, x, kernel, **options)
