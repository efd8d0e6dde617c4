"""Training in NumPy: forward, the losses, backward, the optimizer's step, again and again."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from numpycnn.data import Split
from numpycnn.layers.base import Kept
from numpycnn.training.batches import DROPOUT, batches, generator, steps_of
from numpycnn.training.objective import Total
from numpycnn.training.optimizers import OptimizerState
from numpycnn.training.problem import Logs, Problem, TrainingError
from numpycnn.training.progress import Progress, Snapshot

__all__ = ["NumpyState", "evaluate", "fit_numpy", "train_step"]

Watch = Callable[[int, int, int, Logs], None]
"""Is told of each step: epoch and step counted from 1, how many steps an epoch has, the means so far."""


class NumpyState(NamedTuple):
    """weights: all of them by path, statistics too; optimizer: of the trained ones, in their order."""

    weights: dict[str, np.ndarray]
    optimizer: OptimizerState


def trained_paths(problem: Problem) -> list[str]:
    return [path for path, variable in problem.logits.variables.items() if variable.trainable]


def first_state(problem: Problem) -> NumpyState:
    """The state before the first step, from the weights that the model has."""
    weights = problem.logits.values()
    return NumpyState(weights, problem.config.optimizer.initial_state([weights[p] for p in trained_paths(problem)]))


def train_step(
    problem: Problem, state: NumpyState, x, ys, *, rng: np.random.Generator | None, rate: float | None = None
) -> tuple[NumpyState, Total, tuple[np.ndarray, ...]]:
    """One step on one batch; nothing that came in is changed.

    Args: rng: of dropout, None to drop nothing; rate: in place of the optimizer's own.

    Returns: the new state, the loss before the step with its parts, and the outputs.
    """
    model, objective = problem.logits, problem.objective
    step = model.call(state.weights, model.arrays(x), training=True, rng=rng, wanted=[False] * len(model.inputs))
    total = objective(ys, step.outputs, state.weights)
    gradients = model.call_backward(
        state.weights, total.gradients, Kept((), (), step.extra, input_gradients=False)
    ).weights
    paths = trained_paths(problem)
    before = [state.weights[path] for path in paths]
    slopes = [gradients.get(p, np.zeros_like(w)) + objective.decay(p, w) for p, w in zip(paths, before, strict=True)]
    after, optimizer = problem.config.optimizer.update(before, slopes, state.optimizer, learning_rate=rate)
    weights = state.weights | dict(step.updates) | dict(zip(paths, after, strict=True))
    return NumpyState(weights, optimizer), total, step.outputs


def fit_numpy(problem: Problem, progress: Progress, watch: Watch | None = None) -> None:
    """Train until the description or the monitors say so; the model has the last weights afterwards."""
    config, train = problem.config, problem.data.train
    state = first_state(problem)
    if progress.resumed:
        state = NumpyState(progress.resumed.weights, _restored(progress.resumed.optimizer))
    steps = steps_of(len(train), config.batch_size)
    for epoch in range(progress.epoch, 0 if progress.stopped else config.epochs):
        means = Means()
        for step, (x, ys) in enumerate(batches(train, config, epoch)):
            rng = generator(config, DROPOUT, epoch, step)
            state, total, outputs = train_step(problem, state, x, ys, rng=rng, rate=progress.rate)
            logs = problem.logs(total.loss, total.parts, problem.objective.metrics(ys, outputs))
            if not np.isfinite(total.loss):
                raise TrainingError(nan_message(total.loss, epoch, step))
            means.add(logs, len(x))
            if watch:
                watch(epoch + 1, step + 1, steps, means.values)
        _assign(problem, state)
        logs = {**means.values, **evaluate(problem, problem.data.validation, prefix="val_")}
        logs["learning_rate"] = (
            config.optimizer.rate(state.optimizer.step - 1) if progress.rate is None else progress.rate
        )
        if progress.end_epoch(logs, Snapshot(state.weights, _stored(state.optimizer))):
            break
    _assign(problem, state)


def evaluate(problem: Problem, split: Split, *, prefix: str = "") -> Logs:
    """Loss and metrics of the model in inference; nothing for a split without examples."""
    model, objective, means = problem.logits, problem.objective, Means()
    weights = model.values()
    for x, ys in batches(split, problem.config):
        outputs = model.run(weights, model.arrays(x))
        total = objective(ys, outputs, weights)
        means.add(problem.logs(total.loss, total.parts, objective.metrics(ys, outputs)), len(x))
    return {prefix + name: value for name, value in means.values.items()}


def predict(problem: Problem, split: Split) -> list[np.ndarray]:
    """What each output gives for every example of a split, before softmax and sigmoid."""
    model, weights = problem.logits, problem.logits.values()
    found = [model.run(weights, model.arrays(x)) for x, _ in batches(split, problem.config)]
    return [np.concatenate(own) for own in zip(*found, strict=True)]


def nan_message(loss: float, epoch: int, step: int | None = None) -> str:
    where = f"in epoch {epoch + 1}" + ("" if step is None else f", step {step + 1}")
    return (
        f"the loss became {loss} {where}: lower the learning rate, clip gradients (global_clipnorm), or look for"
        f" values in the data that are no numbers"
    )


class Means:
    """Means over the examples seen so far, as Keras logs an epoch."""

    def __init__(self):
        self.count, self.values = 0, {}

    def add(self, logs: Logs, count: int) -> None:
        self.count += count
        share = count / self.count
        self.values = {k: self.values.get(k, 0.0) * (1 - share) + value * share for k, value in logs.items()}


def _assign(problem: Problem, state: NumpyState) -> None:
    for path, variable in problem.logits.variables.items():
        variable.assign(state.weights[path])


def _stored(state: OptimizerState) -> dict[str, np.ndarray]:
    slots = {f"{name}/{i}": np.asarray(array) for name, arrays in state.slots.items() for i, array in enumerate(arrays)}
    return {"step": np.asarray(state.step), **slots}


def _restored(arrays: dict[str, np.ndarray]) -> OptimizerState:
    slots: dict[str, dict[int, np.ndarray]] = {}
    for key, array in arrays.items():
        name, _, i = key.partition("/")
        if i:
            slots.setdefault(name, {})[int(i)] = array if array.ndim or name != "u_product" else array.item()
    ordered = {name: tuple(found[i] for i in sorted(found)) for name, found in slots.items()}
    return OptimizerState(int(arrays["step"]), ordered)
