"""Transfer learning in two phases: the new head alone, then more of the network at a lower rate."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from numpycnn.data import Dataset
from numpycnn.models import Model, trained_from, with_new_head
from numpycnn.training.config import TrainingConfig
from numpycnn.training.train import Trained, train

__all__ = ["Transferred", "from_scratch", "transfer"]


class Transferred(NamedTuple):
    """The two phases, one after the other; `fine_tuned.model` is what came of both."""

    head: Trained
    fine_tuned: Trained


def transfer(
    base: Model,
    data: Dataset,
    config: TrainingConfig,
    *,
    start: int | str = "all",
    fine_epochs: int | None = None,
    fine_learning_rate: float | None = None,
    out=None,
    report=None,
) -> Transferred:
    """Train a base's new head on other data, then the layers from `start` on too.

    Args:
        base: a model that was trained on something else, with its head or without (models.with_new_head).
        config: of the first phase, in which all but the head is frozen.
        start: where the second phase's training starts, as of models.trained_from. What is before stays frozen, batch
            normalization in inference.
        fine_epochs, fine_learning_rate: of the second phase; by default as many epochs at a tenth of the rate, which
            must then be a number.
        out: the folder in which the phases are kept as runs of their own, "head" and "fine_tuned"; report: as of train.

    Raises: as `train`, `with_new_head` and `trained_from`; before any training where `start` is none.
    """
    model = with_new_head(base, len(data.class_names), seed=config.seed)
    model = model if str(model.dtype) == config.dtype else model.astype(config.dtype)
    trained_from(model, start)
    second = fine_config(config, fine_epochs, fine_learning_rate)
    head = train(trained_from(model, "head"), data, config, out=_within(out, "head"), report=report)
    tuned = train(trained_from(head.model, start), data, second, out=_within(out, "fine_tuned"), report=report)
    return Transferred(head, tuned)


def from_scratch(base: Model, data: Dataset, config: TrainingConfig, *, epochs: int, out=None, report=None) -> Trained:
    """The same network with its new head, all of it from newly drawn weights: what a transfer is compared with."""
    model = trained_from(with_new_head(base, len(data.class_names), seed=config.seed), "all")
    model.initialize(config.seed)
    model = model if str(model.dtype) == config.dtype else model.astype(config.dtype)
    return train(model, data, config.with_(epochs=epochs), out=_within(out, "from_scratch"), report=report)


def fine_config(config: TrainingConfig, epochs: int | None, rate: float | None) -> TrainingConfig:
    """The description of the second phase."""
    if rate is None:
        if not isinstance(config.optimizer.learning_rate, int | float):
            raise ValueError("transfer: fine_learning_rate must be given where the first phase has a schedule.")
        rate = config.optimizer.learning_rate / 10
    return config.with_(epochs=epochs or config.epochs, optimizer=replace(config.optimizer, learning_rate=rate))


def _within(out, name: str) -> Path | None:
    return None if out is None else Path(out) / name
