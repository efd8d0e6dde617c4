"""Rows on convolutions: where padding goes, how kernels are laid out, which way a transposed convolution is cropped."""

import numpy as np

from numpycnn.layers import Conv2D
from numpycnn.traps.row import Row, Shown, line, under
from numpycnn.verification.calls import Call

__all__ = ["ROWS"]

COUNTS = np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)
PAIR = COUNTS[:, :2]


def conv(x, kernel, **options) -> Call:
    return Call("conv2d", {"x": x, "kernel": kernel, "bias": None}, options)


def transposed(x, kernel, **options) -> Call:
    return Call("conv2d_transpose", {"x": x, "kernel": kernel, "bias": None}, options)


def same_with_a_stride():
    six, seven = (conv(line(*range(1, n)), COUNTS, strides=2, padding="same") for n in (7, 8))
    return [
        Shown("TensorFlow, Keras, ONNX SAME_UPPER", under(six)),
        Shown("PyTorch padding=1", under(six, "padding on both sides")),
        Shown("ONNX SAME_LOWER", under(six, "padding at the start")),
        Shown("all of them on 7 pixels", under(seven)),
    ]


def same_with_an_even_kernel():
    call = conv(line(1, 2, 3, 4), PAIR, padding="same")
    return [
        Shown("TensorFlow, Keras, PyTorch 'same', ONNX SAME_UPPER", under(call)),
        Shown("ONNX SAME_LOWER", under(call, "padding at the start")),
    ]


def same_with_dilation():
    call = conv(line(1, 2, 3, 4, 5, 6), COUNTS, padding="same", dilation_rate=2)
    return [
        Shown("TensorFlow, Keras, PyTorch 'same'", under(call)),
        Shown("padded for 3 taps instead of 5 pixels", under(call, "padding of the undilated kernel")),
    ]


def stride_and_dilation():
    call = conv(line(1, 2, 3, 4, 5, 6, 7), COUNTS, strides=2, dilation_rate=2)
    try:
        said = "accepted: " + str(Conv2D(1, 3, strides=2, dilation_rate=2))
    except ValueError as error:
        said = str(error)
    return [Shown("tf.nn, PyTorch, numpycnn.ops", under(call)), Shown("Keras layers, numpycnn.layers", said)]


def kernel_layout():
    x, kernel = np.arange(8.0).reshape(1, 2, 2, 2), np.arange(1.0, 9.0).reshape(1, 2, 2, 2)
    call = conv(x, kernel)
    return [
        Shown("HWIO, as it is meant", under(call)),
        Shown("reshaped to OIHW instead of transposed", under(call, "HWIO numbers read as OIHW")),
        Shown("in and out exchanged", under(call, "kernel in for out")),
    ]


def depthwise_layout():
    x, kernel = np.array([1.0, 10.0]).reshape(1, 1, 1, 2), np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).reshape(1, 1, 2, 3)
    call = Call("depthwise_conv2d", {"x": x, "kernel": kernel, "bias": None}, {})
    return [
        Shown("TensorFlow, PyTorch: c * multiplier + m", under(call)),
        Shown("m * channels + c", under(call, "multiplier first")),
    ]


def dense_layout():
    call = Call("dense", {"x": np.array([[1.0, 10.0]]), "kernel": np.array([[1.0, 2.0], [3.0, 4.0]]), "bias": None}, {})
    return [
        Shown("kernel (in, out)", under(call)),
        Shown("the same numbers taken for (out, in)", under(call, "kernel in for out")),
    ]


def correlation():
    call = conv(line(1, 2, 3, 4), COUNTS)
    return [
        Shown("all frameworks: cross-correlation", under(call)),
        Shown("np.convolve, signal processing", under(call, "flipped kernel")),
    ]


def transposed_size():
    call = transposed(line(1, 2, 3), PAIR, strides=(1, 3))
    return [
        Shown("Keras valid", under(call).shape[2]),
        Shown("PyTorch padding=0, ONNX", under(call, "size of the gradient").shape[2]),
    ]


def transposed_alignment():
    call = transposed(line(1, 2, 3), COUNTS, strides=(1, 2), padding="same")
    torch = transposed(line(1, 2, 3), COUNTS, strides=(1, 2), padding=((0, 0), (1, 1)), output_padding=(0, 1))
    return [
        Shown("TensorFlow, Keras, ONNX SAME_UPPER", under(call)),
        Shown("PyTorch padding=1, output_padding=1", under(torch)),
        Shown("ONNX SAME_LOWER", under(call, "start cropped")),
    ]


KERNEL_123 = "kernel 1, 10, 100"

ROWS = [
    Row(
        1,
        "SAME padding with a stride",
        "total = max(0, (ceil(n/s) - 1)s + d(k-1) + 1 - n), the smaller half in front",
        "refuses 'same' with a stride; padding=k//2 puts the same number on both sides",
        "SAME_UPPER as TensorFlow; SAME_LOWER puts the larger half in front",
        "nothing shows where total is even, as on 7 pixels with k=3, s=2",
        "R/I",
        ("conv2d", "max_pool2d", "avg_pool2d"),
        f"pixels 1 to 6, {KERNEL_123}, stride 2",
        same_with_a_stride,
        ("tf.nn, notes on padding", "pytorch issue 3867"),
    ),
    Row(
        2,
        "SAME padding of an even kernel, stride 1",
        "the odd pixel goes to the end",
        "'same': to the end as well",
        "SAME_UPPER to the end, SAME_LOWER to the start",
        "kernels of 3, 5, 7 never show it",
        "R",
        ("conv2d",),
        "pixels 1 to 4, kernel 1, 10",
        same_with_an_even_kernel,
    ),
    Row(
        3,
        "SAME padding of a dilated kernel",
        "the kernel counts as d(k-1) + 1 pixels",
        "the same at stride 1",
        "ONNX Runtime refuses dilation with SAME",
        "without dilation there is nothing to see",
        "R",
        ("conv2d",),
        f"pixels 1 to 6, {KERNEL_123}, dilation 2",
        same_with_dilation,
    ),
    Row(
        4,
        "Stride and dilation together",
        "tf.nn allows both above 1; Keras's Conv2D layers raise ValueError",
        "allowed",
        "-",
        "a model that converts may not load",
        "R",
        ("conv2d",),
        f"pixels 1 to 7, {KERNEL_123}, stride 2, dilation 2",
        stride_and_dilation,
    ),
    Row(
        15,
        "Layout of a convolution kernel",
        "(height, width, in, out)",
        "(out, in, height, width)",
        "(out, in, height, width)",
        "equal sizes make reshape look like transpose: no error, other numbers",
        "R/S",
        ("conv2d",),
        "two pixels of two channels, kernel 1 to 8",
        kernel_layout,
    ),
    Row(
        16,
        "Layout of a depthwise kernel",
        "(height, width, channels, multiplier), outputs c * multiplier + m",
        "(channels * multiplier, 1, height, width): transpose(2, 3, 0, 1), then reshape",
        "-",
        "with multiplier 1 both orders are one",
        "R",
        ("depthwise_conv2d",),
        "channels 1 and 10, kernel 1 to 6, multiplier 3",
        depthwise_layout,
    ),
    Row(
        17,
        "Layout of dense and transposed kernels",
        "(in, out); transposed (height, width, out, in)",
        "(out, in); transposed (in, out, height, width)",
        "transposed (in, out, height, width)",
        "square kernels raise no error",
        "R/S",
        ("dense", "conv2d_transpose"),
        "x = 1, 10, kernel 1 to 4",
        dense_layout,
    ),
    Row(
        18,
        "What is called a convolution",
        "cross-correlation: the kernel is not flipped",
        "the same",
        "the same",
        "symmetric kernels do not tell",
        "R",
        ("conv2d",),
        f"pixels 1 to 4, {KERNEL_123}",
        correlation,
    ),
    Row(
        19,
        "Size of a transposed convolution",
        "same: n*s; valid: n*s + max(k - s, 0)",
        "(n-1)s - 2p + d(k-1) + output_padding + 1",
        "as PyTorch with pads in pixels; SAME n*s",
        "the same wherever k >= s",
        "R/S",
        ("conv2d_transpose",),
        "3 pixels, kernel of 2, stride 3",
        transposed_size,
    ),
    Row(
        20,
        "Alignment of a transposed convolution",
        "same crops the odd pixel at the end",
        "padding=1, output_padding=1 crops at the start",
        "UPPER as TensorFlow, LOWER as PyTorch",
        "kernels of 2 and 4 with stride 2 agree",
        "R",
        ("conv2d_transpose",),
        f"pixels 1 to 3, {KERNEL_123}, stride 2",
        transposed_alignment,
    ),
]
