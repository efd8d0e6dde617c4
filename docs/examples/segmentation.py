"""A small U-Net learns which digit each pixel belongs to, from 6,000 scenes, in NumPy.

python docs/examples/segmentation.py --out segmentation.png
"""

import argparse
import time

import numpy as np
from descent import Adam

from numpycnn import count, models, ops, plots
from numpycnn.data import sample_digits, scenes
from numpycnn.segmentation import class_map, confusion_matrix, dice_loss, dice_loss_backward, mean_iou

SIZE, CLASSES = (32, 48), 11
"""Of the scenes, and what a pixel may be: nothing, or one of ten digits."""


def digit_scenes(digits, labels, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scenes of one to three digits (count, height, width, 1), and the class of each of their pixels."""
    made = scenes(digits, labels, count, size=SIZE, sides=(12, 18), masks=True, seed=seed)
    return made.images, np.stack([class_map(one["masks"], one["classes"] + 1) for one in made.objects])


def loss(maps, found) -> tuple[float, np.ndarray]:
    """Cross-entropy of each pixel plus Dice of each class, means over the batch; and the gradient by what was found."""
    one_hot = np.eye(CLASSES, dtype=np.float32)[maps]
    entropy, dice = ops.sparse_categorical_crossentropy(maps, found), dice_loss(one_hot, found)
    gradient = ops.sparse_categorical_crossentropy_backward(np.full_like(entropy, 1 / entropy.size), maps, found)
    gradient += dice_loss_backward(np.full_like(dice, 1 / dice.size), one_hot, found)
    return float(entropy.mean() + dice.mean()), gradient


def train(model: models.Model, images, maps, *, epochs: int, batch: int = 16) -> None:
    adam, rng = Adam(model, rate=2e-3), np.random.default_rng(0)
    steps = len(images) // batch
    for epoch in range(epochs):
        order, total, start = rng.permutation(len(images)), 0.0, time.perf_counter()
        for i in range(steps):
            own = order[i * batch : (i + 1) * batch]
            value, gradient = loss(maps[own], model.forward(images[own], training=True))
            adam.step(model.backward(gradient).weights, rate=2e-3 * (1 - (epoch * steps + i) / (epochs * steps)))
            total += value
        print(f"epoch {epoch + 1:2}: loss {total / steps:.4f}, {time.perf_counter() - start:.0f} s", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train a U-Net that tells of every pixel which digit it belongs to.")
    parser.add_argument("--out", default="segmentation.png", help="where to save the picture")
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args(arguments)

    digits, labels = sample_digits()
    known = np.arange(len(digits)) < 1500  # the last writers' digits are for the test
    model = models.unet(CLASSES, (*SIZE, 1), filters=8, depth=3)
    counted = count(model)
    print(f"U-Net: {counted.params.total:,} parameters, {counted.macs:,} MACs for a scene")
    train(model, *digit_scenes(digits[known], labels[known], options.scenes, seed=0), epochs=options.epochs)

    images, maps = digit_scenes(digits[~known], labels[~known], 300, seed=1)
    found = model.predict(images).argmax(axis=-1)
    each = np.asarray(mean_iou(maps, found, CLASSES, per_class=True))
    print(f"300 scenes of unseen digits: mean IoU {mean_iou(maps, found, CLASSES):.3f},", end=" ")
    print(
        f"of ink and none {mean_iou(maps > 0, found > 0, 2):.3f}; right pixels {np.mean(maps == found):.1%},", end=" "
    )
    ink = confusion_matrix(maps, found, CLASSES)[1:]
    print(f"of those of digits {np.trace(ink[:, 1:]) / ink.sum():.1%}")
    print("IoU of nothing and of the digits 0 to 9: " + " ".join(f"{iou:.2f}" for iou in each))
    plots.class_maps(images[:5], {"true": maps[:5], "found": found[:5]}, CLASSES, path=options.out)
    print(f"picture: {options.out}")


if __name__ == "__main__":
    main()
