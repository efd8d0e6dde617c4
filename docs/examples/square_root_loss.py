"""What being 10 and 50 pixels off costs boxes of two widths, with and without the square root.

python docs/examples/square_root_loss.py --out square_root_loss.png
"""

import argparse

import numpy as np

from numpycnn import plots
from numpycnn.detection import square_root_box_loss

PICTURE = 400


def cost(width, off) -> np.ndarray:
    """The loss of boxes `width` pixels wide in a picture of 400 that are predicted `off` pixels wider."""
    width, off = np.broadcast_arrays(width, off)
    true, predicted = (np.stack([w * 0, w * 0, w / PICTURE, w * 0], axis=-1) for w in (width, width + off))
    return square_root_box_loss(true, predicted)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The square-root loss of widths.")
    parser.add_argument("--out", default="square_root_loss.png", help="where to save the picture")
    out = parser.parse_args(arguments).out

    print("width  off  without root  with root")
    for width in (200, 50):
        for off in (10, 50):
            print(f"{width:5} {off:4}  {(off / PICTURE) ** 2:12.2e} {cost(width, off):10.2e}")
    off = np.arange(0, 61)
    curves = {f"{width} pixels wide": cost(width, off) for width in (50, 100, 200)}
    curves["without the root"] = (off / PICTURE) ** 2
    plots.curves(off, curves, xlabel="pixels off, of 400", ylabel="loss of the width", path=out)
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
