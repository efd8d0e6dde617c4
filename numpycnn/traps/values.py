"""Rows on activations, losses, resizing and the order of numbers."""

import numpy as np

from numpycnn import ops
from numpycnn.traps.row import Row, Shown, line, under
from numpycnn.verification.calls import Call
from numpycnn.verification.rules.arrangement import align_corners, half_pixel, mixed

__all__ = ["ROWS"]


def kinks():
    one, zero, six = np.ones(1), np.zeros(1), np.full(1, 6.0)
    relu = Call("relu_backward", {"dy": one, "x": zero}, {})
    maximum = Call("maximum_backward", {"dy": one, "x1": zero, "x2": zero}, {})
    return [
        Shown("relu'(0), relu6'(6): everywhere", f"{under(relu).item():g}, {ops.relu6_backward(one, six).item():g}"),
        Shown("maximum(x, 0) at 0 in TensorFlow", under(maximum)),
        Shown("maximum(x, 0) at 0 in PyTorch", under(maximum, "halves at a tie")),
    ]


def flattened():
    call = Call("flatten", {"x": np.arange(8.0).reshape(1, 2, 2, 2)}, {})
    return [
        Shown("height, width, channels", under(call)),
        Shown("channels, height, width", under(call, "flattened channels first")),
    ]


def hard_sigmoid():
    call = Call("hard_sigmoid", {"x": np.array([-2.7])}, {})
    return [
        Shown("Keras 3, PyTorch: x/6 + 0.5", under(call)),
        Shown("ONNX by default, Keras 2: 0.2x + 0.5", under(call, "hard_sigmoid 0.2")),
    ]


def slopes():
    call = Call("leaky_relu", {"x": np.array([-10.0])}, {"negative_slope": 0.3})
    return [
        Shown("Keras's layer, 0.3", under(call)),
        Shown("tf.nn, 0.2", under(call, "leaky_relu negative_slope 0.2")),
        Shown("PyTorch, ONNX, 0.01", under(call, "leaky_relu negative_slope 0.01")),
    ]


def softmax():
    call = Call("softmax", {"x": np.log([[[1.0, 3.0], [1.0, 1.0]]])}, {"axis": -1})
    return [
        Shown("Keras, ONNX from opset 13: the last axis", under(call)),
        Shown("ONNX opset 11: everything behind the batch", under(call, "softmax of everything")),
        Shown("axis 1", under(call, "softmax of axis 1")),
    ]


def cross_entropy():
    certain = Call("binary_crossentropy", {"y_true": np.zeros((1, 1)), "y_pred": np.ones((1, 1))}, {})
    arrays = {"y_true": np.array([[1.0, 0.0]]), "y_pred": np.array([[0.25, 0.75]])}
    call = Call("categorical_crossentropy", arrays, {"from_logits": False})
    return [
        Shown("Keras's binary cross-entropy of a certain mistake", under(certain)),
        Shown("the same in PyTorch, whose logarithm stops at -100", 100.0),
        Shown("probabilities 1/4, 3/4 read as such", under(call)),
        Shown("the same numbers read as logits", under(call, "logits")),
    ]


def preprocessing():
    pixel = np.array([10.0, 20.0, 30.0])
    mean = np.array([103.939, 116.779, 123.68])
    deviation = (pixel / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return [
        Shown("resnet50, vgg16: BGR less the mean", pixel[::-1] - mean),
        Shown("xception, mobilenet_v2: -1 to 1", pixel / 127.5 - 1),
        Shown("densenet: mean and deviation", deviation),
        Shown("efficientnet, convnext: as it is", pixel),
    ]


def nearest():
    call = Call("resize", {"x": line(1, 2, 3, 4)}, {"size": (1, 3), "interpolation": "nearest"})
    return [
        Shown("TensorFlow, PyTorch nearest-exact", under(call)),
        Shown("PyTorch nearest", under(call, "nearest without centres")),
        Shown("ONNX by default", under(call, "nearest rounded down")),
    ]


def bilinear():
    call = Call("resize", {"x": line(1, 2, 3, 4)}, {"size": (1, 8), "interpolation": "bilinear"})
    return [
        Shown("TensorFlow, PyTorch, ONNX by default", under(call)),
        Shown("align_corners=True", under(call, "align_corners")),
        Shown("TensorFlow 1 by default", under(call, "bilinear without centres")),
    ]


def region():
    """The image 0 to 15 as 4x4, all of it, to 2x2."""
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    return [
        Shown("TensorFlow crop_and_resize: corners on corners", mixed(align_corners)(x, (2, 2))),
        Shown("ONNX half_pixel", mixed(half_pixel)(x, (2, 2))),
    ]


def bicubic():
    call = Call("resize", {"x": line(1, 2, 3, 4)}, {"size": (1, 8), "interpolation": "bicubic"})
    return [
        Shown("TensorFlow: a = -0.5, edges made to add up to 1", under(call)),
        Shown("PyTorch, ONNX by default: a = -0.75, edges repeated", under(call, "bicubic a = -0.75")),
        Shown("a = -0.5, edges repeated", under(call, "bicubic edges repeated")),
    ]


ROWS = [
    Row(
        12,
        "Derivatives at kinks",
        "relu'(0) = relu6'(6) = 0; maximum(x, 0) gives 1",
        "relu the same; maximum gives 1/2",
        "-",
        "zeros are common behind padding and ReLU",
        "R",
        ("relu_backward", "maximum_backward"),
        "dy 1",
        kinks,
    ),
    Row(
        14,
        "Order of a flattened image",
        "height, width, channels",
        "channels, height, width",
        "channels, height, width",
        "global pooling in between makes it harmless; else the rows of the dense kernel must be permuted",
        "R",
        ("flatten", "dense"),
        "0 to 7 as 2x2 pixels of 2 channels",
        flattened,
        ("nn-transfer issues 11 and 16",),
    ),
    Row(
        28,
        "Nearest pixels of a resize",
        "floor((i + 1/2) * in / out)",
        "nearest: floor(i * in / out); nearest-exact as TensorFlow",
        "rounds the centre, halves down",
        "whole factors agree",
        "R",
        ("resize",),
        "pixels 1 to 4 to 3 pixels",
        nearest,
    ),
    Row(
        29,
        "Places of a bilinear resize",
        "pixel centres",
        "pixel centres; align_corners=True the corners",
        "pixel centres",
        "the middle is close, the ends are not",
        "R",
        ("resize", "up_sampling2d"),
        "pixels 1 to 4 to 8 pixels",
        bilinear,
        ("TensorFlow 1 had another default",),
    ),
    Row(
        30,
        "Bicubic coefficient",
        "a = -0.5, weights at the edge made to add up to 1",
        "a = -0.75",
        "a = -0.75; a = -0.5 with exclude_outside is TensorFlow's",
        "bilinear networks do not use it",
        "R",
        ("resize", "up_sampling2d"),
        "pixels 1 to 4, to 8",
        bicubic,
    ),
    Row(
        31,
        "Sampling a region of interest",
        "crop_and_resize puts corners on corners",
        "aligned=False by default",
        "half_pixel by default",
        "large regions hide half a pixel",
        "R/S",
        (),
        "pixels 0 to 15 as 4x4, to 2x2",
        region,
    ),
    Row(
        32,
        "hard_sigmoid",
        "x/6 + 0.5",
        "x/6 + 0.5",
        "0.2x + 0.5 by default",
        "around 0 they are close",
        "R",
        ("hard_sigmoid",),
        "x = -2.7",
        hard_sigmoid,
    ),
    Row(
        33,
        "Slopes of LeakyReLU and PReLU",
        "0.3 in the layer, 0.2 in tf.nn; PReLU one for each element, first 0",
        "0.01; PReLU one in all, first 0.25",
        "0.01",
        "positive numbers do not tell",
        "R/S",
        ("leaky_relu", "prelu"),
        "x = -10",
        slopes,
    ),
    Row(
        35,
        "Axis of a softmax",
        "the last",
        "-",
        "opset 11: axis 1 and all behind it as one; from 13 the last",
        "with (batch, classes) all are the same",
        "R/S",
        ("softmax",),
        "log of [[1, 3], [1, 1]]",
        softmax,
    ),
    Row(
        36,
        "What a cross-entropy is given",
        "probabilities by default, cut at 1e-7",
        "logits; binary: cut at exp(-100)",
        "-",
        "it trains all the same, only worse",
        "R",
        ("categorical_crossentropy", "binary_crossentropy"),
        "",
        cross_entropy,
    ),
    Row(
        37,
        "Preprocessing of pretrained networks",
        "another for each family",
        "-",
        "-",
        "accuracy drops, nothing fails",
        "R",
        ("conv2d",),
        "a pixel RGB 10, 20, 30",
        preprocessing,
    ),
]
