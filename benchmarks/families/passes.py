"""What passes over its arrays once or twice: activations, softmax, layer and batch normalization, global pooling."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from benchmarks.libraries import tensorflow
from benchmarks.rows import Row, drawn

MAPS, TOKENS, CLASSES = (8, 56, 56, 64), (8, 196, 384), (512, 1000)
EPSILON = 1e-3


class Pass(NamedTuple):
    """An op of one array and some numbers a channel, and what TensorFlow calls it, over the same arrays."""

    op: str
    theirs: Callable
    shape: tuple[int, ...]
    options: Mapping = MappingProxyType({})
    channels: tuple[str, ...] = ()  # arguments with one number a channel; ours take them by these names
    differentiated: Callable | None = None  # where TensorFlow's fastest has no gradient by all of them

    def name(self, which: str) -> str:
        return f"{self.op}{which}, {'x'.join(map(str, self.shape))}"

    def arrays(self, dtype="float32"):
        """x, and the numbers of the channels, all positive as a variance must be"""
        x, *numbers = drawn(self.shape, *[self.shape[-1:]] * len(self.channels), dtype=dtype)
        return x, {name: abs(array) + 1 for name, array in zip(self.channels, numbers, strict=True)}


def ours(case: Pass, dtype="float32"):
    from numpycnn import ops

    x, numbers = case.arrays(dtype)
    return partial(getattr(ops, case.op), x, **numbers, **case.options)


def ours_backward(case: Pass, dtype="float32"):
    from numpycnn import ops

    x, numbers = case.arrays(dtype)
    (dy,) = drawn(ours(case)().shape, seed=1, dtype=dtype)
    numbers.pop("beta", None)
    return partial(getattr(ops, f"{case.op}_backward"), dy, x, **numbers, **case.options)


def tensorflows(case: Pass):
    x, numbers = case.arrays()
    return tensorflow.function(case.theirs, x, *numbers.values())


def tensorflows_backward(case: Pass):
    import tensorflow as tf

    def gradients(dy, x, *numbers):
        with tf.GradientTape() as tape:
            tape.watch((x, numbers))
            y = (case.differentiated or case.theirs)(x, *numbers)
        dx, others = tape.gradient(y, (x, numbers), dy)
        return dx, *others

    x, numbers = case.arrays()
    (dy,) = drawn(ours(case)().shape, seed=1)
    return tensorflow.function(gradients, dy, x, *numbers.values())


def _tf(function: Callable) -> Callable:
    """function(tf, *arrays) with TensorFlow imported when it is called."""

    def call(*arrays):
        import tensorflow as tf

        return function(tf, *arrays)

    return call


def _layer_normalization(tf, x, gamma, beta):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)


def _fused(tf, x, mean, variance, gamma, beta):
    options = {"mean": mean, "variance": variance, "epsilon": EPSILON, "is_training": False}
    return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, **options)[0]


PASSES = [
    Pass("relu", _tf(lambda tf, x: tf.nn.relu(x)), MAPS),
    Pass("sigmoid", _tf(lambda tf, x: tf.sigmoid(x)), MAPS),
    Pass("gelu", _tf(lambda tf, x: tf.nn.gelu(x, approximate=True)), MAPS, {"approximate": True}),
    Pass("softmax", _tf(lambda tf, x: tf.nn.softmax(x)), CLASSES),
    Pass("global_avg_pool2d", _tf(lambda tf, x: tf.reduce_mean(x, (1, 2))), MAPS),
    Pass("global_max_pool2d", _tf(lambda tf, x: tf.reduce_max(x, (1, 2))), MAPS),
    Pass("layer_normalization", _tf(_layer_normalization), TOKENS, {"epsilon": EPSILON}, ("gamma", "beta")),
    Pass(
        "batch_normalization",
        _tf(_fused),
        MAPS,
        {"epsilon": EPSILON},
        ("mean", "variance", "gamma", "beta"),
        _tf(
            lambda tf, x, mean, variance, *learnt: tf.nn.batch_normalization(x, mean, variance, *learnt[::-1], EPSILON)
        ),
    ),
]

ROWS = [
    Row(
        case.name(which),
        {"numpycnn": partial(mine, case), "tensorflow": partial(theirs, case)},
        partial(mine, case, "float64"),
    )
    for case in PASSES
    for which, mine, theirs in (("", ours, tensorflows), (" backward", ours_backward, tensorflows_backward))
]
