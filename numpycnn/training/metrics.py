"""How good the classes are that a model gives: of each class, and among the k best."""

from typing import NamedTuple

import numpy as np

from numpycnn.ops.arguments import check_shape, fail, integer
from numpycnn.segmentation.mean_iou import confusion_matrix

__all__ = ["PerClass", "confusion_matrix", "in_top_k", "per_class", "top_k_accuracy"]


class PerClass(NamedTuple):
    """Figures of every class, each (classes,); NaN where a figure has no denominator.

    precision: the part that is so of the examples called so.   recall: the part called so of those that are so.
    f1: 2 * precision * recall / (precision + recall), the harmonic mean of the two.   support: how many are so.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray


def per_class(matrix) -> PerClass:
    """Precision, recall and f1 of each class.

    Args: matrix: (classes, classes), how many examples of class i were called class j, as `confusion_matrix` gives it.

    Raises: ValueError for what is no square of counts.
    Source: sklearn.metrics.precision_recall_fscore_support with zero_division=nan.

    >>> found = per_class(confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1], 3))
    >>> found.precision, found.recall
    (array([1. , 0.5, nan]), array([0.66666667, 1.        ,        nan]))
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        fail("per_class", "matrix must have the axes (classes, classes)", matrix=matrix)
    if matrix.size and (matrix.dtype.kind not in "ui" or matrix.min() < 0):
        fail("per_class", "matrix must hold counts, integers of at least 0", matrix=matrix)
    right, called, support = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    return PerClass(_part(right, called), _part(right, support), _part(2 * right, called + support), support)


def top_k_accuracy(y, scores, k: int = 5) -> float:
    """The part of the examples whose class is among the k of the highest scores; ImageNet's top-5 error is 1 less it.

    A class that shares its score with the k-th is among them. Scores that are no finite numbers are never right.

    Args: y: (...) class numbers; scores: (..., classes), probabilities or logits.   k: at least 1.

    Returns: a float in [0, 1]; 0 for no example.   Raises: ValueError or TypeError for what does not go together.
    Source: keras.metrics.SparseTopKCategoricalAccuracy.

    >>> top_k_accuracy([2, 0], [[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]], k=2)
    0.5
    """
    y, scores, k = np.asarray(y), np.asarray(scores), integer("top_k_accuracy", "k", k)
    if scores.ndim == 0:
        fail("top_k_accuracy", "scores must have the axes (..., classes)", scores=scores)
    check_shape("top_k_accuracy", scores.shape[:-1], "a class for each list of scores", y=y)
    if y.size and y.dtype.kind not in "ui":
        raise TypeError(f"top_k_accuracy: y must hold class numbers, integers; got y {y.dtype}.")
    if y.size and (y.min() < 0 or y.max() >= scores.shape[-1]):
        rule = f"y must hold class numbers in [0, {scores.shape[-1]})"
        fail("top_k_accuracy", rule, least=int(y.min()), largest=int(y.max()))
    return float(in_top_k(y, scores, k).mean()) if y.size else 0.0


def in_top_k(y: np.ndarray, scores: np.ndarray, k: int) -> np.ndarray:
    """Whether fewer than k classes have a higher score than the true one: bool (...)."""
    own = np.take_along_axis(scores, y.astype(np.intp)[..., None], -1)
    return ((scores > own).sum(axis=-1) < k) & np.isfinite(scores).all(axis=-1)


def _part(some, all_) -> np.ndarray:
    return np.divide(some, all_, out=np.full(len(all_), np.nan), where=all_ > 0)
