"""Whole models: the chapter's Fashion-MNIST network, and ResNet-34 on 224x224 pixels."""

from functools import partial

import numpy as np

from benchmarks.libraries import tensorflow
from benchmarks.rows import Call, Row, drawn


def built(network: str):
    """The numpycnn model, its weights drawn from the same seed in every process."""
    from numpycnn import models

    return getattr(models, network)()


def arrays(model, batch: int):
    """x, so pale that the softmax is not all zeros and ones, which no error reaches, and dy."""
    x, dy = drawn((batch, *model.inputs[0].shape), (batch, *model.outputs[0].shape))
    return x / np.float32(10), dy


def ours(network: str, batch: int, dtype="float32"):
    model = built(network).astype(dtype)
    return partial(model.predict, arrays(model, batch)[0])


def ours_training(network: str, batch: int):
    """Forward in training and the gradients of all weights, as a step of training needs them."""
    model = built(network)
    x, dy = arrays(model, batch)

    def run():
        model.forward(x, training=True, input_gradients=False)
        return list(model.backward(dy).weights.values())

    return Call(run)


ROWS = [
    *(
        Row(
            f"{name}, forward, N={batch}",
            {
                "numpycnn": partial(ours, network, batch),
                "tensorflow": partial(tensorflow.network, built, arrays, network, batch),
            },
            partial(ours, network, batch, "float64"),
        )
        for name, network, batch in (
            ("Fashion-MNIST network", "fashion_mnist", 32),
            ("ResNet-34", "resnet34", 1),
            ("ResNet-34", "resnet34", 8),
        )
    ),
    *(
        Row(
            f"{name}, forward and backward, N={batch}",
            {
                "numpycnn": partial(ours_training, network, batch),
                "tensorflow": partial(tensorflow.network_training, built, arrays, network, batch),
            },
        )
        for name, network, batch in (("Fashion-MNIST network", "fashion_mnist", 32), ("ResNet-34", "resnet34", 8))
    ),
]
