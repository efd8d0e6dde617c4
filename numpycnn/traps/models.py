"""Rows on whole models: what is counted, what a name means, and defaults of training."""

from math import prod

import numpy as np

from numpycnn import models
from numpycnn.counting import count
from numpycnn.layers import Conv2D
from numpycnn.training import Adam, AdamW, RMSprop
from numpycnn.traps.row import Row, Shown

__all__ = ["ROWS"]


def megabytes():
    size = 3_613_600
    return [Shown("1 MB = 10^6 bytes", f"{size / 1e6:.2f} MB"), Shown("1 MiB = 2^20 bytes", f"{size / 2**20:.2f} MiB")]


def buffers():
    total = count(models.mobilenet_v2()).params
    return [Shown("Keras: all weights", total.total), Shown("PyTorch: parameters without buffers", total.trainable)]


def two_resnets():
    model = models.resnet50()
    sizes = {path: prod(spec.shape) for path, spec in model.weight_specs().items()}
    convolved = {model.names[layer] for layer in model.layers if isinstance(layer, Conv2D)}
    biases = sum(size for path, size in sizes.items() if path.endswith("/bias") and path.split("/")[0] in convolved)
    moving = sum(size for path, size in sizes.items() if "/moving_" in path)
    return [
        Shown("keras.applications", sum(sizes.values())),
        Shown("torchvision: no biases in convolutions, no buffers", sum(sizes.values()) - biases - moving),
    ]


def ten_bits():
    third = np.float32(1 / 3)
    cut = (third.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
    return [Shown("1/3 in float32", f"{third:.7f}"), Shown("1/3 in TF32, cut to 10 bits", f"{cut:.7f}")]


def first_steps():
    """A gradient as small as epsilon shows it; where the rules themselves add epsilon differs too, and is not shown."""
    weight, gradient = [np.array([1.0])], [np.array([1e-7])]
    found = []
    for who, optimizer in {
        "Keras: Adam, epsilon 1e-7": Adam(),
        "Adam with PyTorch's epsilon 1e-8": Adam(epsilon=1e-8),
        "Keras: RMSprop, rate 1e-3, rho 0.9, epsilon 1e-7": RMSprop(),
        "RMSprop with PyTorch's 1e-2, 0.99, 1e-8": RMSprop(learning_rate=1e-2, rho=0.99, epsilon=1e-8),
        "Keras: AdamW, weight_decay 0.004": AdamW(),
        "AdamW with PyTorch's 0.01 and 1e-8": AdamW(weight_decay=0.01, epsilon=1e-8),
    }.items():
        after = optimizer.update(weight, gradient, optimizer.initial_state(weight)).weights[0]
        found.append(Shown(who, f"{after.item():.8f}"))
    return found


ROWS = [
    Row(
        48,
        "Totals of parameters",
        "moving statistics count: MobileNetV2 3,538,984",
        "buffers do not: 3,504,872",
        "-",
        "the difference is two numbers for each channel of each batch normalization",
        "R",
        (),
        "MobileNetV2",
        buffers,
    ),
    Row(
        49,
        "Which network ResNet50 is",
        "25,636,712 parameters: biases in the convolutions, the stride on the first 1x1",
        "25,557,032: no such biases, the stride on the 3x3",
        "-",
        "both reach about the same accuracy",
        "R",
        (),
        "parameters",
        two_resnets,
    ),
    Row(
        50,
        "What MB means",
        "model.summary() prints MiB and writes MB",
        "-",
        "-",
        "five percent",
        "R",
        (),
        "3,613,600 bytes",
        megabytes,
    ),
    Row(
        51,
        "Defaults of optimizers",
        "Adam epsilon 1e-7; RMSprop rho 0.9, rate 1e-3; AdamW decay 0.004",
        "1e-8; 0.99, 1e-2; 0.01",
        "-",
        "the first steps show it most",
        "R",
        (),
        "by Keras's update rules, a weight of 1 after one step against a gradient of 1e-7",
        first_steps,
    ),
    Row(
        52,
        "TF32 on GPUs",
        "on by default",
        "on in cuDNN, off in matmul",
        "-",
        "products keep 10 bits: errors of 1e-3 are no mistake",
        "R",
        (),
        "",
        ten_bits,
    ),
]
