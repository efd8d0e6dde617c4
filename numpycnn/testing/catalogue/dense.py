"""Dense ops and reshapes: how they are drawn."""

import numpy as np
from hypothesis import strategies as st

from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct


@st.composite
def dense_cases(draw):
    batch, height, width, features, units = draw(distinct((0, 4), (1, 4), (1, 4), (1, 9), (1, 9)))
    leading = draw(st.sampled_from([(), (batch,), (batch, height), (batch, height, width)]))
    bias = draw(st.sampled_from([None, (units,)]))
    return Case(draw(arrays(x=(*leading, features), kernel=(features, units), bias=bias)))


@st.composite
def radial_basis_cases(draw):
    batch, features, units = draw(distinct((0, 5), (1, 9), (1, 9)))
    return Case(draw(arrays(x=(batch, features), kernel=(features, units))))


def radial_basis_scale(case):
    x, kernel = case.arrays.values()
    return np.square(x[:, :, None] - kernel).sum(axis=1)


def radial_basis_gradient_scale(dy, case):
    x, kernel = case.arrays.values()
    terms = 2 * abs(dy[:, None] * (x[:, :, None] - kernel))
    return terms.sum(axis=2), terms.sum(axis=0)


@st.composite
def flatten_cases(draw):
    shape = draw(distinct((0, 4), (1, 5), (1, 5), (1, 5)))
    return Case(draw(arrays(x=shape[: draw(st.integers(1, 4))])))


TARGETS = [(), (60,), (-1,), (5, 12), (12, -1), (-1, 5, 3), (2, 3, 10), (1, 60), (-1, 4, 15, 1)]


@st.composite
def reshape_cases(draw):
    batch, target = draw(st.integers(0, 7)), draw(st.sampled_from(TARGETS))
    example = (
        draw(st.sampled_from([(60,), (3, 20), (4, 3, 5), (5, 12)])) if target else draw(st.sampled_from([(), (1,)]))
    )
    return Case(draw(arrays(x=(batch, *example))), {"target_shape": target})


@st.composite
def permute_cases(draw):
    shape = draw(distinct((0, 4), (1, 5), (1, 5), (1, 5)))[: draw(st.integers(1, 4))]
    return Case(draw(arrays(x=shape)), {"dims": tuple(draw(st.permutations(range(1, len(shape)))))})


def features(case: Case) -> int:
    return case.arrays["x"].shape[-1]


OPS = [
    Op("dense", dense_cases(), features, exact=True),
    Op(
        "radial_basis", radial_basis_cases(), features,
        scale=radial_basis_scale, gradient_scale=radial_basis_gradient_scale,
        exact=True,
    ),
    Op("flatten", flatten_cases(), exact=True),
    Op("reshape", reshape_cases(), exact=True),
    Op("permute", permute_cases(), exact=True),
]  # fmt: skip
