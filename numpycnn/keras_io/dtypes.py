"""Dtypes and dtype policies as configurations name them."""

from typing import Any

import numpy as np

from numpycnn.keras_io.errors import ModelFileError

__all__ = ["variable_dtype"]

VARIABLES = {
    "float16": np.float16,
    "float32": np.float32,
    "float64": np.float64,
    "bfloat16": np.float32,
    "mixed_float16": np.float32,
    "mixed_bfloat16": np.float32,
}
"""By Keras's policy, the dtype that a layer's weights are held in, float32 where NumPy has no such dtype."""


def variable_dtype(policy: Any) -> np.dtype:
    """The dtype of a layer's weights. Whatever a policy computes in, numpycnn computes in this.

    Raises: ModelFileError for integers and for quantized layers.
    """
    name = policy
    if isinstance(policy, dict):
        config = policy.get("config")
        name = config.get("name") if isinstance(config, dict) else None
    if name is None:
        return np.dtype(np.float32)
    if name not in VARIABLES:
        raise ModelFileError(f"dtype must be one of {', '.join(VARIABLES)}; got {name!r}")
    return np.dtype(VARIABLES[name])
