"""The largest batch that fits into a memory, and what would make it larger."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from numpycnn.counting.count import Count, count
from numpycnn.counting.memory import Memory, memory
from numpycnn.counting.sizes import sized
from numpycnn.models.model import Model
from numpycnn.ops.arguments import integer

__all__ = ["Fit", "largest_batch"]

MOST = 2**40
"""No batch larger than this is looked for."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The largest batches that fit into `limit_bytes`; 0 where a single example does not.

    predict: with inference_high_bytes.   train: with training_high_bytes, so that it fits for sure.
    train_likely: with training_middle_bytes, so that it may.
    changes: `train` again, with one thing changed, by what that is.
    """

    limit_bytes: int
    predict: int
    train: int
    train_likely: int
    changes: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def largest_batch(
    model: Model,
    limit_bytes: int,
    *,
    dtype: Any = "float32",
    optimizer: str | None = None,
    freeze: str | None = None,
) -> Fit:
    """The largest batch with which a model predicts and trains within a memory.

    Args: limit_bytes: of the memory, all that a framework itself needs taken away.   others: as of `count`.

    Raises: as `count`; ValueError for a limit below 1.

    >>> from numpycnn.models import fashion_mnist
    >>> largest_batch(fashion_mnist(), 2**30, optimizer="sgd").train
    1298
    """
    limit = integer("largest_batch", "limit_bytes", limit_bytes)
    options = {"dtype": dtype, "optimizer": optimizer, "freeze": freeze}

    def trains(figure: Callable[[Memory], int] = lambda memory: memory.training_high_bytes, **changed) -> int:
        return _largest(lambda batch: figure(memory(sized(model, batch_size=batch, **{**options, **changed}))) <= limit)

    return Fit(
        limit_bytes=limit,
        predict=trains(lambda memory: memory.inference_high_bytes),
        train=trains(),
        train_likely=trains(lambda memory: memory.training_middle_bytes),
        changes={what: trains(**changed) for what, changed in _changes(count(model, **options)).items()},
    )


def _changes(counted: Count) -> dict[str, dict[str, Any]]:
    """What could be changed: what a smaller dtype, another optimizer and a frozen base would give."""
    mixed = {"mixed precision": {"dtype": "mixed_float16"}} if counted.dtype in ("float32", "float64") else {}
    others = {name: {"optimizer": name} for name in ("sgd", "momentum", "adam") if name != (counted.optimizer or "sgd")}
    with_weights = sum(row.params > 0 for row in counted.layers)
    base = {"a frozen base": {"freeze": "base"}} if with_weights > 1 else {}
    return {**mixed, **others, **base}


def _largest(fits: Callable[[int], bool]) -> int:
    """The largest batch for which `fits` holds; what one batch needs, no smaller one exceeds."""
    if not fits(1):
        return 0
    low, high = 1, 2
    while high < MOST and fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
