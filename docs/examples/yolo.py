"""A small YOLO learns to find digits, from 6,000 scenes, in NumPy: the three versions with one trunk.

python docs/examples/yolo.py --out yolo.png
python docs/examples/yolo.py --folder PICTURES --out yolo.png      # a subfolder of light things on dark for each class
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

import numpy as np

from numpycnn import detection, plots
from numpycnn.data import Scenes, load_cutouts, sample_digits, scenes
from numpycnn.detection import mean_average_precision, yolo_detections
from numpycnn.models import Model, yolo_small
from numpycnn.training import Adam, CosineDecay

SIDE, CELLS = 48, 6


class Version(NamedTuple):
    """targets of objects; loss of targets and outputs; its gradient, dy first; boxes and scores of outputs."""

    targets: Callable
    loss: Callable
    backward: Callable
    decode: Callable


def version_of(name: str, anchors, classes: int) -> Version:
    """One grid of 6x6, for v1 with two predictors, for the others with the anchors (2, 2)."""
    d, given = detection, {"classes": classes, "format": "xyxy", "image_shape": (SIDE, SIDE)}
    grid, one = (CELLS, CELLS), anchors[None]
    return {
        "v1": Version(
            lambda objects: d.yolo_v1_targets(objects, grid=grid, **given),
            d.yolo_v1_loss,
            d.yolo_v1_loss_backward,
            d.yolo_v1_decode,
        ),
        "v2": Version(
            lambda objects: d.yolo_v2_targets(objects, grid, anchors, **given),
            lambda true, pred: d.yolo_v2_loss(true, pred, anchors),
            lambda dy, true, pred: d.yolo_v2_loss_backward(dy, true, pred, anchors),
            lambda pred: d.yolo_v2_decode(pred, anchors),
        ),
        "v3": Version(
            lambda objects: d.yolo_v3_targets(objects, [grid], one, **given)[0],
            lambda true, pred: d.yolo_v3_loss([true], [pred], one),
            lambda dy, true, pred: d.yolo_v3_loss_backward(dy, [true], [pred], one)[0],
            lambda pred: d.yolo_v3_decode([pred], one),
        ),
    }[name]


def things(folder: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cutouts and classes of scikit-learn's digits or a folder's pictures, and which of them are to learn from.

    Of the digits those are the first 1,500, so that the others are other writers'; of a folder five of six.
    """
    if folder is None:
        cutouts, labels = sample_digits()
        return cutouts, labels, np.arange(len(labels)) < 1500
    cutouts, labels, _ = load_cutouts(folder)
    return cutouts, labels, np.arange(len(labels)) % 6 != 0


def train(model: Model, version: Version, made: Scenes, *, epochs: int, batch: int = 32) -> None:
    targets = version.targets(made.objects).astype(np.float32)
    steps, rng = len(targets) // batch, np.random.default_rng(0)
    variables = model.trainable_weights
    adam = Adam(learning_rate=CosineDecay(3e-3, decay_steps=epochs * steps))
    state = adam.initial_state([variable.value for variable in variables])
    dy = np.full(batch, 1 / batch, np.float32)
    for epoch in range(epochs):
        order, total = rng.permutation(len(targets)), 0.0
        for i in range(steps):
            own = order[i * batch : (i + 1) * batch]
            said = model.forward(made.images[own], training=True, input_gradients=False)
            total += version.loss(targets[own], said).mean()
            gradients = model.backward(version.backward(dy, targets[own], said)).weights
            weights = [variable.value for variable in variables]
            updated, state = adam.update(weights, [gradients[variable.name] for variable in variables], state)
            for variable, value in zip(variables, updated, strict=True):
                variable.assign(value)
        print(f"epoch {epoch + 1:2}: loss {total / steps:.3f}", flush=True)


def find(model: Model, version: Version, images, score_threshold: float) -> list[dict[str, np.ndarray]]:
    boxes, scores = version.decode(model.predict(images))
    return yolo_detections(boxes, scores, score_threshold=score_threshold, format="xyxy", image_shape=(SIDE, SIDE))


def measure(objects: list[dict], found: list[dict]) -> dict[str, float]:
    """Mean AP at IoU 0.5 and over 0.5 .. 0.95; that of the boxes alone, whatever digit was read in them."""
    at_half = mean_average_precision(objects, found, iou_thresholds=[0.5]).mean
    blind = [[{**one, "classes": 0 * one["classes"]} for one in side] for side in (objects, found)]
    boxes = mean_average_precision(*blind, iou_thresholds=[0.5]).mean
    strict = mean_average_precision(objects, found).mean
    return {"ap50": round(at_half, 3), "ap": round(strict, 3), "boxes_ap50": round(boxes, 3)}


def draw(test: Scenes, found: list[dict], path: str) -> None:
    """The first scenes with their true boxes, gray, and those that were found, with the digit."""
    pairs = list(zip(test.objects, found, strict=False))
    plots.boxes_in_pictures(
        test.images[: len(pairs)],
        [np.concatenate([true["boxes"], own["boxes"]]) for true, own in pairs],
        labels=[[""] * len(true["boxes"]) + [f"{k}" for k in own["classes"]] for true, own in pairs],
        colours=[["gray"] * len(true["boxes"]) + ["tab:orange"] * len(own["boxes"]) for true, own in pairs],
        path=path,
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train small YOLOs that find digits.")
    parser.add_argument("--version", nargs="+", choices=["v1", "v2", "v3"], default=["v3"])
    parser.add_argument(
        "--folder", help="pictures in subfolders, one for each class, in place of scikit-learn's digits"
    )
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--out", default="yolo.png", help="where to save the picture, of the last version")
    parser.add_argument("--json", help="where to save what was measured")
    options = parser.parse_args(arguments)

    cutouts, labels, known = things(options.folder)
    made = scenes(cutouts[known], labels[known], options.scenes, size=SIDE, seed=0)
    test = scenes(cutouts[~known], labels[~known], 300, size=SIDE, seed=1)
    classes = int(labels.max()) + 1
    boxes = np.concatenate([one["boxes"] for one in made.objects])
    anchors = detection.anchor_boxes((boxes[:, 2:] - boxes[:, :2]) / SIDE, 2)
    print("anchors in pixels: " + ", ".join(f"{w:.1f} x {h:.1f}" for w, h in anchors * SIDE))
    rows, found = [], []
    for name in options.version:
        model, version = yolo_small(classes, (SIDE, SIDE, 1), version=name), version_of(name, anchors, classes)
        start = time.process_time()
        train(model, version, made, epochs=options.epochs)
        seconds = time.process_time() - start
        rows.append({"version": name, **measure(test.objects, find(model, version, test.images, 0.01))})
        rows[-1]["processor_seconds"] = round(seconds)
        found = find(model, version, test.images[:8], 0.5)
        print(f"{name}, 300 scenes of what it has not seen: mean AP at IoU 0.5 {rows[-1]['ap50']:.3f},", end=" ")
        print(f"over 0.5 .. 0.95 {rows[-1]['ap']:.3f}, of boxes alone at 0.5 {rows[-1]['boxes_ap50']:.3f};", end=" ")
        print(f"{seconds:.0f} s of processor time")
    draw(test, found, options.out)
    print(f"picture, true boxes gray: {options.out}")
    if options.json:
        with open(options.json, "w") as file:
            about = {
                "date": f"{date.today()}",
                "numpy": np.__version__,
                "scenes": options.scenes,
                "epochs": options.epochs,
            }
            json.dump({**about, "rows": rows}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
