"""Convolve two photographs: the shapes of three paddings, the colours on average, and what two drawn filters see.

python docs/examples/photographs.py --out line_filters.png
"""

import argparse

import numpy as np

from numpycnn import ops, plots
from numpycnn.data import sample_photographs


def photographs() -> np.ndarray:
    """float32 (2, 70, 120, 3): the middles of the two photographs, scaled to 0 .. 1."""
    return ops.center_crop(sample_photographs().astype(np.float32), 70, 120) * np.float32(1 / 255)


def output_shapes(images: np.ndarray) -> dict[str, tuple[int, ...]]:
    """What 32 filters of 7x7 give with each kind of padding."""
    kernel = np.random.default_rng(0).normal(scale=0.1, size=(7, 7, 3, 32)).astype(np.float32)
    return {
        "valid": ops.conv2d(images, kernel).shape,
        "same": ops.conv2d(images, kernel, padding="same").shape,
        "same, stride 2": ops.conv2d(images, kernel, padding="same", strides=2).shape,
    }


def line_filters() -> np.ndarray:
    """(7, 7, 3, 2): a white vertical line on black, and a horizontal one, the same in each colour."""
    kernel = np.zeros((7, 7, 3, 2), np.float32)
    kernel[:, 3, :, 0] = 1
    kernel[3, :, :, 1] = 1
    return kernel


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Two photographs through convolutions.")
    parser.add_argument("--out", default="line_filters.png", help="where to save the picture")
    out = parser.parse_args(arguments).out

    images = photographs()
    for padding, shape in output_shapes(images).items():
        print(f"32 filters of 7x7, {padding}: {shape}")
    for name, colours in zip(("temple", "flower"), ops.global_avg_pool2d(images), strict=True):
        print(f"red, green and blue of the {name} on average:", *colours)
    maps = ops.conv2d(images, line_filters(), padding="same")
    plots.feature_maps(maps, images=images, titles=["vertical lines", "horizontal lines"], path=out)
    print(f"feature maps of the line filters: {out}")


if __name__ == "__main__":
    main()
