"""One quiet TensorFlow for all tests, and how many examples Hypothesis draws."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("reference_tests.library", "reference_tests.architectures.shared")

CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("default", max_examples=200, deadline=None, suppress_health_check=CHECKS)
settings.register_profile("thorough", max_examples=5000, deadline=None, suppress_health_check=CHECKS)
settings.load_profile("default")
