"""Pictures of plain arrays. Needs matplotlib (the extra `plots`), which is imported when a picture is made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from numpycnn.ops.arguments import IMAGES, check_rank, fail

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["feature_maps"]


def feature_maps(maps, *, images=None, titles: Sequence[str] | None = None, path=None) -> "Figure":
    """One row for each image, one gray picture for each of its feature maps: black its least value, white its most.

    Args:
        maps: (batch, height, width, channels) of any real dtype.
        images: the images they were made from, shown first in each row: (batch, any height, any width, 3), uint8
            or 0 .. 1; or None.
        titles: one for each channel, above the first row; "map 0", "map 1", ... where None.
        path: a file to save the picture in, its format taken from the name; or None.

    Returns: the figure, for further changes.

    Raises: ValueError where the arrays do not go together; ImportError where matplotlib is not installed.
    """
    maps = np.asarray(maps)
    check_rank("feature_maps", IMAGES, maps=maps)
    if maps.size == 0:
        fail("feature_maps", "there must be at least one image, pixel and channel", maps=maps)
    batch, height, width, channels = maps.shape
    titles = [f"map {k}" for k in range(channels)] if titles is None else list(titles)
    if len(titles) != channels:
        fail("feature_maps", f"titles must name each of the {channels} channels", titles=titles)
    rows = [[] for _ in range(batch)] if images is None else [[image] for image in _checked(images, batch)]
    if images is not None:
        titles = ["image", *titles]
    for row, of_one_image in zip(rows, maps, strict=True):
        row.extend(of_one_image[:, :, k] for k in range(channels))
    return _grid(rows, titles, aspect=height / width, path=path)


def _checked(images, batch: int) -> np.ndarray:
    images = np.asarray(images)
    check_rank("feature_maps", IMAGES, images=images)
    if len(images) != batch or images.shape[3] != 3:
        fail("feature_maps", f"images must be {batch}, one for each row of maps, and RGB", images=images)
    return images


def _grid(rows, titles, *, aspect: float, path) -> "Figure":
    """Rows of pictures, the titles above the first."""
    figure = _new_figure(figsize=(2.4 * len(titles), 2.4 * aspect * len(rows) + 0.3))
    axes = figure.subplots(len(rows), len(titles), squeeze=False)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            axes[i, j].imshow(picture, cmap="gray", interpolation="nearest")
            axes[i, j].set_axis_off()
            if i == 0:
                axes[i, j].set_title(titles[j], fontsize=9)
    if path is not None:
        figure.savefig(path, dpi=100)
    return figure


def _new_figure(**options) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "feature_maps: pictures are made with matplotlib, which is not installed; "
            "pip install numpycnn-reference[plots] installs it."
        ) from None
    return Figure(layout="constrained", **options)
