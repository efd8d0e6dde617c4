"""Mean IoU of class maps: of each class the pixels on which two maps agree, over those which either gives it."""

import numpy as np

from numpycnn.ops.arguments import check_shape, fail, integer

__all__ = ["confusion_matrix", "mean_iou"]

BOXES = "for boxes there is numpycnn.detection.mean_box_iou"


def mean_iou(y_true, y_pred, num_classes: int, *, ignore_class: int | None = None, per_class: bool = False):
    """The mean over the classes of IoU = pixels both call so / pixels either calls so.

    Args:
        y_true, y_pred: class numbers of any one shape, integers in [0, num_classes).
        ignore_class: pixels that y_true gives this number, which may be any, are left out; None for none.
        per_class: give the IoU of each class (num_classes,) instead, NaN where neither map has it.

    Returns: a float in [0, 1]: the mean over the classes that occur; 0 where none does, as Keras.

    Raises: TypeError for what is no class number; ValueError for shapes or numbers out of range. Keras's metric reads
        floats as class numbers, so that boxes give it a figure that means nothing (row 46 of the traps).

    Source: keras.metrics.MeanIoU; Everingham et al., The Pascal Visual Object Classes Challenge: A Retrospective, 2015.

    >>> mean_iou([[0, 0, 1], [1, 1, 2]], [[0, 1, 1], [1, 1, 2]], 3)
    0.75
    """
    matrix = confusion_matrix(y_true, y_pred, num_classes, ignore_class=ignore_class, op="mean_iou")
    both, either = np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1) - np.diag(matrix)
    if per_class:
        return np.where(either == 0, np.nan, both / np.maximum(either, 1))
    return float(np.mean(both[either > 0] / either[either > 0])) if either.any() else 0.0


def confusion_matrix(y_true, y_pred, num_classes: int, *, ignore_class=None, op="confusion_matrix") -> np.ndarray:
    """How many pixels of class i were called class j: (num_classes, num_classes).   Args and Raises: as `mean_iou`.

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2)
    array([[1, 1],
           [0, 1]])
    """
    count = integer(op, "num_classes", num_classes)
    y_true, y_pred = _numbers(op, y_true=y_true), _numbers(op, y_pred=y_pred)
    check_shape(op, y_true.shape, "the shape of y_true", y_pred=y_pred)
    wanted = np.ones(y_true.shape, bool) if ignore_class is None else y_true != ignore_class
    y_true, y_pred = y_true[wanted], y_pred[wanted]
    for name, numbers in (("y_true", y_true), ("y_pred", y_pred)):
        wrong = (numbers < 0) | (numbers >= count)
        if wrong.any():
            fail(op, f"{name} must hold class numbers in [0, {count}); {BOXES}", **{name: numbers[wrong][0].item()})
    return np.bincount(y_true * count + y_pred, minlength=count**2).reshape(count, count)


def _numbers(op, **named) -> np.ndarray:
    ((name, value),) = named.items()
    numbers = np.asarray(value)
    if numbers.size and numbers.dtype.kind not in "bui":
        raise TypeError(f"{op}: {name} must hold class numbers, integers; {BOXES}; got {name} {numbers.dtype}.")
    return numbers.astype(np.intp)
