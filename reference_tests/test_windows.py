"""Window geometry: views, taps and blocks against the formula; and that NaN and memory stay in their windows."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.ops import windows
from numpycnn.ops.windows import Block, add_tap, blocks, sliding_window, transposed_window, window_view
from numpycnn.testing.cases import Case
from numpycnn.testing.catalogue.conv import conv2d_cases, depthwise_cases, geometries, separable_cases
from numpycnn.testing.catalogue.conv_transpose import conv2d_transpose_cases
from reference_tests.library.brute_force import convolution_sees, transposed_sees


@st.composite
def sights(draw):
    """A window over an image, and which (output, tap, pixel) it must see on its two axes."""
    if draw(st.booleans(), label="transposed"):
        case = draw(conv2d_transpose_cases())
        geometry = {k: v for k, v in case.options.items() if k != "groups"}
        sizes = case.arrays["x"].shape[1:3], case.arrays["kernel"].shape[:2]
        return transposed_window("test", *sizes, **geometry), list(transposed_sees(*sizes, **geometry))
    image, kernel, geometry = draw(geometries())
    window = sliding_window("test", image, kernel, **geometry)
    return window, list(convolution_sees(image, kernel, **geometry))


@st.composite
def drawn_blocks(draw, window, batch):
    sizes = (batch, *window.output_shape)
    starts = [draw(st.integers(0, size - 1)) for size in sizes]
    return Block(*(slice(a, draw(st.integers(a + 1, size))) for a, size in zip(starts, sizes, strict=True)))


def integers(rng, *shape):
    return rng.integers(-9, 10, shape).astype(np.float64)


@given(sights())
def test_geometry(sight):
    window, seen = sight
    for axis, sees in zip(window, seen, strict=True):
        assert sees.shape == (axis.output, axis.kernel, axis.size)
        assert axis.extent == axis.dilation * (axis.kernel - 1) + 1
        reach = (axis.output - 1) * axis.stride + axis.extent
        assert 0 <= axis.size + axis.before + axis.after - reach < axis.stride or axis.after < 0


@given(sights())
def test_pixels_and_readers_are_what_a_window_sees(sight):
    for axis, sees in zip(*sight, strict=True):
        seen = {(o, k, pixel) for o, k, pixel in np.argwhere(sees)}
        pixels = [(o, k, pixel) for o in range(axis.output) for k, pixel in enumerate(axis.pixels(o))]
        assert {place for place in pixels if 0 <= place[2] < axis.size} == seen
        assert [(o, k, pixel) for pixel in range(axis.size) for o, k in axis.readers(pixel)] == sorted(
            seen, key=lambda place: (place[2], place[0])
        )
        assert axis.unread == [pixel for pixel in range(axis.size) if not sees[:, :, pixel].any()]


@given(sights(), st.data())
def test_window_view(sight, data):
    window, (rows, columns) = sight
    batch, fill = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([0, -np.inf, 7]))
    block = data.draw(drawn_blocks(window, batch))
    rng = np.random.default_rng(len(rows))
    x = integers(rng, batch, window.rows.size, window.columns.size, 2)
    rows, columns = rows[block.rows], columns[block.columns]
    expected = np.einsum("ikp,jlq,npqc->nijklc", rows, columns, x[block.images], optimize="greedy")
    padding = ~(rows.any(axis=2)[:, None, :, None] & columns.any(axis=2)[None, :, None, :])
    expected[:, padding] = fill
    before = x.copy()
    view = window_view(x, window, block, fill)
    np.testing.assert_array_equal(view, expected)
    np.testing.assert_array_equal(x, before)
    assert not view.flags.writeable


@given(sights(), st.data())
def test_tap(sight, data):
    window, seen = sight
    for axis, sees in zip(window, seen, strict=True):
        start = data.draw(st.integers(0, axis.output))
        stop = data.draw(st.integers(start, axis.output))
        for k in range(axis.kernel):
            outputs, pixels = axis.tap(k, start, stop)
            pairs = zip(range(start, stop)[outputs], range(axis.size)[pixels], strict=True)
            assert list(pairs) == [(i + start, p) for i, p in np.argwhere(sees[start:stop, k])]
        assert axis.tap(0) == axis.tap(0, 0, axis.output)


@given(sights(), st.data())
def test_add_tap_is_the_adjoint_of_window_view(sight, data):
    window, _ = sight
    rng, batch = np.random.default_rng(window.rows.size), data.draw(st.integers(1, 3))
    x = integers(rng, batch, window.rows.size, window.columns.size, 2)
    dx, inner = np.zeros_like(x), 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK_BYTES", data.draw(st.integers(1, 40)))
        for block in blocks(window, batch, 1):
            view = window_view(x, window, block)
            w = integers(rng, *view.shape)
            inner += np.vdot(view, w)
            for a, b in window.taps:
                add_tap(dx, w[:, :, :, a, b], window, block, a, b)
    assert inner == np.vdot(x, dx)


def outputs_only(height, width):
    """A window of which only the output shape matters."""
    return sliding_window("test", (height, width), (1, 1))


@given(st.tuples(st.integers(0, 9), st.integers(1, 12), st.integers(1, 15)), st.integers(1, 50), st.integers(1, 3000))
def test_blocks_cover_every_output_once(shape, window_bytes, block_bytes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK_BYTES", block_bytes)
        check_blocks(shape, window_bytes, block_bytes)


@pytest.mark.parametrize("shape", [(100_000, 1, 2), (3, 2, 70_000), (2, 300, 500), (1, 60_000, 1)])
@pytest.mark.parametrize("window_bytes", [1, 1000, 2**20, 2**30])
def test_blocks_of_large_batches_and_wide_images(shape, window_bytes):
    if np.prod(shape) * window_bytes > 2**40:
        shape = tuple(min(size, 30) for size in shape)
    check_blocks(shape, window_bytes, windows.BLOCK_BYTES)


def check_blocks(shape, window_bytes, block_bytes):
    covered, count = np.zeros(shape, int), 0
    for block in blocks(outputs_only(*shape[1:]), shape[0], window_bytes):
        covered[block] += 1
        assert covered[block].size * window_bytes <= max(block_bytes, window_bytes)
        assert covered[block].size == np.prod([s.stop - s.start for s in block])
        count += 1
    assert np.all(covered == 1)
    fair = np.prod(shape) / max(1, block_bytes // window_bytes)
    assert count <= 8 * fair + 1, "the blocks must be about as large as they may be"


CONVOLUTIONS = {
    "conv2d": conv2d_cases(),
    "depthwise_conv2d": depthwise_cases(),
    "separable_conv2d": separable_cases(),
    "conv2d_transpose": conv2d_transpose_cases(),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@given(data=st.data())
def test_block_borders_change_no_bit(name, data):
    case = data.draw(CONVOLUTIONS[name])
    case = Case({k: None if v is None else np.round(v) for k, v in case.arrays.items()}, case.options)
    op, back = getattr(numpycnn.ops, name), getattr(numpycnn.ops, f"{name}_backward")
    inputs = [v for k, v in case.arrays.items() if k != "bias"]
    y = op(*case.arrays.values(), **case.options)
    dy = integers(np.random.default_rng(y.size), *y.shape)
    whole = y, *back(dy, *inputs, **case.options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK_BYTES", data.draw(st.sampled_from([1, 300, 1000, 3000, 9000])))
        cut = op(*case.arrays.values(), **case.options), *back(dy, *inputs, **case.options)
    for a, b in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["conv2d", "depthwise_conv2d", "conv2d_transpose"])
def test_sums_over_blocks_are_wider_than_float16(name, monkeypatch):
    """2048 + 1 is no float16: a sum of ones, one output a block, would stop there."""
    monkeypatch.setattr(windows, "BLOCK_BYTES", 1)
    x, kernel = np.ones((2, 32, 64, 1), np.float16), np.ones((1, 1, 1, 1), np.float16)
    dx, dkernel, dbias = getattr(numpycnn.ops, f"{name}_backward")(x, x, kernel)
    assert np.all(dx == 1)
    assert dkernel.item() == dbias.item() == 4096


@pytest.mark.parametrize("name", ["conv2d", "depthwise_conv2d", "conv2d_transpose"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(data=st.data())
def test_nan_and_infinity_stay_in_their_windows(name, dtype, data):
    case = data.draw(CONVOLUTIONS[name].filter(lambda case: case.arrays["x"].size)).astype(dtype)
    x, kernel = case.arrays["x"], case.arrays["kernel"]
    n, p, q, c = (data.draw(st.integers(0, size - 1)) for size in x.shape)
    transposed, geometry = name == "conv2d_transpose", {k: v for k, v in case.options.items() if k != "groups"}
    axes = (transposed_sees if transposed else convolution_sees)(x.shape[1:3], kernel.shape[:2], **geometry)
    rows, columns = (s.any(axis=1).take(at, 0 if transposed else 1) for s, at in zip(axes, (p, q), strict=True))
    op = getattr(numpycnn.ops, name)
    y = op(*case.arrays.values(), **case.options)
    groups = case.options.get("groups", x.shape[3])
    of_group = np.arange(y.shape[3]) // (y.shape[3] // groups) == c // (x.shape[3] // groups)
    touched = np.zeros(y.shape, bool)
    touched[n] = rows[:, None, None] & columns[:, None] & of_group
    special = x.copy()
    special[n, p, q, c] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    changed = op(special, *list(case.arrays.values())[1:], **case.options)
    assert not np.isfinite(changed[touched]).any()
    np.testing.assert_array_equal(changed[~touched], y[~touched])


@pytest.mark.parametrize("shape", [(64, 64, 60, 16), (1, 9, 30_000, 16)], ids=["batch", "wide"])
@pytest.mark.parametrize("name", ["conv2d", "depthwise_conv2d", "conv2d_transpose"])
def test_peak_memory_is_the_result_and_a_block(name, shape):
    x = np.ones(shape, np.float32)
    kernel = np.ones((3, 3, 16, 1 if name == "depthwise_conv2d" else 16), np.float32)
    op, back = getattr(numpycnn.ops, name), getattr(numpycnn.ops, f"{name}_backward")
    y, peak = with_peak(op, x, kernel)
    assert peak <= y.nbytes + 16e6
    gradients, peak = with_peak(back, y, x, kernel)
    assert peak <= sum(g.nbytes for g in gradients) + 16e6
    assert 9 * x.nbytes > y.nbytes + 64e6, "all windows at one time would not fit, or the test shows nothing"


def with_peak(function, *arrays):
    """In a new thread, which has kept nothing of earlier calls."""
    tracemalloc.start()
    try:
        with ThreadPoolExecutor(1) as new:
            return new.submit(function, *arrays).result(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
