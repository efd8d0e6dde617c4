"""A network with two heads learns which digit is in a picture and where, from 12,000 scenes, in NumPy.

python docs/examples/localization.py --out localization.png
"""

import argparse

import numpy as np
from descent import Adam

from numpycnn import plots
from numpycnn.data import Scenes, sample_digits, scenes
from numpycnn.detection import convert_boxes, localization_loss, localization_loss_backward, mean_box_iou
from numpycnn.layers import Conv2D, Dense, Flatten, Input
from numpycnn.models import Model
from numpycnn.models.localization import localization_heads

SIDE = 32
WEIGHTS = (0.05, 0.95)
"""Of the classes and the boxes. The chapter has 0.8 and 0.2, with which this small trunk learns classes only."""


def network() -> Model:
    """Three strided convolutions and a dense layer under the two heads."""
    inputs = x = Input((SIDE, SIDE, 1), name="input")
    for filters in (16, 32, 64):
        x = Conv2D(filters, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = Dense(96, activation="relu", kernel_initializer="he_normal")(Flatten()(x))
    return Model(inputs, localization_heads(x, 10), name="digit_localizer")


def one_digit(digits, labels, count: int, seed: int) -> tuple[Scenes, np.ndarray, np.ndarray]:
    """Scenes of one digit; its class (count,) and its box (count, 4) as rel_center_xywh."""
    made = scenes(digits, labels, count, size=SIDE, things=(1, 1), sides=(10, 24), seed=seed)
    boxes = np.concatenate([one["boxes"] for one in made.objects])
    boxes = convert_boxes(boxes, "xyxy", "rel_center_xywh", image_shape=(SIDE, SIDE))
    return made, np.concatenate([one["classes"] for one in made.objects]), boxes.astype(np.float32)


def train(model: Model, images, labels, boxes, *, epochs: int, batch: int = 40) -> None:
    adam, rng = Adam(model), np.random.default_rng(0)
    steps = len(images) // batch
    for epoch in range(epochs):
        order, total = rng.permutation(len(images)), 0.0
        for i in range(steps):
            own = order[i * batch : (i + 1) * batch]
            outputs = model.forward(images[own], training=True)
            total += localization_loss(labels[own], boxes[own], *outputs, loss_weights=WEIGHTS).mean()
            dy = np.full(batch, 1 / batch, np.float32)
            dys = localization_loss_backward(dy, labels[own], boxes[own], *outputs, loss_weights=WEIGHTS)
            gradients = model.backward(dys)
            adam.step(gradients.weights, rate=1e-3 if epoch < epochs * 2 // 3 else 2e-4)
        print(f"epoch {epoch + 1:2}: loss {total / steps:.4f}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train a network that tells which digit is where.")
    parser.add_argument("--out", default="localization.png", help="where to save the picture")
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args(arguments)

    digits, labels = sample_digits()
    known = np.arange(len(digits)) < 1500  # the last writers' digits are for the test
    made, classes, boxes = one_digit(digits[known], labels[known], 12000, seed=0)
    model = network()
    train(model, made.images, classes, boxes, epochs=options.epochs)

    test, classes, boxes = one_digit(digits[~known], labels[~known], 300, seed=1)
    probabilities, found = model.predict(test.images)
    guessed = probabilities.argmax(axis=1)
    print(f"300 scenes of unseen digits: {np.mean(guessed == classes):.1%} of the classes are right,", end=" ")
    print(f"mean IoU of the boxes {mean_box_iou(boxes, found, format='rel_center_xywh'):.3f}")
    plots.boxes_in_pictures(
        test.images[:8],
        [np.stack(pair) for pair in zip(boxes[:8], found[:8], strict=True)],
        labels=[["", str(guess)] for guess in guessed[:8]],
        colours=[["gray", "tab:orange"]] * 8,
        format="rel_center_xywh",
        path=options.out,
    )
    print(f"picture, true boxes gray: {options.out}")


if __name__ == "__main__":
    main()
