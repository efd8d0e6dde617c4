"""A small network to verify: convolutions, a batch normalization and a dense layer.

`numpycnn verify docs/examples/small_network.py:model` compares it with TensorFlow.
"""

from numpycnn.layers import BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input, ReLU
from numpycnn.models import Sequential

model = Sequential(
    [
        Input((12, 10, 3), name="image"),
        Conv2D(8, 3, strides=2, padding="same", name="conv1"),
        BatchNormalization(moving_variance_initializer="ones", name="norm1"),
        ReLU(name="relu1"),
        Conv2D(6, 3, padding="same", name="conv2"),
        ReLU(name="relu2"),
        GlobalAveragePooling2D(name="pool"),
        Dense(4, name="classes"),
    ],
    name="small_network",
)
