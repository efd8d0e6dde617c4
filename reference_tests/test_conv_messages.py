"""Every error of the convolutions: its type, its text, and that it comes before any work."""
# ruff: noqa: E501 - a message is one line, here as for the user

import numpy as np
import pytest

import numpycnn.ops

IMAGES = "the axes (batch, height, width, channels)"
PADDINGS = 'padding must be "valid", "same", an integer or ((top, bottom), (left, right))'
X, KERNEL, BIAS = np.zeros((2, 8, 7, 6)), np.zeros((3, 2, 6, 4)), np.zeros(4)

CONV2D = [
    (
        {"x": np.zeros((2, 8, 7, 5)), "kernel": np.zeros((3, 3, 3, 4))}, ValueError,
        "x channels (5) must equal kernel.shape[2] * groups (3 * 1); got x (2, 8, 7, 5), kernel (3, 3, 3, 4).",
    ),
    ({"x": X[0]}, ValueError, f"x must have {IMAGES}; got x (8, 7, 6)."),
    ({"x": None}, TypeError, "x must be an array; got x None."),
    ({"x": [[1, 2], [3]]}, TypeError, "x must be an array, its rows of equal lengths; got x [[1, 2], [3]]."),
    ({"x": X.astype(complex)}, TypeError, "x must be float16, float32, float64 or integer; got x complex128."),
    ({"kernel": KERNEL[0]}, ValueError, "kernel must have the axes (kernel_height, kernel_width, channels // groups, filters); got kernel (2, 6, 4)."),
    ({"kernel": np.zeros((0, 2, 6, 4))}, ValueError, "kernel_size must be at least 1; got kernel_size 0."),
    ({"groups": 2}, ValueError, "x channels (6) must equal kernel.shape[2] * groups (6 * 2); got x (2, 8, 7, 6), kernel (3, 2, 6, 4)."),
    ({"groups": 3, "kernel": KERNEL[:, :, :2]}, ValueError, "groups (3) must divide the filters kernel.shape[3] (4); got x (2, 8, 7, 6), kernel (3, 2, 2, 4)."),
    ({"groups": 0}, ValueError, "groups must be at least 1; got groups 0."),
    ({"groups": 1.0}, TypeError, "groups must be an integer; got groups 1.0."),
    ({"bias": np.zeros(3)}, ValueError, "bias must have one value for each filter, (4,); got bias (3,)."),
    ({"bias": np.zeros((1, 4))}, ValueError, "bias must have one value for each filter, (4,); got bias (1, 4)."),
]  # fmt: skip
GEOMETRY = [
    ({"strides": 0}, ValueError, "strides must be at least 1; got strides 0."),
    ({"strides": (1, -2)}, ValueError, "strides must be at least 1; got strides -2."),
    ({"strides": (1, 2, 3)}, ValueError, "strides must be one integer or two (height, width); got strides (1, 2, 3)."),
    ({"strides": 1.5}, TypeError, "strides must be an integer; got strides 1.5."),
    ({"strides": True}, TypeError, "strides must be an integer; got strides True."),
    ({"strides": "2"}, TypeError, "strides must be an integer; got strides '2'."),
    ({"dilation_rate": 0}, ValueError, "dilation_rate must be at least 1; got dilation_rate 0."),
    ({"padding": "SAME"}, ValueError, f"{PADDINGS}; got padding 'SAME'."),
    ({"padding": -1}, ValueError, "padding must be at least 0; got padding -1."),
    ({"padding": (1, 2)}, ValueError, f"{PADDINGS}; got padding (1, 2)."),
    ({"padding": ((1, 2), 3)}, ValueError, f"{PADDINGS}; got padding ((1, 2), 3)."),
    ({"padding": ((0, 0), (0, -3))}, ValueError, "padding must be at least 0; got padding -3."),
    ({"padding": None}, TypeError, "padding must be an integer; got padding None."),
]  # fmt: skip
FIT = [
    ({"dilation_rate": (4, 1)}, ValueError, "the kernel must fit the padded height: 4 * (3 - 1) + 1 = 9 must be at most 0 + 8 + 0 = 8; got padding 'valid'."),
    ({"dilation_rate": (1, 12), "padding": ((0, 0), (3, 2))}, ValueError, "the kernel must fit the padded width: 12 * (2 - 1) + 1 = 13 must be at most 3 + 7 + 2 = 12; got padding (3, 2)."),
]  # fmt: skip
DEPTHWISE = [
    ({"x": X[0]}, ValueError, f"x must have {IMAGES}; got x (8, 7, 6)."),
    ({"kernel": KERNEL[0]}, ValueError, "kernel must have the axes (kernel_height, kernel_width, channels, multiplier); got kernel (2, 6, 4)."),
    ({"kernel": KERNEL[:, :, :5]}, ValueError, "x channels (6) must equal kernel.shape[2] (5); got x (2, 8, 7, 6), kernel (3, 2, 5, 4)."),
    ({"bias": np.zeros(4)}, ValueError, "bias must have one value for each filter, (24,); got bias (4,)."),
]  # fmt: skip
POINTWISE = np.zeros((1, 1, 24, 5))
SEPARABLE = [
    ({"x": X[0]}, ValueError, f"x must have {IMAGES}; got x (8, 7, 6)."),
    ({"depthwise_kernel": KERNEL[0]}, ValueError, "depthwise_kernel must have the axes (kernel_height, kernel_width, channels, multiplier); got depthwise_kernel (2, 6, 4)."),
    ({"depthwise_kernel": KERNEL[:, :, :5]}, ValueError, "x channels (6) must equal depthwise_kernel.shape[2] (5); got x (2, 8, 7, 6), depthwise_kernel (3, 2, 5, 4)."),
    ({"pointwise_kernel": POINTWISE[0]}, ValueError, "pointwise_kernel must have the axes (1, 1, channels * multiplier, filters); got pointwise_kernel (1, 24, 5)."),
    ({"pointwise_kernel": POINTWISE[:, :, :23]}, ValueError, "pointwise_kernel must be (1, 1, 6 * 4, filters); got depthwise_kernel (3, 2, 6, 4), pointwise_kernel (1, 1, 23, 5)."),
    ({"bias": np.zeros(4)}, ValueError, "bias must have one value for each filter, (5,); got bias (4,)."),
]  # fmt: skip
TRANSPOSED_KERNEL = np.zeros((3, 2, 4, 6))
TRANSPOSE = [
    ({"x": X[0]}, ValueError, f"x must have {IMAGES}; got x (8, 7, 6)."),
    ({"kernel": KERNEL[0]}, ValueError, "kernel must have the axes (kernel_height, kernel_width, filters // groups, channels); got kernel (2, 6, 4)."),
    ({"kernel": KERNEL}, ValueError, "x channels (6) must equal kernel.shape[3] (4); got x (2, 8, 7, 6), kernel (3, 2, 6, 4)."),
    ({"groups": 4}, ValueError, "groups (4) must divide the channels kernel.shape[3] (6); got x (2, 8, 7, 6), kernel (3, 2, 4, 6)."),
    ({"groups": 2, "bias": BIAS}, ValueError, "bias must have one value for each filter, (8,); got bias (4,)."),
    ({"output_padding": 1}, ValueError, "output_padding (1, 1) must be less than strides (1, 1) on each axis."),
    ({"output_padding": (1, 2), "strides": (2, 2)}, ValueError, "output_padding (1, 2) must be less than strides (2, 2) on each axis."),
    ({"output_padding": -1, "strides": 2}, ValueError, "output_padding must be at least 0; got output_padding -1."),
    ({"padding": ((4, 6), (0, 0))}, ValueError, "the output must keep a pixel of its height: (8 - 1) * 1 + 3 = 10 less 10 is 0; got padding (4, 6)."),
    ({"padding": "same", "output_padding": 0, "x": X[:, :, :1]}, ValueError, "the output must keep a pixel of its width: (1 - 1) * 1 + 2 = 2 less 2 is 0; got padding 'same', output_padding 0."),
]  # fmt: skip
RIGHT = {
    "conv2d": {"x": X, "kernel": KERNEL, "bias": BIAS},
    "depthwise_conv2d": {"x": X, "kernel": KERNEL},
    "separable_conv2d": {"x": X, "depthwise_kernel": KERNEL, "pointwise_kernel": POINTWISE},
    "conv2d_transpose": {"x": X, "kernel": TRANSPOSED_KERNEL, "bias": BIAS},
}
ERRORS = [
    pytest.param(op, *row, id=f"{op}-{'-'.join(row[0])}-{i}")
    for op, rows in (
        ("conv2d", CONV2D + GEOMETRY + FIT),
        ("depthwise_conv2d", DEPTHWISE + GEOMETRY + FIT),
        ("separable_conv2d", SEPARABLE + GEOMETRY + FIT),
        ("conv2d_transpose", TRANSPOSE + GEOMETRY),
    )
    for i, row in enumerate(rows)
]


@pytest.mark.parametrize(("op", "wrong", "error", "text"), ERRORS)
def test_messages(op, wrong, error, text):
    with pytest.raises(error) as caught:
        getattr(numpycnn.ops, op)(**{**RIGHT[op], **wrong})
    assert str(caught.value) == f"{op}: {text}"
    if "bias" in wrong:
        return
    arguments = {k: v for k, v in {**RIGHT[op], **wrong}.items() if k != "bias"}
    with pytest.raises(error) as caught:
        getattr(numpycnn.ops, f"{op}_backward")(dy=np.zeros((1, 2, 3, 4)), **arguments)
    assert str(caught.value) == f"{op}_backward: {text}"


@pytest.mark.parametrize(("op", "shape"), [
    ("conv2d", (2, 6, 6, 4)), ("depthwise_conv2d", (2, 6, 6, 24)), ("separable_conv2d", (2, 6, 6, 5)),
    ("conv2d_transpose", (2, 10, 8, 4)),
])  # fmt: skip
@pytest.mark.parametrize("axis", range(4))
def test_backward_wants_the_shape_of_the_output(op, shape, axis):
    arguments = {k: v for k, v in RIGHT[op].items() if k != "bias"}
    back = getattr(numpycnn.ops, f"{op}_backward")
    back(np.zeros(shape), **arguments)
    wrong = tuple(size + (i == axis) for i, size in enumerate(shape))
    with pytest.raises(ValueError, match="shape of the output") as caught:
        back(np.zeros(wrong), **arguments)
    assert str(caught.value) == f"{op}_backward: dy must have the shape of the output, {shape}; got dy {wrong}."


@pytest.mark.parametrize("op", RIGHT)
def test_errors_come_before_any_work(op):
    """x is far larger than the memory, and only looked at: one number stands behind all its pixels."""
    huge = np.broadcast_to(np.zeros(()), (100_000, 30_000, 30_000, 6))
    wrong = {k: v if v is None or k != "bias" else np.zeros(99) for k, v in {**RIGHT[op], "bias": BIAS}.items()}
    with pytest.raises(ValueError, match=f"^{op}: bias must have"):
        getattr(numpycnn.ops, op)(**{**wrong, "x": huge})
    with pytest.raises(ValueError, match=f"^{op}: strides must be"):
        getattr(numpycnn.ops, op)(**{**RIGHT[op], "x": huge}, strides=0)
    arguments = {k: v for k, v in RIGHT[op].items() if k != "bias"}
    with pytest.raises(ValueError, match=f"^{op}_backward: dy must have the shape"):
        getattr(numpycnn.ops, f"{op}_backward")(np.zeros((1, 2, 3, 4)), **{**arguments, "x": huge})
