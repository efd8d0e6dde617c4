"""Numbers over a course, and a confusion matrix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numpycnn.detection.average_precision import interpolate_precision, sampled
from numpycnn.ops.arguments import fail
from numpycnn.plots.figures import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from numpycnn.counting import Count, Timeline

__all__ = ["confusion", "course_of_memory", "curves", "precision_recall", "training_curves"]


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
    return saved(figure, path)


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
    return saved(figure, path)


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
    return saved(figure, path)


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
    return saved(figure, path)


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
    return saved(figure, path)
