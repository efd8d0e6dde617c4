"""Ops that merge branches: element by element with NumPy's broadcasting, or one behind the other along an axis."""

import numpy as np

from numpycnn.ops.arguments import accumulator, axis_index, check_shape, fail, floating, ieee
from numpycnn.ops.broadcasting import unbroadcast

__all__ = [
    "add",
    "add_backward",
    "average",
    "average_backward",
    "concatenate",
    "concatenate_backward",
    "maximum",
    "maximum_backward",
    "multiply",
    "multiply_backward",
    "subtract",
    "subtract_backward",
]


@ieee
def add(*inputs):
    """y = x1 + x2 + ...: the meeting point of a residual connection.

    Args: inputs: one or more arrays with the same number of axes; along each axis they have the same size or size 1,
        which is repeated.

    Returns: the broadcast shape, in the dtype of the inputs; sums are never narrower than float32.
    Raises: ValueError for no input, or shapes that do not broadcast.   Source: keras.layers.Add.

    >>> add(np.ones((2, 1)), np.arange(6.0).reshape(2, 3))
    array([[1., 2., 3.],
           [4., 5., 6.]])
    """
    inputs = _merged("add", inputs)
    return np.asarray(_sum(inputs), inputs[0].dtype)


@ieee
def add_backward(dy, *inputs):
    """Each input's gradient is dy, summed over the axes along which the input was repeated.

    Args: of the inputs only the shapes count.   Returns: a gradient for each input.
    """
    return _shared("add_backward", dy, inputs, 1)


@ieee
def subtract(x1, x2):
    """y = x1 - x2.

    Args, Returns, Raises: as `add`.   Source: keras.layers.Subtract.

    >>> subtract(np.array([3.0, 1.0]), np.array([1.0, 2.0]))
    array([ 2., -1.])
    """
    x1, x2 = _merged("subtract", (x1, x2))
    return np.asarray(np.subtract(x1, x2, dtype=accumulator(x1.dtype)), x1.dtype)


@ieee
def subtract_backward(dy, x1, x2):
    """dx1 = dy, dx2 = -dy, each summed over repeated axes.   Args: of x1 and x2 only the shapes count."""
    dx1, dx2 = _shared("subtract_backward", dy, (x1, x2), 1)
    return dx1, -dx2


@ieee
def multiply(*inputs):
    """y = x1 * x2 * ...: how the gate of a squeeze-and-excitation block acts on its channels.

    Args, Returns, Raises: as `add`.   Source: keras.layers.Multiply.

    >>> multiply(np.array([[2.0], [3.0]]), np.array([[1.0, 10.0]]))
    array([[ 2., 20.],
           [ 3., 30.]])
    """
    inputs = _merged("multiply", inputs)
    return np.asarray(_before(inputs)[-1] * inputs[-1], inputs[0].dtype)


@ieee
def multiply_backward(dy, *inputs):
    """dxk = dy times the product of all other inputs, summed over repeated axes; nothing is divided.

    Returns: a gradient for each input.
    """
    inputs, dy = _with_gradient("multiply_backward", dy, inputs)
    dtype, after, gradients = dy.dtype, dy, []
    for x, before in zip(inputs[::-1], _before(inputs)[::-1], strict=True):
        gradients.append(np.array(unbroadcast(after * before, x.shape), dtype))
        after = after * x
    return tuple(gradients[::-1])


@ieee
def maximum(*inputs):
    """y = the largest of the inputs, element by element; NaN where one of them is.

    Args, Returns, Raises: as `add`.   Source: keras.layers.Maximum.

    >>> maximum(np.array([1.0, 5.0]), np.array([2.0, 2.0]), np.array([0.0, 9.0]))
    array([2., 9.])
    """
    inputs = _merged("maximum", inputs)
    y = inputs[0].copy()
    for x in inputs[1:]:
        y = np.maximum(y, x)
    return np.asarray(y)


@ieee
def maximum_backward(dy, *inputs):
    """dy goes to the largest input, of equal ones to the first, as in TensorFlow (traps.md, row 12).

    Returns: a gradient for each input, summed over repeated axes.
    """
    inputs, dy = _with_gradient("maximum_backward", dy, inputs)
    y, winner = inputs[0], np.zeros(dy.shape, np.intp)
    for k, x in enumerate(inputs[1:], 1):
        winner[~np.broadcast_to(y >= x, dy.shape)] = k
        y = np.maximum(y, x)
    return tuple(
        np.array(unbroadcast(np.where(winner == k, dy, 0), x.shape), dy.dtype) for k, x in enumerate(inputs)
    )


@ieee
def average(*inputs):
    """y = (x1 + x2 + ...) / the number of inputs.

    Args, Returns, Raises: as `add`.   Source: keras.layers.Average.

    >>> average(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    array([1.5, 3.5])
    """
    inputs = _merged("average", inputs)
    return np.asarray(_sum(inputs) / len(inputs), inputs[0].dtype)


@ieee
def average_backward(dy, *inputs):
    """Each input's gradient is dy / the number of inputs, summed over repeated axes.

    Args: of the inputs only the shapes count.   Returns: a gradient for each input.
    """
    return _shared("average_backward", dy, inputs, len(inputs))


def concatenate(inputs, axis=-1):
    """Put arrays one behind the other along an axis.

    y[..., o_k + i, ...] = xk[..., i, ...],   o_k the sizes of x1 .. x(k-1) along `axis` together

    Args: inputs: a sequence of arrays that differ in size along `axis` only; axis: an integer, negative from the end.

    Returns: an array in the dtype of the inputs.   Raises: ValueError for no input, or shapes that differ elsewhere.
    Source: keras.layers.Concatenate.

    >>> concatenate([np.ones((2, 3)), np.zeros((2, 1))])
    array([[1., 1., 1., 0.],
           [1., 1., 1., 0.]])
    """
    inputs = floating("concatenate", **_named(inputs))
    return np.concatenate(inputs, _joined("concatenate", [x.shape for x in inputs], axis)[0])


def concatenate_backward(dy, inputs, *, axis=-1):
    """Each input's gradient is its part of dy.   Args: of the inputs only the shapes count."""
    op = "concatenate_backward"
    (dy,) = floating(op, dy=dy)
    axis, sizes, shape = _joined(op, [np.shape(x) for x in inputs], axis)
    check_shape(op, shape, "the shape of the output", dy=dy)
    return tuple(part.copy() for part in np.split(dy, np.cumsum(sizes)[:-1], axis))


def _named(inputs) -> dict:
    return {f"x{k}": x for k, x in enumerate(inputs, 1)}


def _merged(op, inputs) -> list[np.ndarray]:
    """The inputs in one dtype, if they broadcast."""
    inputs = floating(op, **_named(inputs))
    _broadcast(op, [x.shape for x in inputs])
    return inputs


def _broadcast(op, shapes) -> tuple[int, ...]:
    """The common shape of arrays of these shapes, with the rule for the ones that have none."""
    if not shapes:
        fail(op, "at least one input must be given")
    for shape in shapes[1:]:
        if len(shape) != len(shapes[0]):
            fail(op, "the inputs must have the same number of axes", **_named(shapes))
        if any(1 not in sizes and len(set(sizes)) > 1 for sizes in zip(shape, shapes[0], strict=True)):
            fail(op, "along each axis the inputs must have the same size, or size 1", **_named(shapes))
    return np.broadcast_shapes(*shapes)


def _with_gradient(op, dy, inputs):
    """The inputs and dy in one dtype, if dy has the shape of the output."""
    dy, *inputs = floating(op, dy=dy, **_named(inputs))
    check_shape(op, _broadcast(op, [x.shape for x in inputs]), "the shape of the output", dy=dy)
    return inputs, dy


def _shared(op, dy, inputs, divisor):
    """dy / divisor to every input, from the shapes of the inputs alone."""
    (dy,) = floating(op, dy=dy)
    shapes = [np.shape(x) for x in inputs]
    check_shape(op, _broadcast(op, shapes), "the shape of the output", dy=dy)
    share = dy if divisor == 1 else dy.astype(accumulator(dy.dtype), copy=False) / divisor
    return tuple(np.array(unbroadcast(share, shape), dy.dtype) for shape in shapes)


def _sum(inputs):
    total = inputs[0].astype(accumulator(inputs[0].dtype))
    for x in inputs[1:]:
        total = total + x
    return total


def _before(inputs):
    """For each input the product of those before it, wide enough to multiply on."""
    products = [np.ones((), accumulator(inputs[0].dtype))]
    for x in inputs[:-1]:
        products.append(products[-1] * x)
    return products


def _joined(op, shapes, axis):
    """The axis as an index, the sizes along it, and the shape of arrays put one behind the other."""
    if not shapes:
        fail(op, "at least one input must be given")
    axis = axis_index(op, "axis", axis, len(shapes[0]))
    rest = {(*shape[:axis], *shape[axis + 1 :], len(shape)) for shape in shapes}
    if len(rest) > 1:
        fail(op, f"the inputs may differ in size along axis {axis} only", **_named(shapes))
    sizes = [shape[axis] for shape in shapes]
    return axis, sizes, (*shapes[0][:axis], sum(sizes), *shapes[0][axis + 1 :])
