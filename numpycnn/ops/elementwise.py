"""What ops that act element by element share: how they take arrays and numbers, and the adjoint of broadcasting."""

from functools import wraps

import numpy as np

from numpycnn.ops.arguments import accumulator, check_shape, floating, ieee
from numpycnn.ops.threads import PIECE_BYTES, each, slices


def piecewise(op):
    """Decorator of an op that acts element by element, which is made of large arrays piece by piece.

    What stays in a core's cache between the steps of a formula takes a fraction of the time, and the pieces are shared
    out over threads. Small arrays, and those that broadcast or lie in memory with gaps, go to the op whole.
    """
    op = ieee(op)

    @wraps(op)
    def in_pieces(*arguments, **options):
        given = [*arguments, *options.values()]
        arrays = [a for a in given if isinstance(a, np.ndarray) and a.ndim]
        if not arrays or arrays[0].nbytes < 2 * PIECE_BYTES or not _alike(arrays):
            return op(*arguments, **options)

        def of(piece):
            cut = [a.reshape(-1)[piece] if isinstance(a, np.ndarray) and a.ndim else a for a in given]
            return op(*cut[: len(arguments)], **dict(zip(options, cut[len(arguments) :], strict=True)))

        y = np.empty(arrays[0].shape, of(slice(0, 1)).dtype)
        flat = y.reshape(-1)

        def work(piece):
            flat[piece] = of(piece)

        each(work, slices(y.size, 2 * accumulator(y.dtype).itemsize), y.nbytes + sum(a.nbytes for a in arrays))
        return y

    return in_pieces


def _alike(arrays) -> bool:
    return all(a.shape == arrays[0].shape and a.flags.c_contiguous for a in arrays)


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
