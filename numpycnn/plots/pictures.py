"""Images as they are, their feature maps, classes of pixels and boxes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from numpycnn.detection.boxes import convert_boxes
from numpycnn.ops.arguments import IMAGES, check_rank, fail
from numpycnn.plots.figures import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["boxes_in_pictures", "class_maps", "contact_sheet", "feature_maps"]


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


def class_maps(images, maps: dict[str, np.ndarray], num_classes: int, *, path=None) -> "Figure":
    """One row for each image: itself, then each of its maps with a colour for each class, class 0 black.

    Args:
        images: (batch, height, width, 1 or 3), uint8 or 0 .. 1.
        maps: class numbers (batch, height, width) in [0, num_classes), by the title of their column.
        path: as in `feature_maps`.

    Returns: the figure.   Raises: as `feature_maps`.
    """
    images = np.asarray(images)
    check_rank("class_maps", IMAGES, images=images)
    if not images.size:
        fail("class_maps", "there must be at least one image and pixel", images=images)
    for title, numbers in maps.items():
        numbers = np.asarray(numbers)
        if numbers.shape != images.shape[:3] or numbers.min() < 0 or numbers.max() >= num_classes:
            rule = f"{title} must hold a class number in [0, {num_classes}) for each pixel of the images"
            fail("class_maps", rule, images=images, maps=numbers)
    from matplotlib import colormaps

    hues = np.linspace(0, 1, max(num_classes - 1, 1), endpoint=False)
    palette = np.concatenate([np.zeros((1, 3)), colormaps["hsv"](hues)[:, :3]])
    pictures = [images, *(palette[np.asarray(numbers)] for numbers in maps.values())]
    return _grid(
        list(zip(*pictures, strict=True)), ["image", *maps], aspect=images.shape[1] / images.shape[2], path=path
    )


def contact_sheet(rows, titles: Sequence[str], *, path=None) -> "Figure":
    """Rows of pictures, the title of each row at its left.

    Args:
        rows: for each row (n, height, width, 1 or 3), uint8 or 0 .. 1; n may differ from row to row.
        titles: one for each row.   path: as in `feature_maps`.

    Returns: the figure.   Raises: as `feature_maps`.
    """
    rows = [np.asarray(row) for row in rows]
    columns = max(map(len, rows), default=0)
    if not columns or len(titles) != len(rows):
        fail("contact_sheet", f"there must be rows of pictures, and a title for each; got {len(titles)}", rows=rows)
    for row in rows:
        check_rank("contact_sheet", IMAGES, rows=row)
    aspect = rows[0].shape[1] / rows[0].shape[2]
    figure = new_figure("contact_sheet", figsize=(columns + 0.8, (aspect + 0.05) * len(rows)))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for i, row in enumerate(rows):
        for axis, picture in zip(axes[i], row, strict=False):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255 if row.dtype == np.uint8 else 1, interpolation="nearest")
        for axis in axes[i]:
            axis.set(xticks=[], yticks=[], frame_on=False)
        axes[i, 0].set_ylabel(titles[i], rotation=0, ha="right", va="center", fontsize=9, parse_math=False)
    return saved(figure, path)


def boxes_in_pictures(
    images, boxes, *, labels=None, colours=None, format: str = "xyxy", titles=None, columns: int = 4, path=None
) -> "Figure":
    """Pictures in rows, each with its boxes drawn into it.

    Args:
        images: (batch, height, width, 1 or 3), uint8 or 0 .. 1; they may be of one picture several times.
        boxes: for each picture (n, 4) in `format`; rel_ formats are those of the picture.
        labels: for each picture a word for each box, written above it; or None.
        colours: for each picture a colour for each box, as matplotlib names it; or None for one colour.
        titles: one for each picture; or None.
        columns: how many pictures stand side by side.
        path: as in `feature_maps`.

    Returns: the figure.   Raises: as `feature_maps`.
    """
    images = np.asarray(images)
    check_rank("boxes_in_pictures", IMAGES, images=images)
    if not len(images) or len(boxes) != len(images):
        fail("boxes_in_pictures", f"there must be pictures, and boxes for each; got {len(boxes)} lists", images=images)
    height, width = images.shape[1:3]
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure("boxes_in_pictures", figsize=(2.4 * columns, (2.4 * height / width + 0.2) * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for i, axis in enumerate(axes):
        axis.set_axis_off()
        if i < len(images):
            axis.imshow(images[i], cmap="gray", interpolation="nearest", extent=(0, width, height, 0))
            axis.set_title("" if titles is None else titles[i], fontsize=9)
            own_labels = [""] * len(boxes[i]) if labels is None else labels[i]
            own_colours = ["tab:orange"] * len(boxes[i]) if colours is None else colours[i]
            _draw_boxes(
                axis, convert_boxes(boxes[i], format, "xywh", image_shape=(height, width)), own_labels, own_colours
            )
    return saved(figure, path)


def _draw_boxes(axis, boxes, labels, colours) -> None:
    from matplotlib.patches import Rectangle

    for (x, y, width, height), label, colour in zip(boxes, labels, colours, strict=True):
        axis.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=1.5))
        axis.text(x, y, label, fontsize=7, color=colour, verticalalignment="bottom")


def _checked(images, batch: int) -> np.ndarray:
    images = np.asarray(images)
    check_rank("feature_maps", IMAGES, images=images)
    if len(images) != batch or images.shape[3] != 3:
        fail("feature_maps", f"images must be {batch}, one for each row of maps, and RGB", images=images)
    return images


def _grid(rows, titles, *, aspect: float, path) -> "Figure":
    """Rows of pictures, the titles above the first."""
    figure = new_figure("feature_maps", figsize=(2.4 * len(titles), 2.4 * aspect * len(rows) + 0.3))
    axes = figure.subplots(len(rows), len(titles), squeeze=False)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            axes[i, j].imshow(picture, cmap="gray", interpolation="nearest")
            axes[i, j].set_axis_off()
            if i == 0:
                axes[i, j].set_title(titles[j], fontsize=9)
    return saved(figure, path)
