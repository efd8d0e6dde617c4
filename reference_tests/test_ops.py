"""Every op of the package: forward and backward against TensorFlow, in every dtype and storage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn.testing.strategies import DTYPES, STORAGES, stored_otherwise
from reference_tests.catalogue import OPS
from reference_tests.library.agreement import check_backward, check_forward, check_storage

every_op = pytest.mark.parametrize("op", OPS, ids=str)


@every_op
@given(data=st.data(), dtype=st.sampled_from(DTYPES))
def test_forward(op, data, dtype):
    check_forward(op, data.draw(op.cases, label="case"), dtype)


@every_op
@given(data=st.data(), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32 - 1))
def test_backward(op, data, dtype, seed):
    check_backward(op, data.draw(op.cases, label="case"), dtype, np.random.default_rng(seed))


@every_op
@settings(max_examples=10)
@given(data=st.data(), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32 - 1))
def test_the_same_call_gives_the_same_bits(op, data, dtype, seed):
    case = data.draw(op.cases, label="case").astype(dtype)
    outputs = op.forward(case)
    assert bits(op.forward(case)) == bits(outputs)
    if op.gradients:
        dy = (np.random.default_rng(seed).normal(size=outputs[0].shape).astype(outputs[0].dtype),)
        assert bits(op.backward(dy, case).values()) == bits(op.backward(dy, case).values())


def bits(arrays) -> list[bytes]:
    return [np.asarray(array).tobytes() for array in arrays]


@every_op
@given(data=st.data(), how=st.sampled_from(STORAGES))
def test_storage(op, data, how):
    check_storage(op, data.draw(op.cases, label="case"), lambda array: stored_otherwise(array, how))
