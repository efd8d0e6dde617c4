"""The adjoint of NumPy's broadcasting: a repeated element gets the sum of what its copies get."""

import numpy as np

from numpycnn.ops.arguments import accumulator


def unbroadcast(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes along which an array of `shape` was repeated; a sum is never narrower than float32.

    Returns: an array of `shape`, the gradient itself where nothing was repeated.
    """
    if gradient.shape == shape:
        return gradient
    added = gradient.ndim - len(shape)
    repeated = tuple(added + i for i, size in enumerate(shape) if size == 1 and gradient.shape[added + i] != 1)
    total = gradient.sum(axis=(*range(added), *repeated), dtype=accumulator(gradient.dtype))
    return np.asarray(total).reshape(shape)
