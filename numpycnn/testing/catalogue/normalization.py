"""Normalization: how it is drawn, and what its results are made of."""

import numpy as np
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct
from numpycnn.verification.tolerances import ELEMENTWISE

EPSILONS = st.sampled_from([1e-3, 0.05])


@st.composite
def shapes(draw, least_batch, least_rank, channels=(1, 5)):
    rank = draw(st.integers(least_rank, 4))
    return draw(distinct(*[(least_batch, 3), (1, 6), (1, 6)][: rank - 1], channels))


@st.composite
def inference_cases(draw):
    *others, channels = draw(shapes(0, 2))
    gamma, beta = (draw(st.sampled_from([None, (channels,)])) for _ in range(2))
    drawn = draw(arrays(x=(*others, channels), mean=(channels,), variance=(channels,), gamma=gamma, beta=beta))
    drawn["variance"] = (abs(drawn["variance"]) + 0.5).astype(np.float16).astype(np.float64)
    return Case(drawn, {"epsilon": draw(EPSILONS)})


@st.composite
def train_cases(draw):
    *others, channels = draw(shapes(1, 2))  # TensorFlow's statistics of an empty batch are NaN
    gamma, beta = (draw(st.sampled_from([None, (channels,)])) for _ in range(2))
    return Case(draw(arrays(x=(*others, channels), gamma=gamma, beta=beta)), {"epsilon": draw(EPSILONS)})


@st.composite
def layer_cases(draw):
    shape = draw(shapes(0, 1, channels=(1, 7)))
    rank = len(shape)
    axes = sorted(draw(st.sets(st.integers(0, rank - 1), min_size=1)))
    parameters = tuple(shape[a] for a in axes)
    gamma, beta = (draw(st.sampled_from([None, parameters])) for _ in range(2))
    axis = [a - rank if draw(st.booleans()) else a for a in draw(st.permutations(axes))]
    axis = axis[0] if len(axis) == 1 and draw(st.booleans()) else tuple(axis)
    return Case(draw(arrays(x=shape, gamma=gamma, beta=beta)), {"axis": axis, "epsilon": draw(EPSILONS)})


@st.composite
def local_response_cases(draw):
    drawn = draw(arrays(x=draw(distinct((0, 3), (1, 4), (1, 4), (1, 9)))))
    numbers = {"bias": [1.0, 2.0, 0.5], "alpha": [1.0, 1e-4, 0.3], "beta": [0.5, 0.75, 1.0, 1.5]}
    options = {name: draw(st.sampled_from(values)) for name, values in numbers.items()}
    return Case(drawn, {"depth_radius": draw(st.integers(0, 6)), **options})


# Scales. Centring adds up |x| + |mean|; a deviation made of centred values inherits what that rounds.


def against_the_mean(case: Case) -> dict:
    """The arrays at which x - mean, like everything else, adds up before it cancels."""
    arrays = case.absolute().arrays
    return {**arrays, "mean": -arrays["mean"]}


def inference_scale(case: Case):
    return numpycnn.ops.batch_normalization(**against_the_mean(case), **case.options)


def inference_gradient_scale(dy, case: Case):
    gradients = numpycnn.ops.batch_normalization_backward(abs(dy), **against_the_mean(case), **case.options)
    return tuple(map(abs, gradients))


def axes_of(case: Case) -> tuple[int, ...]:
    rank = case.arrays["x"].ndim
    axis = case.options.get("axis", tuple(range(rank - 1)))
    return tuple(a % rank for a in (axis if isinstance(axis, tuple) else (axis,)))


def averaged(case: Case) -> int:
    return int(np.prod([case.arrays["x"].shape[a] for a in axes_of(case)]))


class Standardized:
    """(x - mean) / deviation in float64, and in `error` what it is made of before anything cancels."""

    def __init__(self, case: Case):
        x, axes = case.arrays["x"], axes_of(case)
        self.mean_of = lambda a: a.sum(axes, keepdims=True) / max(1, averaged(case))
        centred = x - self.mean_of(x)
        self.size = abs(x) + self.mean_of(abs(x))
        self.inverse = 1 / np.sqrt(self.mean_of(centred**2) + case.options["epsilon"])
        self.variance_error = 2 * self.mean_of(abs(centred) * self.size)
        self.ratio = self.inverse**2 * self.variance_error
        self.normal = centred * self.inverse
        self.error = self.inverse * self.size + abs(self.normal) * self.ratio


def along(parameter, case: Case):
    """|gamma| or |beta| as it broadcasts with x; 1 where it is left out."""
    if parameter is None:
        return 1.0
    kept = axes_of(case) if "axis" in case.options else (case.arrays["x"].ndim - 1,)
    return abs(parameter).reshape([n if a in kept else 1 for a, n in enumerate(case.arrays["x"].shape)])


def standardized_scale(case: Case):
    gamma, beta = (along(case.arrays[k], case) for k in ("gamma", "beta"))
    return gamma * Standardized(case).error + beta


def train_scale(case: Case):
    x = Standardized(case)
    statistics = x.mean_of(abs(case.arrays["x"])).ravel(), x.variance_error.ravel()
    return standardized_scale(case), *statistics


def standardized_gradient_scale(dy, case: Case):
    x, g = Standardized(case), abs(dy) * along(case.arrays["gamma"], case)
    dx = g + x.mean_of(g) + x.error * x.mean_of(g * abs(x.normal)) + abs(x.normal) * x.mean_of(g * x.error)
    kept = axes_of(case) if "axis" in case.options else (dy.ndim - 1,)
    others = tuple(a for a in range(dy.ndim) if a not in kept)
    return x.inverse * (1 + x.ratio) * dx, (abs(dy) * x.error).sum(others), abs(dy).sum(others)


def local_response_scale(case: Case):
    return abs(numpycnn.ops.local_response_normalization(**case.arrays, **case.options))


def local_response_gradient_scale(dy, case: Case):
    """The two terms of the gradient without the sign between them."""
    x, dy, o = abs(case.arrays["x"]), abs(dy), case.options
    channel = np.arange(x.shape[-1])
    near = abs(channel - channel[:, None]) <= o["depth_radius"]
    s = o["bias"] + o["alpha"] * (x**2 @ near)
    return dy / s ** o["beta"] + 2 * o["alpha"] * o["beta"] * x * (dy * x / s ** (o["beta"] + 1) @ near)


OPS = [
    Op(
        "batch_normalization", inference_cases(), scale=inference_scale,
        gradient_scale=inference_gradient_scale, constant=ELEMENTWISE,
    ),
    Op(
        "batch_normalization_train", train_cases(), scale=train_scale,
        gradient_scale=standardized_gradient_scale, length=averaged,
    ),
    Op(
        "layer_normalization", layer_cases(), scale=standardized_scale,
        gradient_scale=standardized_gradient_scale, length=averaged,
    ),
    Op(
        "local_response_normalization", local_response_cases(),
        lambda case: 2 * case.options["depth_radius"] + 1, local_response_scale, local_response_gradient_scale,
        constant=ELEMENTWISE,
    ),
]  # fmt: skip
