"""Group normalization and standardized weights: how they are drawn, and Keras's and TensorFlow's own."""

import keras
import tensorflow as tf
from hypothesis import strategies as st

from numpycnn.verification.tolerances import ELEMENTWISE
from reference_tests.catalogue.normalization import EPSILONS, Standardized, averaged
from reference_tests.library.cases import Case, Op
from reference_tests.library.strategies import KINDS, arrays, distinct


@st.composite
def group_cases(draw):
    rank, groups = draw(st.integers(2, 4)), draw(st.sampled_from([1, 2, 3, 4, -1]))
    sizes = draw(distinct(*[(1, 3), (1, 5), (1, 6)][: rank - 1], (1, 5)))  # Keras reshapes no empty batch
    shape = (*sizes[:-1], sizes[-1] * max(1, groups))
    gamma, beta = (draw(st.sampled_from([None, shape[-1:]])) for _ in range(2))
    return Case(draw(arrays(x=shape, gamma=gamma, beta=beta)), {"groups": groups, "epsilon": draw(EPSILONS)})


@st.composite
def kernel_cases(draw):
    epsilon = draw(st.sampled_from([1e-10, 1e-3, 0.05]))
    kinds = KINDS if epsilon > 1e-10 else ("normal",)  # equal weights have gradients of up to 1e5, beyond float16
    drawn = draw(arrays(kinds, kernel=draw(distinct((1, 4), (1, 4), (1, 6), (0, 5)))))
    return Case(drawn, {"epsilon": epsilon})


def keras_group(x, gamma, beta, *, groups, epsilon):
    """Keras's layer on weights that are tensors, so that a tape sees them."""
    learnt = [parameter for parameter in (gamma, beta) if parameter is not None]
    layer = keras.layers.GroupNormalization(
        groups, epsilon=epsilon, scale=gamma is not None, center=beta is not None, dtype=x.dtype.name
    )
    layer.build(x.shape)
    return layer.stateless_call(learnt, [], x)[0]


def tf_standardized(kernel, *, epsilon):
    """As BiT's own code: moments over all axes but the filters."""
    mean, variance = tf.nn.moments(kernel, (0, 1, 2), keepdims=True)
    return tf.nn.batch_normalization(kernel, mean, variance, None, None, epsilon)


# Scales: those of normalization over the axes of the grouped array, or of a kernel.


def by_group(case: Case) -> Case:
    """x as (batch, ..., groups, C // groups), with the axes that are averaged over."""
    x, groups = case.arrays["x"], case.options["groups"]
    count = x.shape[-1] if groups == -1 else groups
    axis = (*range(1, x.ndim - 1), x.ndim)
    grouped = x.reshape(*x.shape[:-1], count, x.shape[-1] // count)
    return Case({"x": grouped}, {"axis": axis, "epsilon": case.options["epsilon"]})


def by_filter(case: Case) -> Case:
    return Case({"x": case.arrays["kernel"]}, {"axis": (0, 1, 2), **case.options})


def group_scale(case: Case):
    x, gamma, beta = case.arrays.values()
    error = Standardized(by_group(case)).error.reshape(x.shape)
    return (1 if gamma is None else abs(gamma)) * error + (0 if beta is None else abs(beta))


def input_gradient_scale(g, x: Standardized):
    dx = g + x.mean_of(g) + x.error * x.mean_of(g * abs(x.normal)) + abs(x.normal) * x.mean_of(g * x.error)
    return x.inverse * (1 + x.ratio) * dx


def group_gradient_scale(dy, case: Case):
    x, gamma, _ = case.arrays.values()
    of, others = Standardized(by_group(case)), tuple(range(x.ndim - 1))
    g = (abs(dy) * (1 if gamma is None else abs(gamma))).reshape(of.normal.shape)
    dx = input_gradient_scale(g, of).reshape(x.shape)
    return dx, (abs(dy) * of.error.reshape(x.shape)).sum(others), abs(dy).sum(others)


def kernel_gradient_scale(dy, case: Case):
    return input_gradient_scale(abs(dy), Standardized(by_filter(case)))


OPS = [
    Op(
        "group_normalization", group_cases(), keras_group, lambda case: averaged(by_group(case)), group_scale,
        group_gradient_scale, constant=ELEMENTWISE, keywords=("gamma", "beta"),
    ),
    Op(
        "weight_standardization", kernel_cases(), tf_standardized, lambda case: averaged(by_filter(case)),
        lambda case: Standardized(by_filter(case)).error, kernel_gradient_scale, constant=ELEMENTWISE,
    ),
]  # fmt: skip
