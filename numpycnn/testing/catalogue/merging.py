"""Merging ops: how they are drawn; every axis but the batch may broadcast."""

from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct
from numpycnn.verification.tolerances import ELEMENTWISE


@st.composite
def merging_cases(draw, least=1, most=4):
    """Arrays of one shape, some of whose axes are 1 in some of them; Keras cannot add an empty batch."""
    shape = draw(distinct((1, 4), (1, 6), (1, 6), (1, 6)))[: draw(st.integers(2, 4), label="axes")]
    count = draw(st.integers(least, most), label="inputs")

    def repeated():
        return (shape[0], *(1 if draw(st.booleans()) else size for size in shape[1:]))

    return Case(draw(arrays(**{f"x{k}": repeated() for k in range(1, count + 1)})))


@st.composite
def concatenate_cases(draw):
    shape = draw(distinct((0, 4), (1, 6), (1, 6), (1, 6)))[: draw(st.integers(1, 4), label="axes")]
    axis = draw(st.integers(-len(shape), len(shape) - 1), label="axis")
    sizes = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4), label="sizes")
    before, after = shape[: axis % len(shape)], shape[axis % len(shape) + 1 :]
    named = {f"x{k}": (*before, size, *after) for k, size in enumerate(sizes, 1)}
    return Case(draw(arrays(**named)), {"axis": axis})


def count(case: Case) -> int:
    return len(case.arrays)


def sum_of_sizes(case: Case):
    return sum(map(abs, case.arrays.values()))


def sizes_of_shares(dy, case: Case):
    return numpycnn.ops.add_backward(abs(dy), *case.arrays.values())


OPS = [
    Op("add", merging_cases(), count, exact=True),
    Op(
        "subtract", merging_cases(2, 2), count, sum_of_sizes, sizes_of_shares,
        exact=True,
    ),
    Op("multiply", merging_cases(), constant=ELEMENTWISE, exact=True),
    Op("maximum", merging_cases(), exact=True, smooth=False),
    Op("average", merging_cases(), count),
    Op("concatenate", concatenate_cases(), exact=True),
]  # fmt: skip
