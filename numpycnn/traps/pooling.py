"""Rows on pooling: the last window, the divisor at the border, padding in a maximum, NaN, and who gets the gradient."""

import numpy as np

from numpycnn import ops
from numpycnn.traps.row import Row, Shown, line, square, under
from numpycnn.verification.calls import Call

__all__ = ["ROWS"]


def pool(op: str, x, **options) -> Call:
    return Call(op, {"x": x}, options)


def remainder():
    call = pool("max_pool2d", line(1, 2, 3, 4, 5), pool_size=(1, 2), strides=(1, 2))
    return [
        Shown("VALID: TensorFlow, PyTorch, ONNX by default", under(call)),
        Shown("PyTorch ceil_mode=True", under(call, "ceil_mode")),
        Shown("TensorFlow SAME", under(call, "same instead of valid")),
    ]


def divisor():
    call = pool("avg_pool2d", line(6, 6, 6, 6), pool_size=(1, 3), strides=1, padding="same")
    return [
        Shown("TensorFlow, ONNX: only pixels count", under(call)),
        Shown("PyTorch: padding counts as zeros", under(call, "count_include_pad")),
    ]


def clipped_divisor():
    call = pool("avg_pool2d", line(6, 6, 6, 6), pool_size=(1, 3), strides=(1, 2), padding=((0, 0), (1, 1)))
    sums, counts = np.array([12.0, 18.0, 6.0]), np.array([3, 3, 2])  # the third window ends with the padded image
    return [
        Shown("PyTorch, ONNX Runtime", sums / counts),
        Shown("the whole window counted", under(call, "ceil_mode", "count_include_pad")),
        Shown("only pixels counted", under(call, "ceil_mode")),
    ]


def padding_value():
    call = pool("max_pool2d", line(-3, -1, -2), pool_size=(1, 3), strides=1, padding="same")
    return [
        Shown("all frameworks: padding never wins", under(call)),
        Shown("ZeroPadding2D, then valid", under(call, "zeros in the maximum")),
    ]


def nan():
    call = pool("max_pool2d", line(1, np.nan, 3), pool_size=(1, 2), strides=1)
    return [Shown("TensorFlow, ONNX", under(call)), Shown("PyTorch", under(call, "NaN wins"))]


def tie():
    call = Call("max_pool2d_backward", {"dy": line(8), "x": line(3, 3, 1)}, {"pool_size": (1, 3), "strides": 1})
    return [
        Shown("TensorFlow, PyTorch: the first takes all", under(call)),
        Shown("the last takes all", under(call, "tied gradient to the last")),
    ]


def global_tie():
    call = Call("global_max_pool2d_backward", {"dy": np.array([[8.0]]), "x": line(3, 3, 1)}, {})
    return [
        Shown("TensorFlow reduce_max, PyTorch amax: equal shares", under(call)),
        Shown("PyTorch max(dim): the first", under(call, "gradient to the first maximum")),
    ]


def argmax():
    """The index of the largest value at row 1, column 0, channel 1 of an image 2x3x2."""
    y, x, c, width, channels = 1, 0, 1, 3, 2
    return [
        Shown("TensorFlow (y*W + x)*C + c", (y * width + x) * channels + c),
        Shown("PyTorch y*W + x", y * width + x),
        Shown("ONNX ((n*C + c)*H + y)*W + x", (c * 2 + y) * width + x),
    ]


def global_shape():
    call = pool("global_avg_pool2d", np.ones((2, 5, 4, 3)), keepdims=False)
    return [
        Shown("Keras", ops.global_avg_pool2d(np.ones((2, 5, 4, 3))).shape),
        Shown("with the axes kept, here (batch, 1, 1, channels)", under(call, "keepdims").shape),
    ]


def pads():
    zeros = Call("max_pool2d", {"x": square([[1, 2], [3, 4], [5, 6]])}, {"pool_size": 3, "strides": 1})
    as_pairs = zeros.with_options(padding=((0, 1), (2, 1)))
    return [
        Shown("((top, bottom), (left, right)) = ((0, 1), (2, 1))", under(as_pairs).shape[1:3]),
        Shown("read from the last axis, as F.pad", under(as_pairs, "pads from the last axis").shape[1:3]),
        Shown("read as begins, then ends, as ONNX", under(as_pairs, "all begins then all ends").shape[1:3]),
    ]


ROWS = [
    Row(
        5,
        "What is left over at the end of a pooling",
        "VALID drops it, SAME adds a window",
        "drops it; ceil_mode adds one",
        "drops it; ceil_mode=1 adds one",
        "sizes that the stride divides",
        "R/S",
        ("max_pool2d", "avg_pool2d"),
        "pixels 1 to 5, window 2, stride 2",
        remainder,
    ),
    Row(
        6,
        "Divisor of an average at the border",
        "how many pixels the window holds",
        "the size of the window (count_include_pad=True)",
        "how many pixels the window holds",
        "the interior agrees: only the border is off",
        "R",
        ("avg_pool2d",),
        "four sixes, window 3, padded",
        divisor,
        ("onnx-tensorrt issue 663",),
    ),
    Row(
        7,
        "ceil_mode with padding that counts",
        "no ceil_mode",
        "the divisor stops at the end of the padded image",
        "ONNX Runtime 1.31 as PyTorch; a mismatch is reported",
        "needs a window that hangs over",
        "R/I",
        ("avg_pool2d",),
        "four sixes, window 3, stride 2, a pixel of padding at both ends",
        clipped_divisor,
        ("pytorch issue 183528",),
    ),
    Row(
        8,
        "What padding is to a maximum",
        "minus infinity: it never wins",
        "the same; at most half the window",
        "the same",
        "behind a ReLU nothing is negative, and 0 does no harm",
        "R",
        ("max_pool2d",),
        "pixels -3, -1, -2, window 3, padded",
        padding_value,
    ),
    Row(
        9,
        "NaN in a maximum",
        "ignored",
        "wins",
        "ignored",
        "there should be none",
        "R",
        ("max_pool2d",),
        "pixels 1, NaN, 3, window 2",
        nan,
    ),
    Row(
        10,
        "Gradient of a pooling whose maximum comes twice",
        "the first in the window takes all",
        "the same",
        "-",
        "ties come with ReLU, padding and small integers; cuDNN picks one, not always the same",
        "R/I",
        ("max_pool2d_backward",),
        "pixels 3, 3, 1, dy 8",
        tie,
        ("Theano issue 5404",),
    ),
    Row(
        11,
        "Gradient of a reduction whose maximum comes twice",
        "reduce_max: equal shares",
        "max() and amax: equal shares; max(dim): the first",
        "-",
        "as row 10",
        "R",
        ("global_max_pool2d_backward",),
        "pixels 3, 3, 1, dy 8",
        global_tie,
    ),
    Row(
        13,
        "Index of a maximum",
        "(y*W + x)*C + c, channels last",
        "y*W + x for each channel",
        "flat over batch, channels, height, width",
        "unpooling with the other index scatters silently",
        "R",
        (),
        "the value at row 1, column 0, channel 1 of 2x3x2",
        argmax,
    ),
    Row(
        34,
        "Shape of a global average",
        "(N, C)",
        "(N, C, 1, 1)",
        "(N, C, 1, 1)",
        "a dense layer behind it broadcasts or fails",
        "R",
        ("global_avg_pool2d",),
        "an image of 5x4x3, twice",
        global_shape,
    ),
    Row(
        53,
        "How padding is written down",
        "pairs by axis; REFLECT is PyTorch's reflect, SYMMETRIC repeats the edge too",
        "F.pad starts at the last axis; no SYMMETRIC",
        "all begins, then all ends",
        "equal pads hide all of it",
        "R",
        ("max_pool2d", "conv2d"),
        "3x2 pixels, window 3, pads 0, 1, 2, 1",
        pads,
    ),
]
