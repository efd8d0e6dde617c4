"""Activations: a table of how large the terms of their derivatives get, and of options."""

import numpy as np
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct
from numpycnn.verification.tolerances import ELEMENTWISE


@st.composite
def shapes(draw, least=1):
    """One to four sizes, no two alike, the batch possibly empty."""
    sizes = draw(distinct((0, 4), (1, 6), (1, 6), (1, 6)))
    return sizes[: draw(st.integers(least, 4), label="axes")]


@st.composite
def inputs(draw, shape, **others):
    """Values about 0, about the kinks at 3 and 6, or far out on both sides."""
    drawn = draw(arrays(x=shape, **others))
    spread = draw(st.sampled_from([1, 2, 16]), label="spread")
    return {**drawn, "x": drawn["x"] * spread}


@st.composite
def cases(draw, options):
    drawn = draw(inputs(draw(shapes())))
    return Case(drawn, {name: draw(st.sampled_from(choices), label=name) for name, choices in options.items()})


def activation(name, slope, *, output=None, smooth=False, **options):
    """An entry: slope(x, **options) bounds the terms of the derivative; output those of y, by default y itself.

    TensorFlow's terms count too: its elu subtracts 1 from exp(x), its gelu adds 1 to erf(x); ours do not cancel, which
    test_activations.py asks.
    """

    def scale(case):
        terms = output or getattr(numpycnn.ops, name)
        return abs(terms(case.arrays["x"], **case.options))

    def gradient_scale(dy, case):
        return abs(dy) * slope(case.arrays["x"], **case.options)

    return Op(
        name, cases(options), scale=scale, gradient_scale=gradient_scale, constant=ELEMENTWISE,
        smooth=smooth,
    )  # fmt: skip


@st.composite
def prelu_cases(draw):
    shape = draw(shapes(least=2))
    shared = tuple(1 if draw(st.booleans()) else size for size in shape[1:])
    return Case(draw(inputs(shape, alpha=shared)))


def prelu_gradient_scale(dy, case):
    x, alpha = case.arrays.values()
    shared = tuple(axis for axis, size in enumerate(alpha.shape, 1) if size == 1)
    return abs(dy) * np.maximum(1, abs(alpha)), abs(dy * x).sum(axis=(0, *shared), keepdims=True)[0]


@st.composite
def softmax_cases(draw):
    shape = draw(shapes())
    return Case(draw(inputs(shape)), {"axis": draw(st.integers(-len(shape), len(shape) - 1), label="axis")})


@st.composite
def exponential_cases(draw):
    case = draw(cases({}))
    return Case({"x": case.arrays["x"].clip(-9, 9)})


def exponential_scale(case):
    """x, which the exponential multiplies, may be rounded."""
    return np.exp(case.arrays["x"]) * (1 + abs(case.arrays["x"]))


def below_largest(case):
    """How far exp's argument is from the largest of its axis, which is rounded before exp is taken; and the axis."""
    x, axis = case.arrays["x"], case.options["axis"]
    return abs(x - x.max(axis=axis, keepdims=True, initial=-np.inf)), axis


def softmax_scale(case):
    return numpycnn.ops.softmax(*case.arrays.values(), **case.options) * (1 + below_largest(case)[0])


SUBNORMAL = float(np.finfo(np.float32).tiny)
"""Below this a share in float32 is rounded by as much as one of this size is, whatever it is multiplied with."""


def softmax_gradient_scale(dy, case):
    share, axis = softmax_scale(case) + SUBNORMAL, case.options["axis"]
    return share * (abs(dy) + (abs(dy) * share).sum(axis=axis, keepdims=True))


def log_softmax_scale(case):
    below, axis = below_largest(case)
    return below + 1 + np.log(np.exp(-below).sum(axis=axis, keepdims=True).clip(1))


def log_softmax_gradient_scale(dy, case):
    return abs(dy) + softmax_scale(case) * abs(dy).sum(axis=case.options["axis"], keepdims=True)


def axis_length(case):
    return case.arrays["x"].shape[case.options["axis"]]


def steepest(x, negative_slope, **others):
    return max(1, abs(negative_slope))


def relu_terms(x, negative_slope, threshold, **others):
    return max(1, abs(negative_slope)) * (abs(x) + abs(threshold))


def logistic(x):
    return np.exp(-np.logaddexp(0, -x))


def gated(x):
    """|silu(x)|, and what is lost of it in float32 where sigmoid(x) is below the smallest number."""
    return abs(x) * (logistic(x) + LOST)


LOST = float(np.finfo(np.float32).smallest_subnormal / np.finfo(np.float32).eps)


SLOPES = [0.25, 0.0, -0.5, 1.0, float(np.float32(0.3))]  # tf.nn.leaky_relu holds its slope in float32

OPS = [
    activation(
        "relu", steepest, output=relu_terms,
        max_value=[None, 6, 2.0, 0.0], negative_slope=SLOPES, threshold=[0.0, 1.0, -2.0],
    ),
    activation("leaky_relu", steepest, negative_slope=SLOPES),
    activation("relu6", lambda x: 1),
    activation(
        "elu", lambda x, alpha: max(1, abs(alpha)), output=lambda x, alpha: x.clip(0) + abs(alpha),
        alpha=[1.0, 0.5, -0.5, 0.0, 2.0],
    ),
    activation("selu", lambda x: 2, output=lambda x: x.clip(0) + 2),
    activation("sigmoid", logistic, smooth=True),
    activation("tanh", lambda x: 2, smooth=True),
    activation("hard_sigmoid", lambda x: 1),
    activation("silu", lambda x: logistic(x) + gated(x), output=gated, smooth=True),
    activation("hard_silu", lambda x: 2),
    activation(
        "gelu", lambda x, approximate: 2 + approximate * np.minimum(abs(x), 6) ** 3,
        output=lambda x, approximate: abs(x), smooth=True,
        approximate=[False, True],
    ),
    Op(
        "exponential", exponential_cases(), scale=exponential_scale,
        gradient_scale=lambda dy, case: abs(dy) * exponential_scale(case), constant=ELEMENTWISE, smooth=True,
    ),
    activation("softplus", lambda x: 1, output=lambda x: abs(x) + 1, smooth=True),
    activation("log_sigmoid", lambda x: 1, output=lambda x: abs(x) + 1, smooth=True),
    activation("mish", lambda x: 2 + 2 * abs(x), output=abs, smooth=True),
    activation("softsign", lambda x: 1),
    activation("squareplus", lambda x, b: 1, output=lambda x, b: abs(x) + b + 1, smooth=True, b=[4.0, 1.0, 0.25]),
    activation(
        "celu", lambda x, alpha: np.exp(np.minimum(x, 0) / alpha) * (1 + abs(x)),
        output=lambda x, alpha: x.clip(0) + abs(alpha), alpha=[1.0, 0.5, 2.0],
    ),
    activation("hard_tanh", lambda x: 1),
    activation("hard_shrink", lambda x, threshold: 1, threshold=[0.5, 0.0, 2.0]),
    activation(
        "soft_shrink", lambda x, threshold: 1, output=lambda x, threshold: abs(x) + threshold,
        threshold=[0.5, 0.0, 2.0],
    ),
    activation("tanh_shrink", lambda x: 2, output=lambda x: abs(x) + 1, smooth=True),
    activation("sparse_plus", lambda x: 1, output=lambda x: abs(x) + 1),
    activation("sparse_sigmoid", lambda x: 1, output=lambda x: abs(x) + 1),
    Op(
        "prelu", prelu_cases(), scale=lambda case: abs(numpycnn.ops.prelu(*case.arrays.values())),
        gradient_scale=prelu_gradient_scale, constant=ELEMENTWISE, smooth=False,
    ),
    Op(
        "softmax", softmax_cases(), axis_length,
        softmax_scale, softmax_gradient_scale, ELEMENTWISE,
    ),
    Op(
        "log_softmax", softmax_cases(), axis_length,
        log_softmax_scale, log_softmax_gradient_scale, ELEMENTWISE,
    ),
]  # fmt: skip
