"""Three strided convolutions, the exercise on memory of Hands-On Machine Learning, 3rd ed., chapter 14.

Counted by `numpycnn count docs/examples/three_layers.py:model --batch 50`.
"""

from numpycnn.layers import Conv2D, Input
from numpycnn.models import Sequential

model = Sequential(
    [
        Input((200, 300, 3), name="input"),
        Conv2D(100, 3, strides=2, padding="same", name="conv1"),
        Conv2D(200, 3, strides=2, padding="same", name="conv2"),
        Conv2D(400, 3, strides=2, padding="same", name="conv3"),
    ],
    name="three_layers",
)
