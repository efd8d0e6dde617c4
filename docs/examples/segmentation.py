"""A small U-Net learns which digit each pixel belongs to, from 6,000 scenes, in NumPy.

python docs/examples/segmentation.py --out segmentation.png
"""

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from descent import descend

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


def measured(model: models.Model, images, maps) -> dict[str, Any]:
    """How good the maps are that a model gives of scenes."""
    found = model.predict(images).argmax(axis=-1)
    ink = confusion_matrix(maps, found, CLASSES)[1:]
    return {
        "mean_iou": mean_iou(maps, found, CLASSES),
        "iou_of_ink": mean_iou(maps > 0, found > 0, 2),
        "right_pixels": float(np.mean(maps == found)),
        "right_pixels_of_digits": float(np.trace(ink[:, 1:]) / ink.sum()),
        "iou": np.asarray(mean_iou(maps, found, CLASSES, per_class=True)).tolist(),
    }


def lines(result: dict[str, Any]) -> list[str]:
    """What is printed, and quoted in docs/segmentation.md, of the numbers that were measured."""
    return [
        f"U-Net: {result['parameters']:,} parameters, {result['macs']:,} MACs for a scene",
        f"{result['scenes']} scenes, {result['epochs']} times: loss {result['losses'][0]:.3f} at first, "
        f"{result['losses'][-1]:.3f} at last",
        f"300 scenes of unseen digits: mean IoU {result['mean_iou']:.3f}, of ink and none {result['iou_of_ink']:.3f}",
        f"right: {result['right_pixels']:.1%} of all pixels, {result['right_pixels_of_digits']:.1%} of those of digits",
        "IoU of nothing and of the digits 0 to 9: " + " ".join(f"{iou:.2f}" for iou in result["iou"]),
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train a U-Net that tells of every pixel which digit it belongs to.")
    parser.add_argument("--out", default="segmentation.png", help="where to save the picture")
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--json", help="where to save the numbers")
    options = parser.parse_args(arguments)

    digits, labels = sample_digits()
    known = np.arange(len(digits)) < 1500  # the last writers' digits are for the test
    model = models.unet(CLASSES, (*SIZE, 1), filters=8, depth=3)
    images, maps = digit_scenes(digits[known], labels[known], options.scenes, seed=0)
    given = {"epochs": options.epochs, "batch": options.batch, "rate": 2e-3}
    losses = descend(model, images, lambda rows, found: loss(maps[rows], found), **given)

    unseen, truth = digit_scenes(digits[~known], labels[~known], 300, seed=1)
    counted = count(model)
    result = {"measured": f"{date.today()}", "scenes": options.scenes, "epochs": options.epochs, "losses": losses}
    result |= {"parameters": counted.params.total, "macs": counted.macs, **measured(model, unseen, truth)}
    print("\n".join(lines(result)))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    found = model.predict(unseen[:5]).argmax(axis=-1)
    plots.class_maps(unseen[:5], {"true": truth[:5], "found": found}, CLASSES, path=options.out)
    print(f"picture: {options.out}")


if __name__ == "__main__":
    main()
