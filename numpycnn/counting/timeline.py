"""Memory over the course of a run forward and of a step of training."""

from dataclasses import dataclass
from typing import Any

from numpycnn.counting.course import Moment, predicting, training
from numpycnn.counting.order import best_order
from numpycnn.counting.sizes import Sizes, sized
from numpycnn.models.model import Model

__all__ = ["Moment", "Timeline", "timeline"]


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What exists while each layer runs, parameters and what the optimizer keeps included, in bytes.

    predict: in the best order of the layers; its highest point is inference_bytes.
    train_low, train_high: forward and backward in the leanest and in the most wasteful order of work; the highest
        point of the first is training_low_bytes. What an allocator adds is in neither.
    """

    predict: tuple[Moment, ...]
    train_low: tuple[Moment, ...]
    train_high: tuple[Moment, ...]


def timeline(
    model: Model,
    *,
    batch_size: int = 1,
    dtype: Any = "float32",
    optimizer: str | None = None,
    freeze: str | None = None,
) -> Timeline:
    """The course of memory of a model; arguments and errors as of `count`.

    >>> from numpycnn.layers import Conv2D, Dense, Flatten
    >>> from numpycnn.models import Sequential
    >>> model = Sequential([Conv2D(4, 3), Flatten(), Dense(7)], input_shape=(6, 5, 3))
    >>> [moment.layer for moment in timeline(model).train_low if moment.phase == "backward"]
    ['dense', 'flatten', 'conv2d']
    """
    return timeline_of(sized(model, batch_size=batch_size, dtype=dtype, optimizer=optimizer, freeze=freeze))


def timeline_of(sizes: Sizes) -> Timeline:
    """The course of memory of a flat graph."""
    copies = int(sizes.slots > 0)
    return Timeline(
        predict=_above(sizes.parameters, predicting(sizes, best_order(sizes))),
        train_low=_above(sizes.lasting, training(sizes, lean=True, copies=copies)),
        train_high=_above(sizes.lasting + sizes.copies, training(sizes, lean=False, copies=1 + copies)),
    )


def _above(still: int, course: list[Moment]) -> tuple[Moment, ...]:
    return tuple(Moment(phase, layer, still + size) for phase, layer, size in course)
