"""Training in NumPy under a loss of one's own, for the examples: batches, forward, backward, Adam."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from numpycnn.models import Model
from numpycnn.training import Adam, CosineDecay


def descend(
    model: Model, images: np.ndarray, loss: Callable[..., tuple[float, Any]], *, epochs: int, batch: int, rate: float
) -> list[float]:
    """Train a model with Adam, whose learning rate falls from `rate` to 0 along a cosine.

    Args: loss: called with the rows of the images that are in the batch and what the model says of them, it gives a
        number and its gradients by what the model says.

    Returns: the mean loss of each epoch, which it prints as well.
    """
    steps = len(images) // batch
    adam, rng = Adam(learning_rate=CosineDecay(rate, epochs * steps)), np.random.default_rng(0)
    variables, losses = model.trainable_weights, []
    state = adam.initial_state([variable.value for variable in variables])
    for epoch in range(epochs):
        order, total, start = rng.permutation(len(images)), 0.0, time.perf_counter()
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            value, gradients = loss(rows, model.forward(images[rows], training=True, input_gradients=False))
            own = list(model.backward(gradients).weights.values())
            updated, state = adam.update([variable.value for variable in variables], own, state)
            for variable, weight in zip(variables, updated, strict=True):
                variable.assign(weight)
            total += value
        losses.append(total / steps)
        print(f"epoch {epoch + 1:2}: loss {losses[-1]:.4f}, {time.perf_counter() - start:.0f} s", flush=True)
    return losses
