"""Pictures of plain arrays. Needs matplotlib (the extra `plots`), which is imported when a picture is made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numpycnn.detection.average_precision import interpolate_precision, sampled
from numpycnn.detection.boxes import convert_boxes
from numpycnn.ops.arguments import IMAGES, check_rank, fail

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from numpycnn.counting import Count, Timeline

__all__ = [
    "boxes_in_pictures",
    "class_maps",
    "confusion",
    "contact_sheet",
    "course_of_memory",
    "curves",
    "feature_maps",
    "precision_recall",
    "training_curves",
]


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
    return _saved(figure, path)


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
    return _saved(figure, path)


def _draw_boxes(axis, boxes, labels, colours) -> None:
    from matplotlib.patches import Rectangle

    for (x, y, width, height), label, colour in zip(boxes, labels, colours, strict=True):
        axis.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=1.5))
        axis.text(x, y, label, fontsize=7, color=colour, verticalalignment="bottom")


def precision_recall(recall, precision, *, title: str = "", path=None) -> "Figure":
    """Precision over recall as measured, and over it the best precision at each recall or above.

    Args: recall, precision: (n,) as in `detection.average_precision`; path: as in `feature_maps`.

    Returns: the figure.
    """
    recall, precision = (np.asarray(values, float) for values in (recall, precision))
    figure = new_figure("precision_recall", figsize=(5, 3.4))
    axis = figure.subplots()
    axis.plot(recall, precision, "o-", color="tab:gray", markersize=3, linewidth=1, label="precision")
    best = interpolate_precision(precision)
    axis.step(
        np.append(0, recall), np.append(best[:1], best), where="pre", color="tab:orange", label="best from here on"
    )
    points = np.arange(11) / 10
    axis.plot(points, sampled(recall, best, points), "x", color="tab:blue", label="the eleven points of VOC")
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05), title=title)
    axis.legend(fontsize=8, loc="lower left")
    return _saved(figure, path)


def curves(x, named: dict, *, xlabel: str = "", ylabel: str = "", turn: float | None = None, path=None) -> "Figure":
    """Lines over one x, each by its name.

    Args: x: (n,); named: (n,) values by name; turn: an x at which something changes, as a dotted line; path: as in
        `feature_maps`.

    Returns: the figure.
    """
    figure = new_figure("curves", figsize=(5, 3.4))
    axis = figure.subplots()
    for name, values in named.items():
        axis.plot(x, values, label=name)
    if turn is not None:
        axis.axvline(turn, color="gray", linewidth=0.8, linestyle=":")
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.legend(fontsize=8)
    return _saved(figure, path)


def course_of_memory(counted: "Count", timeline: "Timeline", *, path=None) -> "Figure":
    """Memory over a step of training, forward and back, and below it where along the depth the costs lie.

    Args: counted, timeline: of the same model with the same options; path: as in `feature_maps`.

    Returns: the figure.
    """
    figure = new_figure("course_of_memory", figsize=(9, 8))
    first, *others = figure.subplots(4, 1, height_ratios=(3, 1, 1, 1))
    low, high = ([moment.bytes / 1e6 for moment in course] for course in (timeline.train_low, timeline.train_high))
    steps = range(len(low))
    first.fill_between(steps, low, high, color="tab:blue", alpha=0.25, linewidth=0, label="training, lean to full")
    first.plot(steps, low, color="tab:blue", linewidth=1)
    predict = [moment.bytes / 1e6 for moment in timeline.predict]
    first.plot(predict, color="tab:orange", linewidth=1.2, label="predicting")
    turn = next(i for i, moment in enumerate(timeline.train_low) if moment.phase in ("backward", "update"))
    first.axvline(turn - 0.5, color="gray", linewidth=0.8, linestyle=":")
    first.set(ylabel="MB (10^6 bytes)", ylim=(0, None), xlim=(0, len(low) - 1))
    first.set(title=f"{counted.model}, batch of {counted.batch_size}, {counted.dtype}: forward, then back")
    first.legend(fontsize=8, loc="upper left")
    figures = {
        "parameters": [row.params for row in counted.layers],
        "MACs": [row.macs for row in counted.layers],
        "output, MB": [row.output_bytes / 1e6 for row in counted.layers],
    }
    for axis, (name, values) in zip(others, figures.items(), strict=True):
        axis.bar(range(len(values)), [float(value) for value in values], width=1.0, color="tab:gray")
        axis.set(ylabel=name, xlim=(-0.5, max(len(values) - 0.5, 0.5)))
    others[-1].set(xlabel="layers in the order of the model")
    return _saved(figure, path)


def training_curves(history: Sequence[dict[str, Any]], *, path=None) -> "Figure":
    """A panel for each figure of a training run over its epochs, what is trained on and what is validated on together.

    Args: history: a dict for each epoch, as training.Trained.history: val_loss goes with loss, and so on.
        path: a file to save the picture in, its format taken from the name; or None.

    Returns: the figure.   Raises: ValueError without an epoch; ImportError where matplotlib is not installed.
    """
    if not history:
        fail("training_curves", "there must be at least one epoch", history=history)
    names = [name for name in history[0] if name != "epoch" and not name.startswith("val_")]
    columns = min(len(names), 4)
    rows = -(-len(names) // columns)
    figure = new_figure("training_curves", figsize=(4 * columns, 3.2 * rows))
    epochs = [row["epoch"] for row in history]
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(names) :]:
        axes.remove()
    for axes, name in zip(panels, names, strict=False):
        for key, label in ((name, "train"), (f"val_{name}", "validation")):
            if key in history[0]:
                axes.plot(epochs, [row[key] for row in history], marker=".", label=label)
        axes.set(title=name.replace("_", " "), xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    return _saved(figure, path)


def confusion(matrix, class_names: Sequence[str] | None = None, *, path=None) -> "Figure":
    """A confusion matrix: true classes downwards, given ones to the right, the darker the larger a part of its row.

    Args:
        matrix: (classes, classes), how many examples of class i were called class j.
        class_names: one for each class; None for their numbers. Counts are written in up to 20 classes, names to 60.
        path: as in `feature_maps`.

    Returns: the figure.   Raises: as `feature_maps`.
    """
    matrix = np.asarray(matrix)
    count = len(matrix) if matrix.ndim else 0
    if not count or matrix.shape != (count, count):
        fail("confusion", "matrix must have the axes (classes, classes)", matrix=matrix)
    names = [str(i) for i in range(count)] if class_names is None else list(class_names)
    if len(names) != count:
        fail("confusion", f"class_names must name each of {count} classes; got {len(names)}")
    parts = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 1.5 + min(0.45 * count, 12)
    figure = new_figure("confusion", figsize=(side, side))
    axis = figure.subplots()
    axis.imshow(parts, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axis.set(xlabel="class given", ylabel="true class")
    if count <= 60:
        axis.set_xticks(range(count), names, rotation=90, fontsize=7, parse_math=False)
        axis.set_yticks(range(count), names, fontsize=7, parse_math=False)
    for i, j in np.argwhere(matrix) if count <= 20 else ():
        colour = "white" if parts[i, j] > 0.5 else "black"
        number = str(matrix[i, j])
        axis.text(j, i, number, fontsize=7, color=colour, horizontalalignment="center", verticalalignment="center")
    return _saved(figure, path)


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
    return _saved(figure, path)


def _saved(figure, path) -> "Figure":
    if path is not None:
        figure.savefig(path, dpi=100)
    return figure


def new_figure(op: str, **options) -> "Figure":
    """An empty figure; ImportError naming `op` where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            f"{op}: pictures are made with matplotlib, which is not installed; "
            "pip install numpycnn-reference[plots] installs it."
        ) from None
    return Figure(layout="constrained", **options)
