"""Fully connected ops: dense, the Euclidean radial-basis output of LeNet-5, and the reshapes that lead to them."""

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from numpycnn.ops import windows
from numpycnn.ops.arguments import accumulator, check_rank, check_shape, fail, floating, ieee, integer
from numpycnn.ops.elementwise import present, widened

__all__ = [
    "dense",
    "dense_backward",
    "flatten",
    "flatten_backward",
    "permute",
    "permute_backward",
    "radial_basis",
    "radial_basis_backward",
    "reshape",
    "reshape_backward",
]


@ieee
def dense(x, kernel, bias=None):
    """Multiply every vector along the last axis by a matrix.

    y[..., u] = bias[u] + sum over f < features of x[..., f] * kernel[f, u]

    Args: x: (..., features), float16, float32 or float64; kernel: (features, units); bias: (units,) or None.

    Returns: (..., units) in the dtype of the arguments; sums are never narrower than float32.
    Raises: ValueError for a rank, features that differ, or a bias that is not (units,).
    Source: keras.layers.Dense. PyTorch keeps the kernel as (units, features) (traps.md, row 17).

    >>> dense(np.ones((2, 3)), np.ones((3, 4)), np.arange(4.0))
    array([[3., 4., 5., 6.],
           [3., 4., 5., 6.]])
    """
    present("dense", x=x, kernel=kernel)
    x, kernel, bias = floating("dense", x=x, kernel=kernel, bias=bias)
    _check_features("dense", x, kernel)
    if bias is not None:
        check_shape("dense", kernel.shape[1:], "one value for each unit", bias=bias)
    y = widened(x) @ widened(kernel)
    return np.asarray(y if bias is None else y + bias, x.dtype)


@ieee
def dense_backward(dy, x, kernel):
    """The gradients of a loss through `dense`.

    dx[..., f] = sum over u of dy[..., u] * kernel[f, u];   dkernel[f, u] = sum over ... of x[..., f] * dy[..., u]
    dbias[u] = sum over ... of dy[..., u]

    Returns: dx, dkernel, dbias.
    """
    dy, x, kernel = present("dense_backward", dy=dy, x=x, kernel=kernel)
    _check_features("dense_backward", x, kernel)
    check_shape("dense_backward", (*x.shape[:-1], kernel.shape[1]), "the shape of the output", dy=dy)
    return dense_to_input(dy, kernel), dense_to_kernel(dy, x), dense_to_bias(dy)


@ieee
def radial_basis(x, kernel):
    """The squared distance of every vector to every centre.

    y[n, u] = sum over f < features of (x[n, f] - kernel[f, u])^2

    The differences are squared as they are, in blocks; x^2 - 2 * x * kernel + kernel^2 would cancel near a centre.

    Args: x: (batch, features); kernel: (features, units), a centre in each column.

    Returns: (batch, units) in the dtype of the arguments; sums are never narrower than float32.
    Raises: ValueError for a rank, or features that differ.
    Source: the output layer of LeNet-5, LeCun et al., Proc. IEEE 86 (1998), equation 7.

    >>> radial_basis(np.array([[1.0, -1.0]]), np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]]))
    array([[0., 8., 2.]])
    """
    x, kernel = present("radial_basis", x=x, kernel=kernel)
    check_rank("radial_basis", "(batch, features)", x=x)
    _check_features("radial_basis", x, kernel)
    y = np.zeros((len(x), kernel.shape[1]), accumulator(x.dtype))
    for n, _, u, apart in differences(x, kernel):
        y[n, u] += np.einsum("nfu,nfu->nu", apart, apart)
    return np.asarray(y, x.dtype)


@ieee
def radial_basis_backward(dy, x, kernel):
    """The gradients of a loss through `radial_basis`.

    dx[n, f] = 2 * sum over u of dy[n, u] * (x[n, f] - kernel[f, u])
    dkernel[f, u] = -2 * sum over n of dy[n, u] * (x[n, f] - kernel[f, u])

    Returns: dx, dkernel.
    """
    dy, x, kernel = present("radial_basis_backward", dy=dy, x=x, kernel=kernel)
    check_rank("radial_basis_backward", "(batch, features)", x=x)
    _check_features("radial_basis_backward", x, kernel)
    check_shape("radial_basis_backward", (len(x), kernel.shape[1]), "the shape of the output", dy=dy)
    dtype = accumulator(x.dtype)
    dx, dkernel = np.zeros(x.shape, dtype), np.zeros(kernel.shape, dtype)
    twice = 2 * widened(dy)
    for n, f, u, apart in differences(x, kernel):
        dx[n, f] += np.einsum("nu,nfu->nf", twice[n, u], apart)
        dkernel[f, u] -= np.einsum("nu,nfu->fu", twice[n, u], apart)
    return np.asarray(dx, x.dtype), np.asarray(dkernel, x.dtype)


def flatten(x):
    """Lay the values of each example in one row, the last axis running fastest: height, width, channels.

    y[n, (i*W + j)*C + c] = x[n,i,j,c]

    Args: x: (batch, ...).   Returns: (batch, values of one example), the dtype of x.   Raises: ValueError for no axis.
    Source: keras.layers.Flatten; a channels-first network runs through channels, height, width (traps.md, row 14).

    >>> flatten(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[0., 1., 2., 3., 4., 5., 6., 7.]])
    """
    (x,) = present("flatten", x=x)
    _check_batch("flatten", x.shape)
    return x.reshape(len(x), math.prod(x.shape[1:])).copy()


def flatten_backward(dy, x):
    """dx is dy in the shape of x.   Args: of x only the shape counts."""
    (dy,) = present("flatten_backward", dy=dy)
    shape = np.shape(x)
    _check_batch("flatten_backward", shape)
    check_shape("flatten_backward", (shape[0], math.prod(shape[1:])), "the shape of the output", dy=dy)
    return dy.reshape(shape).copy()


def reshape(x, target_shape):
    """Give each example another shape; its values keep their order, the last axis running fastest.

    Args: x: (batch, ...); target_shape: the sizes after the batch axis, at most one of them -1, which becomes what
        is left.

    Returns: (batch, *target_shape), the dtype of x.
    Raises: ValueError where the values of an example do not fill target_shape.   Source: keras.layers.Reshape.

    >>> reshape(np.ones((5, 12)), (3, -1)).shape
    (5, 3, 4)
    """
    (x,) = present("reshape", x=x)
    return x.reshape(reshaped("reshape", x.shape, target_shape)).copy()


def reshape_backward(dy, x, target_shape):
    """dx is dy in the shape of x.   Args: of x only the shape counts."""
    (dy,) = present("reshape_backward", dy=dy)
    shape = np.shape(x)
    check_shape("reshape_backward", reshaped("reshape_backward", shape, target_shape), "the shape of the output", dy=dy)
    return dy.reshape(shape).copy()


def permute(x, dims):
    """Give the axes of each example another order: axis k of the result is axis dims[k-1] of x, the batch staying 0.

    Args: x: (batch, ...); dims: every axis of an example once, counted from 1.

    Returns: the permuted shape, the dtype of x.   Raises: ValueError for dims that are not all axes.
    Source: keras.layers.Permute.

    >>> permute(np.ones((5, 4, 3, 2)), (3, 1, 2)).shape
    (5, 2, 4, 3)
    """
    (x,) = present("permute", x=x)
    return x.transpose(permuted("permute", x.shape, dims)).copy()


def permute_backward(dy, x, dims):
    """dx is dy with its axes back in order.   Args: of x only the shape counts."""
    (dy,) = present("permute_backward", dy=dy)
    shape = np.shape(x)
    order = permuted("permute_backward", shape, dims)
    check_shape("permute_backward", [shape[axis] for axis in order], "the shape of the output", dy=dy)
    return dy.transpose(np.argsort(order)).copy()


def _check_features(op, x, kernel) -> None:
    check_rank(op, "(features, units)", kernel=kernel)
    if x.ndim == 0 or x.shape[-1] != kernel.shape[0]:
        features = x.shape[-1] if x.ndim else "none"
        fail(op, f"x features ({features}) must equal kernel.shape[0] ({kernel.shape[0]})", x=x, kernel=kernel)


# The gradients of dense one at a time, over already checked arguments.


def dense_to_input(dy, kernel) -> np.ndarray:
    return np.asarray((_rows(dy) @ widened(kernel).T).reshape(*dy.shape[:-1], len(kernel)), dy.dtype)


def dense_to_kernel(dy, x) -> np.ndarray:
    return np.asarray(_rows(x).T @ _rows(dy), x.dtype)


def dense_to_bias(dy) -> np.ndarray:
    return np.asarray(_rows(dy).sum(axis=0), dy.dtype)


def _rows(array) -> np.ndarray:
    """Every vector along the last axis as a row."""
    return widened(array).reshape(math.prod(array.shape[:-1]), array.shape[-1])


def differences(x, kernel) -> Iterator[tuple[slice, slice, slice, np.ndarray]]:
    """x[n, f] - kernel[f, u], block by block, (n, f, u) each, at most windows.BLOCK_BYTES at a time."""
    x, kernel, (features, units) = widened(x), widened(kernel), kernel.shape
    budget = windows.BLOCK_BYTES // x.itemsize
    wide = max(1, min(units, budget))
    deep = max(1, min(features, budget // wide))
    high = max(1, min(len(x), budget // (wide * deep)))
    for n, f, u in itertools.product(range(0, len(x), high), range(0, features, deep), range(0, units, wide)):
        block = slice(n, n + high), slice(f, f + deep), slice(u, u + wide)
        yield *block, x[block[0], block[1], None] - kernel[block[1], block[2]]


def _check_batch(op, shape) -> None:
    if not shape:
        fail(op, "x must have a batch axis", x=shape)


def reshaped(op, shape, target_shape: int | Sequence[int]) -> tuple[int, ...]:
    """(batch, *target_shape) with -1 worked out."""
    _check_batch(op, shape)
    target = [integer(op, "target_shape", size, least=-1) for size in np.atleast_1d(target_shape).tolist()]
    values, known = math.prod(shape[1:]), math.prod(size for size in target if size != -1)
    fits = values == known
    if target.count(-1) == 1:
        fits = known > 0 and values % known == 0
        target[target.index(-1)] = values // max(1, known)
    if not fits:
        rule = f"target_shape must hold the {values} values of one example, with at most one -1"
        fail(op, rule, x=shape, target_shape=target_shape)
    return (shape[0], *target)


def permuted(op, shape, dims) -> tuple[int, ...]:
    """The order of all axes, the batch axis first."""
    _check_batch(op, shape)
    order = tuple(integer(op, "dims", axis) for axis in dims)
    if sorted(order) != list(range(1, len(shape))):
        fail(op, f"dims must be the axes 1 to {len(shape) - 1} of an example, each once", x=shape, dims=dims)
    return (0, *order)
