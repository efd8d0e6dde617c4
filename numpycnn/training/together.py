"""One training run by both backends on the same numbers, to see that the two are one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numpycnn.data import Dataset
from numpycnn.keras_io.build import import_keras
from numpycnn.layers import Input, Multiply
from numpycnn.layers.base import Node, Tensor
from numpycnn.layers.dropout import RandomMask
from numpycnn.models import Model
from numpycnn.training.batches import DROPOUT, batches, generator, steps_of
from numpycnn.training.config import TrainingConfig
from numpycnn.training.numpy_backend import first_state, train_step
from numpycnn.training.pipeline import trained_on
from numpycnn.training.problem import Problem
from numpycnn.training.tensorflow_backend import compiled, settings

__all__ = ["Side", "train_together"]


class Side(NamedTuple):
    """What one backend made of the steps: the mean loss since the epoch began, after each step; all weights at last."""

    losses: list[float]
    weights: dict[str, np.ndarray]


def train_together(model: Model, data: Dataset, config: TrainingConfig, steps: int = 50) -> tuple[Side, Side]:
    """The same steps by NumPy and by TensorFlow: weights, batches, augmentation and dropout masks are the same.

    Args: model, data, config: as of `train`; the model keeps its weights. Masks are drawn by NumPy, and go into the
        Keras model as inputs of their own; augmentation is each backend's own, obeying the same numbers.

    Returns: what NumPy and what TensorFlow (Keras's fit) made of them.
    """
    problem = Problem(model, data, config.with_(backend="tensorflow"))
    ours, masks = _numpy(problem, steps)
    return ours, _tensorflow(problem, steps, masks)


def _numpy(problem: Problem, steps: int) -> tuple[Side, list[list[np.ndarray]]]:
    config, losses, masks, state = problem.config, [], [], first_state(problem)
    rates = [layer.rate for layer in _random_layers(problem.logits).values()]
    for epoch in range(config.epochs):
        seen = loss = 0.0
        for step, (x, ys) in enumerate(batches(problem.data.train, config, epoch)):
            if len(losses) == steps:
                break
            rng = Recorder(generator(config, DROPOUT, epoch, step))
            state, total, _ = train_step(problem, state, x, ys, rng=rng)  # type: ignore[arg-type]
            seen += len(x)
            loss += (total.loss - loss) * len(x) / seen
            losses.append(loss)
            drawn = zip(rng.drawn, rates, strict=True)
            masks.append([((u >= rate) * (1 / (1 - rate))).astype(config.dtype) for u, rate in drawn])
    return Side(losses, state.weights), masks


def _tensorflow(problem: Problem, steps: int, masks) -> Side:
    import_keras()
    import keras
    import tensorflow as tf

    graph, losses = with_mask_inputs(problem.logits), []
    record = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(float(logs["loss"])))
    with settings(problem):
        form = compiled(problem, graph)
        pipeline: Any = trained_on(problem, 0)
        if masks[0]:
            shapes = tuple(tf.TensorSpec((None, *m.shape[1:]), problem.config.dtype) for m in masks[0])
            fed = tf.data.Dataset.from_generator(lambda: iter(map(tuple, masks)), output_signature=shapes)
            pipeline = tf.data.Dataset.zip(pipeline, fed).map(lambda given, own: ((given[0], *own), *given[1:]))
        an_epoch = steps_of(len(problem.data.train), problem.config.batch_size)
        for start in range(0, steps, an_epoch):
            count = min(an_epoch, steps - start)
            taken = pipeline.skip(start).take(count)
            form.model.fit(taken, steps_per_epoch=count, callbacks=[record], verbose=0, shuffle=False)
    return Side(losses, {path: np.asarray(variable).copy() for path, variable in form.weights.items()})


class Recorder:
    """A generator that remembers what it gave."""

    def __init__(self, rng: np.random.Generator):
        self.rng, self.drawn = rng, []

    def random(self, shape) -> np.ndarray:
        self.drawn.append(self.rng.random(shape))
        return self.drawn[-1]


def with_mask_inputs(model: Model) -> Model:
    """The same graph, sharing its weights, in which each dropout multiplies by an input of its own.

    The inputs follow those of the model in the order of the graph; each is a mask, 0 or 1 / (1 - rate).
    """
    masks = {}
    for node, layer in _random_layers(model).items():
        masks[node] = Input(layer.mask_shape((1, *node.input_shapes[0]))[1:], name=f"mask_{len(masks)}")
    return _rewired(model, list(masks.values()), masks.get)


def _random_layers(model: Model) -> dict[Node, RandomMask]:
    """Every dropout that drops anything, by its node."""
    return {node: node.layer for node in model.nodes if isinstance(node.layer, RandomMask) and node.layer.rate}


def _rewired(model: Model, more: list[Tensor], mask_of: Callable[[Node], Tensor | None]) -> Model:
    tensors: dict[Tensor, Tensor] = {tensor: tensor for tensor in model.inputs}
    names = {tensor.node.layer: model.names[tensor.node.layer] for tensor in model.inputs}
    names |= {tensor.node.layer: str(tensor.node.layer.name) for tensor in more}
    nodes = []
    for node in model.nodes:
        mask, inputs = mask_of(node), tuple(tensors[tensor] for tensor in node.inputs)
        layer = node.layer if mask is None else Multiply()
        names[layer] = model.names[node.layer]
        nodes.append(Node(layer, inputs if mask is None else (*inputs, mask)))
        tensors.update(zip(node.outputs, nodes[-1].outputs, strict=True))
    outputs = [tensors[tensor] for tensor in model.outputs]
    inputs = [*model.inputs, *more]
    single = len(inputs) == 1, model.single[1]
    changed = Model(
        inputs[0] if single[0] else inputs, outputs[0] if single[1] else outputs, names=names, dtype=str(model.dtype)
    )
    changed.lay_out(nodes, list(names), names)
    changed._variables = model.variables
    return changed
