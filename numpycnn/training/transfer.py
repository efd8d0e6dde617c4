"""Transfer learning in two phases: the new head alone, then more of the network at a lower rate."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from numpycnn.data import Dataset
from numpycnn.keras_io import ModelFileError, load_model
from numpycnn.models import Model, trained_from, with_new_head
from numpycnn.training.config import TrainingConfig
from numpycnn.training.problem import Logs, Problem, TrainingError
from numpycnn.training.run_folder import BEST, CHECKPOINT, CONFIG
from numpycnn.training.train import Trained, train

__all__ = ["Phases", "Transfer"]

Report = Callable[[str, int, Logs], None]


class Phases(NamedTuple):
    """Two runs, of which the second starts from the best weights of the first; `model` is what came of both."""

    first: Trained
    second: Trained

    @property
    def model(self) -> Model:
        return self.second.model

    @property
    def test(self) -> Logs:
        """Loss and metrics on the test set, in the end."""
        return self.second.test

    @property
    def history(self) -> list[dict[str, Any]]:
        """A dict for each epoch of both, counted on."""
        both = [*self.first.history, *self.second.history]
        return [{**row, "epoch": epoch} for epoch, row in enumerate(both, 1)]


@dataclass(frozen=True)
class Transfer:
    """A base that was trained on something else, with its head or without, and how it is trained on other data.

    Args:
        config: of the first phase, in which all but the new head (models.with_new_head) is frozen.
        start: where the second phase's training starts, as of models.trained_from. What is before stays frozen, batch
            normalization in inference.
        fine_epochs, fine_learning_rate: of the second phase; by default as many epochs at a tenth of the rate, which
            must then be a number.

    Raises: as `with_new_head`, `trained_from`, and `train` before any training.
    """

    base: Model
    data: Dataset
    config: TrainingConfig
    start: int | str = "all"
    fine_epochs: int | None = None
    fine_learning_rate: float | None = None

    def __post_init__(self):
        Problem(trained_from(self.model, self.start), self.data, self.fine_config)

    @cached_property
    def model(self) -> Model:
        """The base with its new head, in the dtype of the training."""
        return self._in_dtype(with_new_head(self.base, len(self.data.class_names), seed=self.config.seed))

    @cached_property
    def fine_config(self) -> TrainingConfig:
        """The description of the second phase."""
        config, rate = self.config, self.fine_learning_rate
        if rate is None:
            if not isinstance(config.optimizer.learning_rate, int | float):
                raise ValueError("transfer: fine_learning_rate must be given where the first phase has a schedule.")
            rate = config.optimizer.learning_rate / 10
        optimizer = replace(config.optimizer, learning_rate=rate)
        return config.with_(epochs=self.fine_epochs or config.epochs, optimizer=optimizer)

    def train(self, *, out=None, resume: bool = False, report: Report | None = None) -> Phases:
        """Train the head, then the layers from `start` on too.

        Args:
            out: the folder in which the phases are kept as runs of their own, "head" and "fine_tuned".
            resume: go on where a killed process left them: what is finished is read, what is not goes on from its last
                finished epoch, what was not begun begins.
            report: is told of each finished epoch: of which run, its number from 1, its logs.

        Raises: as `train`.
        """
        run = partial(self._run, out=out, resume=resume, report=report)
        head = run("head", trained_from(self.model, "head"), self.config)
        return Phases(head, run("fine_tuned", trained_from(head.model, self.start), self.fine_config))

    def compare(self, *, out=None, resume: bool = False, report: Report | None = None) -> dict[str, Phases]:
        """The same network in three ways that differ only in what a step may change; all take the same two phases.

        Args: as of `train`; the other runs are "head_only", "from_scratch" and "from_scratch_slower".

        Returns: "from scratch": all of it from newly drawn weights; "head only": the base frozen to the end;
            "fine-tuned": as `train`.
        """
        run = partial(self._run, out=out, resume=resume, report=report)
        tuned = self.train(out=out, resume=resume, report=report)
        head = run("head_only", trained_from(tuned.first.model, "head"), self.fine_config)
        scratch = run("from_scratch", self._newly_drawn(), self.config)
        slower = run("from_scratch_slower", trained_from(scratch.model, "all"), self.fine_config)
        return {
            "from scratch": Phases(scratch, slower),
            "head only": Phases(tuned.first, head),
            "fine-tuned": tuned,
        }

    def _newly_drawn(self) -> Model:
        model = with_new_head(self.base, len(self.data.class_names), seed=self.config.seed)
        model.initialize(self.config.seed)
        return self._in_dtype(trained_from(model, "all"))

    def _in_dtype(self, model: Model) -> Model:
        return model if str(model.dtype) == self.config.dtype else model.astype(self.config.dtype)

    def _run(self, name: str, model: Model, config: TrainingConfig, *, out, resume: bool, report) -> Trained:
        """One run, from its start or from where it was left."""
        folder = None if out is None else Path(out) / name
        begun, told = False, None if report is None else partial(report, name)
        if folder is not None and resume:
            begun = (folder / CONFIG).exists()
            if (folder / CHECKPOINT).exists():
                _check_best(folder)
        return train(model, self.data, config, out=folder, resume=begun, about={"run": name}, report=told)


def _check_best(folder: Path) -> None:
    """The next phase starts from the best weights: a run that has lost them cannot go on as it would have."""
    try:
        load_model(folder / BEST)
    except (ModelFileError, OSError) as error:
        raise TrainingError(f"{folder / BEST} cannot be read, which the next run starts from: {error}") from error
