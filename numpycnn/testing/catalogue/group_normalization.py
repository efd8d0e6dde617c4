"""Group normalization and standardized weights: how they are drawn, and what they are made of."""

from hypothesis import strategies as st

from numpycnn.testing.cases import Case, Op
from numpycnn.testing.catalogue.normalization import EPSILONS, Standardized, averaged
from numpycnn.testing.strategies import KINDS, arrays, distinct
from numpycnn.verification.tolerances import ELEMENTWISE


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
        "group_normalization", group_cases(), lambda case: averaged(by_group(case)), group_scale,
        group_gradient_scale, constant=ELEMENTWISE,
    ),
    Op(
        "weight_standardization", kernel_cases(), lambda case: averaged(by_filter(case)),
        lambda case: Standardized(by_filter(case)).error, kernel_gradient_scale, constant=ELEMENTWISE,
    ),
]  # fmt: skip
