"""Adam in a few lines, for the examples that train: Kingma & Ba, arXiv:1412.6980, algorithm 1."""

import numpy as np

from numpycnn.models import Model


class Adam:
    """Moves the weights of a model against their gradients, each with a pace of its own."""

    def __init__(self, model: Model, rate: float = 1e-3):
        self.model, self.rate, self.steps = model, rate, 0
        self.mean = {path: np.zeros(v.shape, np.float32) for path, v in model.variables.items() if v.trainable}
        self.square = {path: np.zeros_like(mean) for path, mean in self.mean.items()}

    def step(self, gradients: dict[str, np.ndarray], rate: float | None = None) -> None:
        """One step; `rate` replaces the usual one."""
        self.steps += 1
        pace = (self.rate if rate is None else rate) * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        for path, gradient in gradients.items():
            self.mean[path] += (1 - 0.9) * (gradient - self.mean[path])
            self.square[path] += (1 - 0.999) * (gradient**2 - self.square[path])
            variable = self.model.variables[path]
            variable.assign(variable.value - pace * self.mean[path] / (np.sqrt(self.square[path]) + 1e-7))
