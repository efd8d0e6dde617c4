"""What watches a run: whether an epoch was the best, when to stop, when to lower the learning rate.

Each is a frozen description; its memory is a plain dict that goes into the run's folder, so that a run that is resumed
remembers. Keras's callbacks of the same names start from nothing on each fit.

Source: Keras 3, keras.callbacks.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from numpycnn.ops.arguments import fail, integer
from numpycnn.ops.scalars import real

__all__ = ["Best", "EarlyStopping", "Monitor", "ReduceLROnPlateau"]

UPWARD = ("accuracy", "auc", "iou", "precision", "recall")
"""What is better when it is larger; everything else, as losses and errors, when it is smaller."""

Memory = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """monitor: the name of a column of metrics.csv; min_delta: what a change must exceed to be an improvement."""

    monitor: str = "val_loss"
    min_delta: float = 0.0
    mode: str = "auto"

    def __post_init__(self):
        real(type(self).__name__, "min_delta", self.min_delta, rule="a number of at least 0", low=0)
        if self.mode not in ("auto", "min", "max"):
            fail(type(self).__name__, "mode must be auto, min or max", mode=self.mode)

    @property
    def upward(self) -> bool:
        return self.mode == "max" or (self.mode == "auto" and any(word in self.monitor for word in UPWARD))

    def start(self) -> Memory:
        return {"best": None, "wait": 0}

    def config(self) -> dict[str, Any]:
        return asdict(self)

    def value(self, logs: dict[str, float]) -> float:
        """The figure that is watched; ValueError where the run has no such column."""
        if self.monitor not in logs:
            fail(type(self).__name__, f"monitor must be one of {', '.join(logs)}", monitor=self.monitor)
        return logs[self.monitor]

    def improves(self, value: float, best: float | None) -> bool:
        if best is None:
            return True
        return value - self.min_delta > best if self.upward else value + self.min_delta < best


@dataclass(frozen=True, kw_only=True)
class Best(Monitor):
    """Which epoch is the best so far: the one whose weights are best.keras."""

    def after(self, memory: Memory, epoch: int, logs: dict[str, float]) -> tuple[Memory, bool]:
        """The memory after an epoch, and whether it was the best so far; a NaN never is."""
        value = self.value(logs)
        if np.isnan(value) or not self.improves(value, memory["best"]):
            return memory, False
        return {**memory, "best": value, "epoch": epoch}, True


@dataclass(frozen=True, kw_only=True)
class EarlyStopping(Monitor):
    """Stop after `patience` epochs in a row without an improvement; with 0 after the first."""

    patience: int = 0
    start_from_epoch: int = 0

    def __post_init__(self):
        super().__post_init__()
        integer("EarlyStopping", "patience", self.patience, least=0)
        integer("EarlyStopping", "start_from_epoch", self.start_from_epoch, least=0)

    def after(self, memory: Memory, epoch: int, logs: dict[str, float]) -> tuple[Memory, bool]:
        """The memory after an epoch (counted from 0), and whether to stop."""
        value = self.value(logs)
        if epoch < self.start_from_epoch:
            return memory, False
        if self.improves(value, memory["best"]):
            return {**memory, "best": value, "wait": 0}, False
        wait = memory["wait"] + 1
        return {**memory, "wait": wait}, wait >= self.patience and epoch > 0


@dataclass(frozen=True, kw_only=True)
class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by `factor` after `patience` epochs without an improvement, then rest `cooldown`."""

    min_delta: float = 1e-4
    factor: float = 0.1
    patience: int = 10
    cooldown: int = 0
    min_lr: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        real("ReduceLROnPlateau", "factor", self.factor, rule="a number in [0, 1)", low=0, high=1, open_high=True)
        real("ReduceLROnPlateau", "min_lr", self.min_lr, rule="a number of at least 0", low=0)
        for name in ("patience", "cooldown"):
            integer("ReduceLROnPlateau", name, getattr(self, name), least=0)

    def start(self):
        return {"best": None, "wait": 0, "cooldown": 0}

    def after(self, memory: Memory, rate: float, logs: dict[str, float]) -> tuple[Memory, float]:
        """The memory after an epoch that ended at this learning rate, and the rate from now on."""
        value, best, wait, resting = self.value(logs), memory["best"], memory["wait"], memory["cooldown"]
        if resting > 0:
            resting, wait = resting - 1, 0
        if self.improves(value, best):
            return {"best": value, "wait": 0, "cooldown": resting}, rate
        if resting == 0:
            wait += 1
            if wait >= self.patience and rate > self.min_lr:
                rate, resting, wait = max(rate * self.factor, self.min_lr), self.cooldown, 0
        return {"best": best, "wait": wait, "cooldown": resting}, rate
