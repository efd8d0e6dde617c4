"""Precision over recall of a detector that is often right, and the numbers that VOC and COCO make of the curve.

python docs/examples/average_precision.py --out precision_recall.png
"""

import argparse

import numpy as np

from numpycnn import plots
from numpycnn.detection import average_precision, mean_average_precision


def pictures(count: int = 10, objects: int = 4, seed: int = 1) -> tuple[list[dict], list[dict]]:
    """Objects of one class in pictures of 100 x 100, and what a detector says: shifted boxes, and some of nothing."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(count):
        corner, size = rng.uniform(0, 80, (objects, 2)), rng.uniform(10, 20, (objects, 2))
        boxes = np.concatenate([corner, size], axis=1)
        seen = boxes[rng.random(objects) < 0.9]
        shifted = seen + rng.normal(0, 0.8, seen.shape)
        nothing = np.concatenate([rng.uniform(0, 80, (3, 2)), rng.uniform(10, 20, (3, 2))], axis=1)
        scores = np.concatenate([rng.beta(4, 2, len(seen)), rng.beta(2, 4, 3)])
        truth.append({"boxes": boxes, "classes": np.zeros(objects, int)})
        found.append(
            {"boxes": np.concatenate([shifted, nothing]), "scores": scores, "classes": np.zeros(len(scores), int)}
        )
    return truth, found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Average precision of a simulated detector.")
    parser.add_argument("--out", default="precision_recall.png", help="where to save the picture")
    out = parser.parse_args(arguments).out

    truth, found = pictures()
    coco = mean_average_precision(truth, found, format="xywh")
    recall, precision = coco.curves[0, 0]
    for mode in ("voc11", "voc_all", "coco101"):
        print(f"{mode:8} at IoU 0.5: {average_precision(recall, precision, mode=mode):.4f}")
    print("COCO's mean over the thresholds", *(f"{t:.2f}: {ap:.3f} " for t, ap in coco.per_threshold.items()))
    print(f"mean average precision {coco.mean:.4f}, average recall {coco.recall:.4f}")
    plots.precision_recall(recall, precision, title="IoU at least 0.5", path=out)
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
