"""Pictures of an explanation. Needs matplotlib (the extra `plots`), which is imported when a picture is made."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill as wrap
from typing import TYPE_CHECKING

import numpy as np

from numpycnn.explanations.explanation import ROLES, Boxes, Explanation, Grid, number_text, place_text
from numpycnn.ops.arguments import fail
from numpycnn.plots.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "draw_frames"]

COLOURS = {
    "plain": "#ffffff",
    "padding": "#eceff3",
    "window": "#9fd0f5",
    "padded": "#cfe0ee",
    "chosen": "#ffb366",
    "winner": "#7fd6a0",
    "unread": "#ffffff",
    "other": "#f4f4f4",
}
CELL = 0.42
"""Inches of a cell's side."""


def draw(explanation: Explanation, *, path=None) -> "Figure":
    """The panels of an explanation as a picture.

    Args: path: a file to save it in, its format taken from the name, as .png or .svg; or None.

    Returns: the figure.   Raises: ValueError for an explanation without panels; ImportError without matplotlib.
    """
    if not explanation.panels:
        fail("draw", f"{explanation.op} has nothing to draw for this input")
    figure = _figure(explanation)
    if path is not None:
        figure.savefig(path, dpi=110)
    return figure


def draw_frames(explanations: Sequence[Explanation], *, path, milliseconds: int = 450) -> None:
    """Explanations one after another as an animated GIF, for so long each.

    Raises: as `draw`; ValueError where there are none.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    if not explanations:
        fail("draw_frames", "there must be an explanation to draw")
    pictures = []
    for explanation in explanations:
        figure = draw(explanation)
        figure.set_dpi(80)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]))
    size = pictures[0].size
    first, *others = (picture.resize(size).quantize(48) for picture in pictures)
    first.save(Path(path), save_all=True, append_images=others, duration=milliseconds, loop=0)


def _figure(explanation: Explanation) -> "Figure":
    rows = explanation.panels
    sizes = [[_inches(panel) for panel in row] for row in rows]
    width = max(sum(w for w, _ in row) for row in sizes)
    heights = [max(h for _, h in row) for row in sizes]
    figure = new_figure("draw", figsize=(max(width, 3.6), sum(heights) + 0.8))
    parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False).ravel()
    for part, row, own in zip(parts, rows, sizes, strict=True):
        columns = part.subplots(1, len(row), squeeze=False, width_ratios=[w for w, _ in own])[0]
        for axis, panel in zip(columns, row, strict=True):
            _draw_boxes(axis, panel) if isinstance(panel, Boxes) else _draw_grid(axis, panel)
    place = f", the value at {place_text(explanation.at)}: {number_text(explanation.value)}" if explanation.at else ""
    figure.suptitle(f"{explanation.op}{place}", fontsize=10)
    figure.supxlabel(_legend(explanation), fontsize=7, color="#57606a")
    return figure


def _inches(panel: Grid | Boxes) -> tuple[float, float]:
    if isinstance(panel, Boxes):
        return 4.2, 4.0
    rows, columns = panel.values.shape
    return max(columns * CELL, 1.5) + 0.4, rows * CELL + 0.6


def _draw_grid(axis: "Axes", grid: Grid) -> None:
    from matplotlib.patches import Rectangle

    (top, left), (rows, columns) = grid.first, grid.values.shape
    for i, j in np.ndindex(rows, columns):
        role, corner = str(grid.roles[i, j]), (left + j - 0.5, top + i - 0.5)
        dashed = role in ("padding", "padded")
        style = {"linestyle": ":" if dashed else "-", "hatch": "////" if role == "unread" else None}
        axis.add_patch(Rectangle(corner, 1, 1, facecolor=COLOURS[role], edgecolor="#9aa4b0", linewidth=0.6, **style))
        colour = "#8c959f" if dashed or role in ("other", "unread") else "#1b1f24"
        text = _cell_text(float(grid.values[i, j]))
        axis.text(left + j, top + i, text, ha="center", va="center", fontsize=8 if len(text) < 5 else 5.5, color=colour)
    marked = sorted(grid.starts)
    axis.scatter([j - 0.38 for _, j in marked], [i - 0.38 for i, _ in marked], s=3, color="#cf222e", zorder=3)
    axis.set(xlim=(left - 0.6, left + columns - 0.4), ylim=(top + rows - 0.4, top - 0.6), aspect="equal")
    axis.set_xticks(range(left, left + columns))
    axis.set_yticks(range(top, top + rows))
    axis.tick_params(length=0, pad=1, labelsize=5)
    for side in axis.spines.values():
        side.set_visible(False)
    part = "" if grid.of is None else f"\npart of {grid.of[0]}x{grid.of[1]}"
    axis.set_title(grid.title + part, fontsize=8)


def _cell_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e5 else f"{value:.3g}"


def _draw_boxes(axis: "Axes", panel: Boxes) -> None:
    from matplotlib.patches import Rectangle

    colours = {"chosen": "#bc4c00", "window": "#0969da"}
    for (x1, y1, x2, y2), label, role in zip(panel.boxes, panel.labels, panel.roles, strict=True):
        colour, dashed = colours.get(role, "#8c959f"), role == "other"
        style = {"facecolor": (*_rgb(colour), 0.12), "edgecolor": colour, "linestyle": "--" if dashed else "-"}
        axis.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, **style))
        axis.text(x1, y1, label, color=colour, fontsize=7, va="bottom")
    low, high = panel.boxes[:, :2].min(axis=0), panel.boxes[:, 2:].max(axis=0)
    more = 0.06 * max(high - low)
    axis.set(xlim=(low[0] - more, high[0] + more), ylim=(high[1] + more, low[1] - 2 * more), aspect="equal")
    axis.tick_params(labelsize=6)
    axis.set_title(panel.title, fontsize=8)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def _legend(explanation: Explanation) -> str:
    grids = [panel for row in explanation.panels for panel in row if isinstance(panel, Grid)]
    used = {role for grid in grids for role in grid.roles.ravel()}
    words = {"window": "blue", "padded": "pale blue", "padding": "dotted", "chosen": "orange", "winner": "green",
             "unread": "hatched", "other": "gray"}  # fmt: skip
    parts = [f"{words[role]}: {about}" for role, about in ROLES.items() if role in used and role in words]
    if any(grid.starts for grid in grids):
        parts.append("red dot: a window begins here")
    wide = max(sum(_inches(panel)[0] for panel in row) for row in explanation.panels)
    return wrap("; ".join(parts), width=max(40, int(wide * 16)))
