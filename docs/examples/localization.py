"""A network with two heads learns which digit is in a picture and where, from 12,000 scenes, in NumPy.

It does so under the chapter's loss, with 0.8 of the weight on the classes and 0.2 on the box.

python docs/examples/localization.py --out localization.png
"""

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from descent import descend

from numpycnn import plots
from numpycnn.data import Scenes, sample_digits, scenes
from numpycnn.detection import convert_boxes, localization_loss, localization_loss_backward, mean_box_iou
from numpycnn.models import Model, digit_localizer

SIDE = 32


def one_digit(digits, labels, count: int, seed: int) -> tuple[Scenes, np.ndarray, np.ndarray]:
    """Scenes of one digit; its class (count,) and its box (count, 4) as rel_center_xywh."""
    made = scenes(digits, labels, count, size=SIDE, things=(1, 1), sides=(10, 24), seed=seed)
    boxes = np.concatenate([one["boxes"] for one in made.objects])
    boxes = convert_boxes(boxes, "xyxy", "rel_center_xywh", image_shape=(SIDE, SIDE))
    return made, np.concatenate([one["classes"] for one in made.objects]), boxes.astype(np.float32)


def train(model: Model, images, labels, boxes, options: argparse.Namespace) -> list[float]:
    """The chapter's loss, by default with its weights; the mean over a batch."""
    given = {"loss_weights": options.weights, "box_loss": options.box_loss}

    def loss(rows, outputs):
        true = labels[rows], boxes[rows]
        dy = np.full(len(rows), 1 / len(rows), np.float32)
        value = localization_loss(*true, *outputs, **given).mean()
        return float(value), localization_loss_backward(dy, *true, *outputs, **given)

    return descend(model, images, loss, epochs=options.epochs, batch=40, rate=options.rate)


def line(result: dict[str, Any]) -> str:
    """How well it went, as it is printed and quoted in docs/detection.md."""
    classes, boxes = result["weights"]
    told = f"{classes}/{boxes}  {result['box_loss']:<18}  rate {result['rate']:<5}  {result['epochs']:2} epochs:"
    return f"{told}  {result['right']:.1%} of the classes right, mean IoU of the boxes {result['mean_iou']:.3f}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train a network that tells which digit is where.")
    parser.add_argument("--out", default="localization.png", help="where to save the picture")
    parser.add_argument("--scenes", type=int, default=12000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rate", type=float, default=3e-3, help="the learning rate in the beginning")
    parser.add_argument("--weights", type=float, nargs=2, default=(0.8, 0.2), help="of the classes and of the boxes")
    parser.add_argument("--box-loss", default="mean_squared_error", help="or square_root")
    parser.add_argument("--json", help="where to save the numbers")
    options = parser.parse_args(arguments)

    digits, labels = sample_digits()
    known = np.arange(len(digits)) < 1500  # the last writers' digits are for the test
    made, classes, boxes = one_digit(digits[known], labels[known], options.scenes, seed=0)
    model = digit_localizer()
    losses = train(model, made.images, classes, boxes, options)

    test, classes, boxes = one_digit(digits[~known], labels[~known], 300, seed=1)
    probabilities, found = model.predict(test.images)
    guessed = probabilities.argmax(axis=1)
    result = {"measured": f"{date.today()}", "losses": losses}
    result |= {name: getattr(options, name) for name in ("scenes", "epochs", "rate", "weights", "box_loss")}
    result["right"] = float(np.mean(guessed == classes))
    result["mean_iou"] = mean_box_iou(boxes, found, format="rel_center_xywh")
    print("300 scenes of unseen digits:", line(result), sep="\n")
    if options.json:
        Path(options.json).write_text(json.dumps(result) + "\n", encoding="utf-8")
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
