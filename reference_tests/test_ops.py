"""Every op of the package: forward and backward against TensorFlow, in every dtype and storage."""

import numpy as np
import pytest
from hypothesis import given
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
@given(data=st.data(), how=st.sampled_from(STORAGES))
def test_storage(op, data, how):
    check_storage(op, data.draw(op.cases, label="case"), lambda array: stored_otherwise(array, how))
