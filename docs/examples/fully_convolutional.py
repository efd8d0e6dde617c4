"""Digits found by a classifier, window by window and in one pass: the same boxes, and what each costs.

The classifier is not trained: it compares a window, halved in size, with the mean picture of each digit and of nothing.

python docs/examples/fully_convolutional.py --out fully_convolutional.png
"""

import argparse
import time

import numpy as np

from numpycnn import count, plots
from numpycnn.data import sample_digits, scenes
from numpycnn.detection import cell_windows, non_max_suppression, slide
from numpycnn.layers import AveragePooling2D, Dense, Flatten, Input
from numpycnn.models import Sequential, fashion_mnist, to_fully_convolutional

SIDE, SIZE = 16, (64, 96)


def nearest_mean(digits, labels) -> Sequential:
    """A network for 16x16: softmax of -10 * the squared distance to each of 11 means, the last that of nothing."""
    means = np.stack([*(digits[labels == k].mean(axis=0).ravel() for k in range(10)), np.zeros(64)])
    model = Sequential(
        [Input((SIDE, SIDE, 1)), AveragePooling2D(2), Flatten(), Dense(11, activation="softmax", name="nearest")],
        name="nearest_mean",
    )
    model.variables["nearest/kernel"].assign(20 * means.T)  # -10 * |x - m|^2, less what all have in common
    model.variables["nearest/bias"].assign(-10 * (means**2).sum(axis=1))
    return model


def detect(probabilities, windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The boxes, classes and scores that are left of all cells: what is nothing has no score."""
    best = probabilities[..., :10].reshape(-1, 10)
    boxes, classes, scores = windows.reshape(-1, 4), best.argmax(axis=1), best.max(axis=1)
    kept = non_max_suppression(boxes, scores, iou_threshold=0.1, score_threshold=0.5)
    return boxes[kept], classes[kept], scores[kept]


def timed(function) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="A sliding window, and one pass of a fully convolutional network.")
    parser.add_argument("--out", default="fully_convolutional.png", help="where to save the picture")
    out = parser.parse_args(arguments).out

    digits, labels = sample_digits()
    scene = scenes(
        digits, labels, 1, size=SIZE, things=(6, 6), sides=(SIDE, SIDE), noise=0.02, most_overlap=0.0, seed=4
    )
    model = nearest_mean(digits, labels)
    one_pass = to_fully_convolutional(model, (*SIZE, 1))
    windows = cell_windows(one_pass)
    slid, slow = timed(lambda: slide(model, scene.images, 2))
    passed, fast = timed(lambda: one_pass.predict(scene.images))

    found = [detect(probabilities[0], windows) for probabilities in (slid, passed)]
    same = all(np.allclose(a, b, atol=1e-5) for a, b in zip(*found, strict=True))
    places = windows.shape[0] * windows.shape[1]
    macs = places * count(model).macs, count(one_pass).macs
    print(f"{places} windows of {SIDE}x{SIDE} in a picture of {SIZE[0]}x{SIZE[1]}, 2 pixels apart")
    print(f"boxes after non-max suppression: {len(found[0][0])} and {len(found[1][0])}, the same: {same}")
    print(f"MACs: {macs[0]:,} and {macs[1]:,}; seconds: {slow:.3f} and {fast:.4f}, {slow / fast:.0f} times")
    deep = fashion_mnist(input_shape=(28, 28, 1))
    whole = to_fully_convolutional(deep, (64, 96, 1))
    places = whole.outputs[0].shape[0] * whole.outputs[0].shape[1]
    macs = places * count(deep).macs, count(whole).macs
    ratio = macs[0] / macs[1]
    print(f"fashion_mnist on it, {places} windows: {macs[0]:,} MACs and {macs[1]:,}, {ratio:.1f} times")
    plots.boxes_in_pictures(
        np.repeat(scene.images, 2, axis=0),
        [boxes for boxes, _, _ in found],
        labels=[[f"{k}" for k in classes] for _, classes, _ in found],
        titles=["window by window", "one pass"],
        columns=2,
        path=out,
    )
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
