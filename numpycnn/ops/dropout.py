"""Dropout: at random a part of the values is left out, and the rest made larger for it."""

import numpy as np

from numpycnn.ops.arguments import fail, ieee
from numpycnn.ops.elementwise import present, widened
from numpycnn.ops.scalars import real

__all__ = ["dropout", "dropout_backward"]


@ieee
def dropout(x, rate, *, rng=None, mask=None):
    """Set a random share of the values to 0 and scale the others up, so that the expected value stays ("inverted").

    y = x / (1 - rate) where mask, else 0

    Args:
        x: any shape.
        rate: the share that is dropped, in [0, 1).
        rng: a numpy.random.Generator that draws the mask, each element kept where its uniform number is at least
            rate. Not used where mask is given, needed otherwise.
        mask: booleans that broadcast to x, True for what is kept: (batch, 1, 1, C) drops whole channels, as Keras's
            noise_shape does.

    Returns: y, of the shape and dtype of x, and the mask.
    Raises: ValueError for a rate outside [0, 1), neither rng nor mask, or a mask that does not broadcast;
        TypeError for a mask that is not boolean, or an rng that is no Generator.

    Source: keras.layers.Dropout in training; Srivastava et al., JMLR 15 (2014).

    >>> dropout(np.ones(5), 0.5, mask=np.array([True, False, True, True, False]))[0]
    array([2., 0., 2., 2., 0.])
    >>> dropout(np.ones(5), 0.5, rng=np.random.default_rng(1))[0]
    array([2., 2., 0., 2., 0.])
    """
    (x,) = present("dropout", x=x)
    rate = _rate("dropout", rate)
    if mask is not None:
        mask = np.array(mask)
    elif rng is None:
        fail("dropout", "rng must be given, or the mask itself")
    elif isinstance(rng, np.random.Generator):
        mask = rng.random(x.shape) >= rate
    else:
        raise TypeError(f"dropout: rng must be a numpy.random.Generator; got rng {rng!r}.")
    return _kept("dropout", x, rate, mask), mask


@ieee
def dropout_backward(dy, rate, *, mask):
    """dx = dy / (1 - rate) where mask, else 0.   Args: mask: the one that `dropout` used.   Returns: dx."""
    (dy,) = present("dropout_backward", dy=dy)
    return _kept("dropout_backward", dy, _rate("dropout_backward", rate), np.asarray(mask))


def _rate(op, rate) -> float:
    return real(op, "rate", rate, rule="a number in [0, 1)", low=0, high=1, open_high=True)


def _kept(op, values, rate, mask):
    if mask.dtype != np.bool_:
        raise TypeError(f"{op}: mask must be boolean; got mask {mask.dtype}.")
    sizes = zip(mask.shape[::-1], values.shape[::-1], strict=False)
    if mask.ndim > values.ndim or any(own not in (1, size) for own, size in sizes):
        fail(op, "mask must broadcast to the values it drops", values=values, mask=mask)
    scaled = widened(values) * (1 / (1 - rate))
    return np.asarray(np.where(mask, scaled, 0), values.dtype)
