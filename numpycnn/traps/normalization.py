"""Rows on normalization: momentum, epsilon, which variance, freezing, and the alpha of local responses."""

import numpy as np

from numpycnn.layers import BatchNormalization
from numpycnn.traps.row import Row, Shown, under
from numpycnn.verification.calls import Call

__all__ = ["ROWS"]

ONE = np.array([0.1])


def momentum():
    call = Call("moving_average", {"moving": np.array([1.0]), "batch": np.array([3.0])}, {"momentum": 0.9})
    return [
        Shown("Keras, ONNX: 0.9 of the old stays", under(call)),
        Shown("PyTorch given the same 0.9: 0.9 of the new enters", under(call, "momentum")),
    ]


def epsilon():
    arrays = {"x": np.array([[0.1]]), "mean": np.zeros(1), "variance": np.array([9e-3]), "gamma": None, "beta": None}
    call = Call("batch_normalization", arrays, {"epsilon": 1e-3})
    return [
        Shown("Keras, 1e-3", under(call)),
        Shown("PyTorch, ONNX, 1e-5", under(call, "epsilon 1e-05")),
        Shown("keras.applications' ResNet50, 1.001e-5", under(call, "epsilon 1.001e-05")),
    ]


def variance():
    arrays = {"x": np.array([[1.0], [3.0], [8.0]]), "gamma": None, "beta": None}
    call = Call("batch_normalization_train", arrays, {"epsilon": 1e-3})
    return [
        Shown("Keras 3, ONNX: kept, and normalized by", under(call, output="variance")),
        Shown("PyTorch: kept", under(call, "unbiased statistics", output="variance")),
    ]


def freezing():
    weights = {"gamma": np.ones(1), "beta": np.zeros(1), "moving_mean": np.zeros(1), "moving_variance": np.ones(1)}
    x = np.array([[1.0], [3.0]])
    return [
        Shown(
            f"training=True, trainable={trainable}",
            BatchNormalization(trainable=trainable, epsilon=0).call(weights, (x,), training=True).outputs[0],
        )
        for trainable in (False, True)
    ]


def layer_epsilon():
    call = Call("layer_normalization", {"x": np.array([[-0.1, 0.1]]), "gamma": None, "beta": None}, {"epsilon": 1e-3})
    return [Shown("Keras, 1e-3", under(call)), Shown("PyTorch, 1e-5", under(call, "layer epsilon 1e-05"))]


def responses(**options) -> Call:
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0]).reshape(1, 1, 1, 5)
    return Call("local_response_normalization", {"x": x}, {"bias": 1.0, "beta": 1.0, **options})


def alpha():
    call = responses(alpha=1.0, depth_radius=1)
    return [
        Shown("TensorFlow: alpha times the sum", under(call)),
        Shown("PyTorch, ONNX, Caffe: alpha over the size, 3", under(call, "alpha over size")),
    ]


def even_size():
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

    def windowed(before: int, after: int):
        sums = [np.square(x[max(0, c - before) : c + after + 1]).sum() for c in range(5)]
        return x / (1 + np.array(sums) / 2)

    return [
        Shown("PyTorch: the extra channel before", windowed(1, 0)),
        Shown("ONNX, by its text: the extra channel after", windowed(0, 1)),
    ]


ROWS = [
    Row(
        21,
        "Momentum of batch normalization",
        "the share that stays, 0.99",
        "the share that enters, 0.1",
        "the share that stays, 0.9",
        "inference of trained weights does not show it",
        "R/S",
        ("moving_average",),
        "1 so far, 3 in this batch",
        momentum,
    ),
    Row(
        22,
        "Epsilon of batch normalization",
        "1e-3; keras.applications' ResNet50 1.001e-5",
        "1e-5 (googlenet 1e-3)",
        "1e-5",
        "variances near 1 differ in the fourth digit only",
        "R/S",
        ("batch_normalization",),
        "x 0.1, mean 0, variance 0.009",
        epsilon,
    ),
    Row(
        23,
        "Which variance batch normalization keeps",
        "Keras 3 the biased; tf.compat.v1's fused op the unbiased",
        "normalizes by the biased, keeps the unbiased",
        "the biased",
        "large batches make K / (K - 1) nearly 1",
        "R",
        ("batch_normalization_train",),
        "a batch 1, 3, 8",
        variance,
    ),
    Row(
        24,
        "Freezing a batch normalization",
        "trainable=False is inference, even with training=True",
        "-",
        "training_mode=0",
        "fine-tuning drifts without an error",
        "R/S",
        ("batch_normalization",),
        "a batch 1, 3; moving 0 and 1",
        freezing,
    ),
    Row(
        25,
        "Epsilon of layer and group normalization",
        "1e-3; 32 groups",
        "1e-5",
        "1e-5",
        "as row 22",
        "R",
        ("layer_normalization", "group_normalization"),
        "x = -0.1, 0.1",
        layer_epsilon,
    ),
    Row(
        26,
        "Alpha of local response normalization",
        "multiplies the sum over 2r + 1 channels; tf.nn: r=5, bias=1, alpha=1, beta=0.5",
        "divides alpha by the size; defaults 1e-4, 0.75",
        "as PyTorch",
        "a size of 1",
        "R",
        ("local_response_normalization",),
        "channels 1 to 5, size 3, alpha 1, beta 1",
        alpha,
        ("Caffe divides too",),
    ),
    Row(
        27,
        "Local responses over an even number of channels",
        "not possible: 2r + 1 is odd",
        "the extra channel is before",
        "its text: after; ONNX Runtime refuses even sizes",
        "odd sizes",
        "R/S",
        (),
        "channels 1 to 5, size 2, alpha 1, beta 1",
        even_size,
        ("pytorch issue 75722",),
    ),
]
