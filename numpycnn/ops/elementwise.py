"""What ops that act element by element share: how they take arrays and numbers, and the adjoint of broadcasting."""

import numpy as np

from numpycnn.ops.arguments import accumulator, check_shape, floating


def present(op: str, **arrays) -> list:
    """`floating`, for arrays of which none may be None."""
    for name, array in arrays.items():
        if array is None:
            raise TypeError(f"{op}: {name} must be an array; got {name} None.")
    return floating(op, **arrays)


def widened(array: np.ndarray) -> np.ndarray:
    """The array in the dtype that sums are made in, in C order, so that its storage does not change a result."""
    return np.asarray(array, accumulator(array.dtype), order="C")


def gradient_arguments(op, dy, x, y=None) -> tuple:
    """The dtype of the gradient, then dy, x and y widened; x or y may be None, not both."""
    present(op, dy=dy, x=y if x is None else x)
    dy, x, y = floating(op, dy=dy, x=x, y=y)
    for name, array in (("x", x), ("y", y)):
        if array is not None:
            check_shape(op, array.shape, f"the shape of {name}", dy=dy)
    return dy.dtype, *(None if array is None else widened(array) for array in (dy, x, y))


def unbroadcast(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The adjoint of NumPy's broadcasting: sum a gradient over the axes along which an array of `shape` was repeated.

    Returns: an array of `shape`, the gradient itself where nothing was repeated; sums are never narrower than float32.
    """
    if gradient.shape == shape:
        return gradient
    added = gradient.ndim - len(shape)
    repeated = tuple(added + i for i, size in enumerate(shape) if size == 1 and gradient.shape[added + i] != 1)
    total = gradient.sum(axis=(*range(added), *repeated), dtype=accumulator(gradient.dtype))
    return np.asarray(total).reshape(shape)
