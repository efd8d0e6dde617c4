"""Every error of pooling: its type, its text, and that it comes before any work."""
# ruff: noqa: E501 - a message is one line, here as for the user

import numpy as np
import pytest

import numpycnn.ops

NAMES = ("max_pool2d", "avg_pool2d", "depth_max_pool", "global_avg_pool2d", "global_max_pool2d")
IMAGES = "the axes (batch, height, width, channels)"
X = np.zeros((2, 8, 7, 6))
BOTH = [
    ({"x": X[0]}, ValueError, f"x must have {IMAGES}; got x (8, 7, 6)."),
    ({"x": X.astype(complex)}, TypeError, "x must be float16, float32, float64 or integer; got x complex128."),
]
WINDOW = [
    ({"pool_size": 0}, ValueError, "pool_size must be at least 1; got pool_size 0."),
    ({"pool_size": (2, 3, 1)}, ValueError, "pool_size must be one integer or two (height, width); got pool_size (2, 3, 1)."),
    ({"pool_size": 2.0}, TypeError, "pool_size must be an integer; got pool_size 2.0."),
    ({"strides": 0}, ValueError, "strides must be at least 1; got strides 0."),
    ({"strides": (1, 2, 3)}, ValueError, "strides must be one integer or two (height, width); got strides (1, 2, 3)."),
    ({"padding": "SAME"}, ValueError, 'padding must be "valid", "same", an integer or ((top, bottom), (left, right)); got padding \'SAME\'.'),
    ({"padding": -1}, ValueError, "padding must be at least 0; got padding -1."),
    ({"padding": 2}, ValueError, "padding must be smaller than pool_size (2, 2) on each axis, so that every window holds a pixel; got padding 2."),
    ({"pool_size": (4, 3), "padding": ((3, 3), (0, 3))}, ValueError, "padding must be smaller than pool_size (4, 3) on each axis, so that every window holds a pixel; got padding ((3, 3), (0, 3))."),
    ({"x": X[:, :0], "pool_size": 3, "padding": 2}, ValueError, "x must hold a pixel where padding is in pixels, so that every window holds one; got x (2, 0, 7, 6)."),
    ({"pool_size": (2, 8)}, ValueError, "the kernel must fit the padded width: 1 * (8 - 1) + 1 = 8 must be at most 0 + 7 + 0 = 7; got padding 'valid'."),
]  # fmt: skip
DEPTH = [
    ({"pool_size": 0}, ValueError, "pool_size must be at least 1; got pool_size 0."),
    ({"pool_size": (2, 2)}, TypeError, "pool_size must be an integer; got pool_size (2, 2)."),
    ({"strides": 0}, ValueError, "strides must be at least 1; got strides 0."),
    ({"padding": "SAME"}, ValueError, 'padding must be "valid", "same", an integer or (before, after); got padding \'SAME\'.'),
    ({"padding": (1, 1, 1)}, ValueError, 'padding must be "valid", "same", an integer or (before, after); got padding (1, 1, 1).'),
    ({"padding": ((0, 0), (1, 1))}, TypeError, "padding must be an integer; got padding (0, 0)."),
    ({"padding": (0, -1)}, ValueError, "padding must be at least 0; got padding -1."),
    ({"padding": 2}, ValueError, "padding must be smaller than pool_size (2), so that every window holds a channel; got padding (2, 2)."),
    ({"pool_size": 9, "padding": (0, 2)}, ValueError, "pool_size (9) must be at most the padded channels (0 + 6 + 2 = 8)."),
]  # fmt: skip
GLOBAL = [
    ({"x": X[:, :, :0]}, ValueError, "x must hold a pixel: height * width = 8 * 0 must be at least 1; got x (2, 8, 0, 6)."),
]  # fmt: skip
RIGHT = {name: {"x": X} if "global" in name else {"x": X, "pool_size": 2} for name in NAMES}
ERRORS = [
    pytest.param(op, *row, id=f"{op}-{'-'.join(row[0])}-{i}")
    for op, rows in (
        ("max_pool2d", BOTH + WINDOW),
        ("avg_pool2d", BOTH + WINDOW),
        ("depth_max_pool", BOTH + DEPTH),
        ("global_avg_pool2d", BOTH + GLOBAL),
        ("global_max_pool2d", BOTH + GLOBAL),
    )
    for i, row in enumerate(rows)
]


@pytest.mark.parametrize(("op", "wrong", "error", "text"), ERRORS)
def test_messages(op, wrong, error, text):
    arguments = {**RIGHT[op], **wrong}
    with pytest.raises(error) as caught:
        getattr(numpycnn.ops, op)(**arguments)
    assert str(caught.value) == f"{op}: {text}"
    with pytest.raises(error) as caught:
        getattr(numpycnn.ops, f"{op}_backward")(np.zeros((1, 2, 3, 4)), **arguments)
    assert str(caught.value) == f"{op}_backward: {text}"


@pytest.mark.parametrize(("name", "output"), [*((name, "dy") for name in NAMES), ("global_max_pool2d", "y")])
def test_backward_wants_the_shape_of_the_output(name, output):
    forward, back = getattr(numpycnn.ops, name), getattr(numpycnn.ops, f"{name}_backward")
    right = forward(**RIGHT[name])
    for axis in range(right.ndim):
        wrong = tuple(size + (i == axis) for i, size in enumerate(right.shape))
        with pytest.raises(ValueError, match="shape of the output") as caught:
            back(**{"dy": right, **RIGHT[name], output: np.zeros(wrong)})
        rule = f"{output} must have the shape of the output, {right.shape}; got {output} {wrong}."
        assert str(caught.value) == f"{name}_backward: {rule}"


@pytest.mark.parametrize("name", NAMES)
def test_errors_come_before_any_work(name):
    huge = np.broadcast_to(np.zeros(()), (100_000, 30_000, 30_000, 6))
    with pytest.raises(ValueError, match=f"^{name}_backward: dy must have the shape"):
        getattr(numpycnn.ops, f"{name}_backward")(np.zeros((1, 2, 3, 4)), **{**RIGHT[name], "x": huge})
    if "global" not in name:
        with pytest.raises(ValueError, match=f"^{name}: strides must be"):
            getattr(numpycnn.ops, name)(**{**RIGHT[name], "x": huge}, strides=0)
