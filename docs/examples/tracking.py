"""Digits that move and cross, found by their ink and followed with a Kalman filter each.

python docs/examples/tracking.py --out tracking.gif
"""

import argparse

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from numpycnn.data import moving_scene, sample_digits
from numpycnn.detection import track_boxes, tracking_metrics

COLOURS = ["#ff6b6b", "#4dd0e1", "#ffd54f", "#81c784", "#ba68c8", "#ff8a65", "#7986cb", "#f06292"]
ZOOM = 3


def ink(image: np.ndarray) -> np.ndarray:
    """Boxes (n, 4), xyxy, of what hangs together in an image (height, width): digits that touch are one."""
    light = image > 0.15
    parts = np.zeros(light.shape, np.int32)
    ndimage.label(ndimage.binary_dilation(light, np.ones((3, 3))), output=parts)
    found = [np.argwhere(light & (parts == i + 1)) for i in range(parts.max())]
    return np.array([[*part.min(axis=0)[::-1], *part.max(axis=0)[::-1] + 1] for part in found], float).reshape(-1, 4)


def drawn(image: np.ndarray, found: dict, paths: dict[int, list]) -> Image.Image:
    """A frame with the boxes of its tracks, and where each track was."""
    frame = Image.fromarray((image * 160).astype(np.uint8)).convert("RGB")
    frame = frame.resize((frame.width * ZOOM, frame.height * ZOOM))
    pen = ImageDraw.Draw(frame)
    for name, box in zip(found["ids"].tolist(), found["boxes"] * ZOOM, strict=True):
        colour = COLOURS[name % len(COLOURS)]
        path = paths.setdefault(name, [])
        path.append(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
        pen.line(path[-20:], fill=colour)
        pen.rectangle(box.tolist(), outline=colour)
        pen.text((box[0] + 2, box[1]), str(name), fill=colour)
    return frame.quantize(24, dither=Image.Dither.NONE)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Track digits that cross.")
    parser.add_argument("--out", default="tracking.gif", help="where to save the animated picture")
    parser.add_argument("--seed", type=int, default=6, help="of the scene")
    options = parser.parse_args(arguments)

    scene = moving_scene(*sample_digits(), 60, size=(80, 120), things=3, seed=options.seed)
    found = [ink(image) for image in scene.images[..., 0]]
    print(f"{sum(len(one['ids']) for one in scene.objects)} digits in {len(found)} frames,", end=" ")
    print(f"{sum(map(len, found))} pieces of ink")
    for max_age in (1, 12):
        tracks = track_boxes(found, max_age=max_age)
        result = tracking_metrics(scene.objects, tracks)
        print(
            f"max_age {max_age:2}: MOTA {result.mota:.3f}, IDF1 {result.idf1:.3f}, switches {result.switches},", end=" "
        )
        print(f"misses {result.misses}, false {result.false_positives}")
    paths = {}
    frames = [drawn(image, one, paths) for image, one in zip(scene.images[..., 0], tracks, strict=True)]
    frames[0].save(options.out, save_all=True, append_images=frames[1:], duration=80, loop=0)
    print(f"picture: {options.out}")


if __name__ == "__main__":
    main()
