"""The chapter's flower with too many boxes: how much they overlap, who suppresses whom, and what is left.

python docs/examples/non_max_suppression.py --out non_max_suppression.png
"""

import argparse

import numpy as np

from numpycnn import plots
from numpycnn.data import sample_photographs
from numpycnn.detection import iou, non_max_suppression

BOXES = np.array(
    [
        [178, 85, 450, 358],
        [150, 60, 440, 365],
        [200, 110, 475, 380],
        [190, 50, 430, 300],
        [295, 362, 490, 427],
        [5, 5, 120, 90],
    ],
    float,
)
"""xyxy in pixels: four around the large flower, one around the small one, one on the dark ground."""

SCORES = np.array([0.94, 0.88, 0.81, 0.70, 0.55, 0.12])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Non-max suppression on a photograph.")
    parser.add_argument("--out", default="non_max_suppression.png", help="where to save the picture")
    out = parser.parse_args(arguments).out

    print("IoU of the best box with each:", *iou(BOXES[:1], BOXES)[0].round(3))
    told = non_max_suppression(BOXES, SCORES, iou_threshold=0.5, score_threshold=0.2, explain=True)
    print(told)
    flower = sample_photographs()[1]
    every, kept = np.arange(len(BOXES)), told.indices
    plots.boxes_in_pictures(
        np.stack([flower, flower]),
        [BOXES[every], BOXES[kept]],
        labels=[[f"{SCORES[i]:.2f}" for i in chosen] for chosen in (every, kept)],
        colours=[["white"] * len(chosen) for chosen in (every, kept)],
        titles=["six boxes", "after non-max suppression"],
        columns=2,
        path=out,
    )
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
