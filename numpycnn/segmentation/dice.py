"""The Dice loss of masks, which does not care how much background there is. For cross-entropy, see `ops.losses`."""

import numpy as np

from numpycnn.ops.arguments import accumulator, check_shape, floating, ieee

__all__ = ["dice_loss", "dice_loss_backward"]


@ieee
def dice_loss(y_true, y_pred, *, smooth: float = 1.0):
    """1 - (2 * sum(t * p) + smooth) / (sum(t) + sum(p) + smooth), over the pixels of each mask

    Args: y_true, y_pred: masks (batch, height, width, classes) from 0 to 1; smooth: keeps empty masks from 0/0.

    Returns: (batch, classes), the dtype of y_pred.   Source: Milletari et al., arXiv:1606.04797, with plain sums.

    >>> dice_loss(np.ones((1, 2, 2, 1)), np.full((1, 2, 2, 1), 0.5), smooth=0).round(4)
    array([[0.3333]])
    """
    t, p, dtype = _masks("dice_loss", y_true, y_pred)
    overlap, total = _sums(t, p, smooth)
    return np.asarray(1 - overlap / total, dtype)


@ieee
def dice_loss_backward(dy, y_true, y_pred, *, smooth: float = 1.0):
    """dp[pixel] = dy * (N / D^2 - 2 * t[pixel] / D),   N / D the fraction of `dice_loss`

    Returns: dy_pred, the shape and dtype of y_pred.
    """
    op = "dice_loss_backward"
    t, p, dtype = _masks(op, y_true, y_pred)
    (dy,) = floating(op, dy=dy)
    check_shape(op, (p.shape[0], p.shape[3]), "the shape of the loss", dy=dy)
    overlap, total = (values[:, None, None] for values in _sums(t, p, smooth))
    return np.asarray(dy[:, None, None] * (overlap / total**2 - 2 * t / total), dtype)


def _masks(op, y_true, y_pred):
    (y_pred,) = floating(op, y_pred=y_pred)
    (y_true,) = floating(op, y_true=y_true)
    check_shape(op, y_pred.shape, "the shape of y_pred", y_true=y_true)
    return *(masks.astype(accumulator(y_pred.dtype), copy=False) for masks in (y_true, y_pred)), y_pred.dtype


def _sums(t, p, smooth) -> tuple[np.ndarray, np.ndarray]:
    overlap, total = 2 * (t * p).sum(axis=(1, 2)) + smooth, (t + p).sum(axis=(1, 2)) + smooth
    return np.where(total == 0, 1, overlap), np.where(total == 0, 1, total)
