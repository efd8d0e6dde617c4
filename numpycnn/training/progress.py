"""How far a run has come: its epochs, and what best weights, early stopping and the learning rate remember of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpycnn.training.config import TrainingConfig
from numpycnn.training.problem import Logs

if TYPE_CHECKING:
    from numpycnn.training.run_folder import RunFolder

__all__ = ["Progress", "Snapshot"]


class Snapshot(NamedTuple):
    """Everything with numbers that the next epoch starts from: weights by path, and what the optimizer keeps."""

    weights: dict[str, np.ndarray]
    optimizer: dict[str, np.ndarray]


class Progress:
    """What a backend tells of each epoch, and what it is told in return. With a folder, all of it is kept there.

    epoch: how many are finished.   history: the logs of each.   rate: the learning rate where it is not the optimizer's
    own any more.   stopped: whether early stopping has ended the run.   best_weights: of the best epoch.
    """

    def __init__(self, config: TrainingConfig, folder: "RunFolder | None" = None):
        self.config, self.folder = config, folder
        self.epoch, self.history, self.stopped = 0, [], False
        self.rate: float | None = None
        self.best_weights: dict[str, np.ndarray] = {}
        self.resumed: Snapshot | None = None
        self.report: Callable[[int, Logs], None] | None = None
        watching = {"best": config.best, "early_stopping": config.early_stopping, "plateau": config.plateau}
        self._memory = {name: monitor.start() for name, monitor in watching.items() if monitor is not None}
        if config.plateau is not None:
            self.rate = config.optimizer.rate(0)

    @property
    def best_epoch(self) -> int | None:
        """Counted from 1; None before any."""
        found = self._memory["best"].get("epoch")
        return None if found is None else found + 1

    def end_epoch(self, logs: Logs, snapshot: Snapshot) -> bool:
        """Take in a finished epoch and keep it; whether the run shall stop here."""
        config, epoch, memory = self.config, self.epoch, self._memory
        self.history.append({"epoch": epoch + 1, **logs})
        memory["best"], improved = config.best.after(memory["best"], epoch, logs)
        if config.early_stopping is not None:
            memory["early_stopping"], self.stopped = config.early_stopping.after(memory["early_stopping"], epoch, logs)
        if config.plateau is not None and self.rate is not None:
            memory["plateau"], self.rate = config.plateau.after(memory["plateau"], self.rate, logs)
        self.epoch += 1
        if improved:
            self.best_weights = {path: value.copy() for path, value in snapshot.weights.items()}
        if self.folder is not None:
            self.folder.keep(self, snapshot, best=improved)
        if self.report is not None:
            self.report(self.epoch, logs)
        return self.stopped

    def state(self) -> dict[str, Any]:
        """All of it but the arrays, as plain values."""
        return {
            "epoch": self.epoch,
            "history": self.history,
            "rate": self.rate,
            "stopped": self.stopped,
            "memory": self._memory,
        }

    def restore(self, state: dict[str, Any], snapshot: Snapshot, best_weights: dict[str, np.ndarray]) -> None:
        """Go on from what `state` and a snapshot kept."""
        self.epoch, self.history, self.rate = state["epoch"], state["history"], state["rate"]
        self.stopped, self._memory = state["stopped"], state["memory"]
        self.resumed, self.best_weights = snapshot, best_weights
