"""What training makes small, in NumPy: the losses of all outputs, their gradients, and the metrics beside them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numpycnn import ops
from numpycnn.detection import iou, square_root_box_loss, square_root_box_loss_backward
from numpycnn.ops.arguments import fail
from numpycnn.training.metrics import in_top_k

if TYPE_CHECKING:
    from numpycnn.training.config import Head

__all__ = ["LOSSES", "METRICS", "Objective", "Total", "metric"]


class Loss(NamedTuple):
    """A loss of ops with its backward; `squashing` is what makes of its logits the probabilities it also takes."""

    forward: Callable[..., np.ndarray]
    backward: Callable[..., np.ndarray]
    squashing: str | None = None


LOSSES = {
    "sparse_categorical_crossentropy": Loss(
        ops.sparse_categorical_crossentropy, ops.sparse_categorical_crossentropy_backward, "softmax"
    ),
    "categorical_crossentropy": Loss(ops.categorical_crossentropy, ops.categorical_crossentropy_backward, "softmax"),
    "binary_crossentropy": Loss(ops.binary_crossentropy, ops.binary_crossentropy_backward, "sigmoid"),
    "mean_squared_error": Loss(ops.mean_squared_error, ops.mean_squared_error_backward),
    "mean_absolute_error": Loss(ops.mean_absolute_error, ops.mean_absolute_error_backward),
    "huber": Loss(ops.huber, ops.huber_backward),
    "square_root_box": Loss(square_root_box_loss, square_root_box_loss_backward),
}
"""By Keras's names, and square_root_box of boxes as rel_center_xywh. Each gives a number for every example, or
every pixel of it."""


def _accuracy(y, output) -> np.ndarray:
    if output.shape[-1] == 1:
        fail("accuracy", "an output of one value has no classes; binary_accuracy is meant", output=output)
    return _classes(y, output) == output.argmax(axis=-1)


def _classes(y, output) -> np.ndarray:
    """Class numbers, also of y as one-hot rows; (n,) and (n, 1) are one."""
    if y.shape == output.shape:
        y = y.argmax(axis=-1)
    return y.reshape(output.shape[:-1])


def _top_k(k: int, y, output) -> np.ndarray:
    return in_top_k(_classes(y, output), output, k)


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "accuracy": _accuracy,
    "binary_accuracy": lambda y, output: ((output > 0.5) == (y > 0.5)).mean(axis=-1),
    "mean_squared_error": ops.mean_squared_error,
    "mean_absolute_error": ops.mean_absolute_error,
    "iou": lambda y, output: iou(y, output, format="rel_center_xywh", pairwise=False),
}
"""What is reported of an output beside its loss, as a number for each example. iou: of boxes as rel_center_xywh.
`metric` also knows top_K_accuracy for any K."""


def top_k_of(name: str) -> int | None:
    """5 of "top_5_accuracy"; None of another name."""
    found = re.fullmatch(r"top_([1-9]\d*)_accuracy", name)
    return int(found[1]) if found else None


def metric(name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The metric of a name: of METRICS, or top_K_accuracy; ValueError for another.

    >>> metric("top_2_accuracy")(np.array([2]), np.array([[0.5, 0.2, 0.3]]))
    array([ True])
    """
    k = top_k_of(name)
    if k is not None:
        return partial(_top_k, k)
    if name not in METRICS:
        fail("metric", f"metrics must be of {', '.join(METRICS)}, top_5_accuracy (any number)", metric=name)
    return METRICS[name]


class Total(NamedTuple):
    """loss: of the whole batch, with L2.   parts: of each output, unweighted.   gradients: by each output."""

    loss: float
    parts: tuple[float, ...]
    gradients: list[np.ndarray]


@dataclass(frozen=True)
class Objective:
    """loss = sum over outputs of weight * (mean over the batch of w[y] * loss(y, output)) + l2 * sum of kernel^2

    w: the class weights; the mean divides by the number of examples, whatever their weights, as Keras does.
    squashed: what was taken from each output so that its loss meets logits (models.logits), or None.
    """

    heads: "Sequence[Head]"
    squashed: Sequence[str | None]
    class_weight: np.ndarray | None = None
    l2: float = 0.0

    def __post_init__(self):
        if len(self.heads) != len(self.squashed):
            got = len(self.heads)
            fail("Objective", f"there must be a head for each of the model's {len(self.squashed)} outputs", heads=got)

    def __call__(self, ys: Sequence, outputs: Sequence[np.ndarray], weights: Mapping[str, np.ndarray]) -> Total:
        """The loss and its gradients by the outputs; the gradient of L2 is `decay`'s.

        Args: ys, outputs: an array for each output; weights: by path.
        """
        parts, gradients = [], []
        for head, squashed, y, output in zip(self.heads, self.squashed, ys, outputs, strict=True):
            loss, given = LOSSES[head.loss], {"from_logits": True} if squashed else {}
            values = loss.forward(y, output, **given)
            weight = self._weights(y, values)
            parts.append(float((values * weight).sum(dtype=np.float64)) / max(1, values.size))
            dy = np.broadcast_to(np.asarray(weight * head.weight / max(1, values.size), output.dtype), values.shape)
            gradients.append(loss.backward(dy, y, output, **given))
        total = sum(head.weight * part for head, part in zip(self.heads, parts, strict=True))
        if self.l2:
            total += self.l2 * sum(float(np.vdot(w, w)) for path, w in weights.items() if is_kernel(path))
        return Total(total, tuple(parts), gradients)

    def decay(self, path: str, weight: np.ndarray) -> np.ndarray | float:
        """The gradient of the L2 term by a weight: 2 * l2 * w for a kernel."""
        return 2 * self.l2 * weight if self.l2 and is_kernel(path) else 0.0

    def metrics(self, ys: Sequence, outputs: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """The metrics of each output, means over the batch."""
        outputs = [ops.sigmoid(o) if kind == "sigmoid" else o for o, kind in zip(outputs, self.squashed, strict=True)]
        return [
            {name: float(np.mean(metric(name)(np.asarray(y), output), dtype=np.float64)) for name in head.metrics}
            for head, y, output in zip(self.heads, ys, outputs, strict=True)
        ]

    def _weights(self, y, values) -> np.ndarray:
        if self.class_weight is None:
            return np.ones((), values.dtype)
        return self.class_weight[np.asarray(y, np.intp)].reshape(values.shape).astype(values.dtype)


def is_kernel(path: str) -> bool:
    """Whether a weight multiplies what comes in, as biases and the weights of normalization do not."""
    return path.endswith("kernel")


def class_weights(class_weight, y: np.ndarray, classes: int) -> np.ndarray | None:
    """The weight of each class: as given, or so that all classes together weigh the same; None stays None."""
    if class_weight is None:
        return None
    if class_weight == "balanced":
        counts = np.bincount(y, minlength=classes)
        return np.divide(len(y), classes * counts, out=np.zeros(classes), where=counts > 0)
    if len(class_weight) != classes:
        fail("class_weight", f"there must be a weight for each of {classes} classes", class_weight=class_weight)
    return np.asarray(class_weight, float)
