"""A figure of matplotlib: begun, and saved."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


def saved(figure, path) -> "Figure":
    if path is not None:
        figure.savefig(path, dpi=100)
    return figure
