"""Ops that merge branches: element by element with NumPy's broadcasting, or one behind the other along an axis."""

import functools

import numpy as np

from numpycnn.ops.arguments import accumulator, axis_index, check_shape, fail, ieee
from numpycnn.ops.elementwise import present, unbroadcast, widened

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
    return np.asarray(_folded(np.add, inputs), inputs[0].dtype)


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
    return dx1, np.asarray(-dx2)


@ieee
def multiply(*inputs):
    """y = x1 * x2 * ...: how the gate of a squeeze-and-excitation block acts on its channels.

    Args, Returns, Raises: as `add`.   Source: keras.layers.Multiply.

    >>> multiply(np.array([[2.0], [3.0]]), np.array([[1.0, 10.0]]))
    array([[ 2., 20.],
           [ 3., 30.]])
    """
    inputs = _merged("multiply", inputs)
    return np.asarray(_folded(np.multiply, inputs), inputs[0].dtype)


@ieee
def multiply_backward(dy, *inputs):
    """dxk = dy times the product of all other inputs, summed over repeated axes; nothing is divided.

    Returns: a gradient for each input.
    """
    inputs, dy = _with_gradient("multiply_backward", dy, inputs)
    before = [np.ones((), accumulator(dy.dtype))]  # for each input the product of those before it
    for x in inputs[:-1]:
        before.append(before[-1] * x)
    after, gradients = widened(dy), []
    for x, others in zip(inputs[::-1], before[::-1], strict=True):
        gradients.append(np.asarray(unbroadcast(after * others, x.shape), dy.dtype))
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
    return np.asarray(_folded(np.maximum, inputs), inputs[0].dtype)


@ieee
def maximum_backward(dy, *inputs):
    """dy goes to the largest input, of equal ones to the first, as in TensorFlow (traps.md, row 12).

    Returns: a gradient for each input, summed over repeated axes.
    """
    inputs, dy = _with_gradient("maximum_backward", dy, inputs)
    y, larger = inputs[0], [True]  # for each input where it is larger than those before it
    for x in inputs[1:]:
        larger.append(~(y >= x))
        y = np.maximum(y, x)
    left, gradients = np.ones(dy.shape, bool), []
    for x, wins in zip(inputs[::-1], larger[::-1], strict=True):
        gradients.append(np.asarray(unbroadcast(np.where(left & wins, dy, 0), x.shape), dy.dtype))
        left &= np.logical_not(wins)
    return tuple(gradients[::-1])


@ieee
def average(*inputs):
    """y = (x1 + x2 + ...) / the number of inputs.

    Args, Returns, Raises: as `add`.   Source: keras.layers.Average.

    >>> average(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    array([1.5, 3.5])
    """
    inputs = _merged("average", inputs)
    return np.asarray(_folded(np.add, inputs) / len(inputs), inputs[0].dtype)


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
    inputs = present("concatenate", **_named("concatenate", inputs))
    return np.concatenate(inputs, _joined("concatenate", inputs, axis)[0])


def concatenate_backward(dy, inputs, *, axis=-1):
    """Each input's gradient is its part of dy.   Args: of the inputs only the shapes count."""
    op = "concatenate_backward"
    (dy,) = present(op, dy=dy)
    axis, sizes, shape = _joined(op, inputs, axis)
    check_shape(op, shape, "the shape of the output", dy=dy)
    return tuple(part.copy() for part in np.split(dy, np.cumsum(sizes)[:-1], axis))


def _named(op, inputs) -> dict:
    inputs = tuple(inputs)
    if not inputs:
        fail(op, "at least one input must be given")
    return {f"x{k}": x for k, x in enumerate(inputs, 1)}


def _merged(op, inputs) -> list[np.ndarray]:
    """The inputs in one dtype, if they broadcast."""
    inputs = present(op, **_named(op, inputs))
    _broadcast(op, inputs)
    return inputs


def _broadcast(op, inputs) -> tuple[int, ...]:
    """The common shape of the inputs, with the rule for those that have none."""
    shapes = [np.shape(x) for x in _named(op, inputs).values()]
    if len({len(shape) for shape in shapes}) > 1:
        fail(op, "the inputs must have the same number of axes", **_named(op, shapes))
    if any(len({*sizes} - {1}) > 1 for sizes in zip(*shapes, strict=True)):
        fail(op, "along each axis the inputs must have the same size, or size 1", **_named(op, shapes))
    return np.broadcast_shapes(*shapes)


def _with_gradient(op, dy, inputs):
    """The inputs and dy in one dtype, if dy has the shape of the output."""
    dy, *inputs = present(op, dy=dy, **_named(op, inputs))
    check_shape(op, _broadcast(op, inputs), "the shape of the output", dy=dy)
    return inputs, dy


def _shared(op, dy, inputs, divisor):
    """dy / divisor to every input, from the shapes of the inputs alone."""
    (dy,) = present(op, dy=dy)
    check_shape(op, _broadcast(op, inputs), "the shape of the output", dy=dy)
    share = widened(dy) / divisor
    return tuple(np.array(unbroadcast(share, np.shape(x)), dy.dtype) for x in inputs)


def _folded(ufunc, inputs):
    """The inputs combined from the first to the last, wide enough to sum in; a single one is copied."""
    first = inputs[0].astype(accumulator(inputs[0].dtype), copy=len(inputs) == 1)
    return functools.reduce(ufunc, inputs[1:], first)


def _joined(op, inputs, axis):
    """The axis as an index, the sizes of the inputs along it, and their shape one behind the other."""
    shapes = [np.shape(x) for x in _named(op, inputs).values()]
    axis = axis_index(op, "axis", axis, len(shapes[0]))
    if len({(len(shape), *shape[:axis], *shape[axis + 1 :]) for shape in shapes}) > 1:
        fail(op, f"the inputs may differ in size along axis {axis} only", **_named(op, shapes))
    sizes = [shape[axis] for shape in shapes]
    return axis, sizes, (*shapes[0][:axis], sum(sizes), *shapes[0][axis + 1 :])
