"""What a difference looks like: at the border only, in one channel, by a constant factor, shifted, transposed."""

import numpy as np

__all__ = ["pattern"]

MOST_SHIFT = 2


def pattern(ours: np.ndarray, theirs: np.ndarray, allowed: np.ndarray) -> str:
    """In a few words, how two arrays (batch, height, width, channels) or (batch, ...) of one shape differ.

    allowed: the largest difference, element by element, that rounding explains.

    >>> ours = np.arange(60.0).reshape(1, 5, 4, 3)
    >>> theirs = ours.copy()
    >>> theirs[:, -1] += 1
    >>> pattern(ours, theirs, np.full(ours.shape, 1e-6))
    '12 of 60 values, all in the last row'
    """
    allowed = np.broadcast_to(allowed, ours.shape)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(theirs - ours) <= allowed) & ~(np.isnan(theirs) & np.isnan(ours))
    if not wrong.any():
        return "no value differs"
    moved = _moved(ours, theirs, allowed)
    where = _where(wrong)
    count = f"{wrong.sum():,} of {wrong.size:,} values"
    text = "every value" if wrong.all() else count + (f", all in {where}" if where else "")
    return "; ".join([text, *moved])


def _where(wrong: np.ndarray) -> str:
    """The examples, channels or borders that hold all differences."""
    places = []
    if wrong.ndim == 4 and min(wrong.shape[1:3]) > 2 and not wrong[:, 1:-1, 1:-1].any():
        edges = {
            "the first row": wrong[:, 0, 1:-1],
            "the last row": wrong[:, -1, 1:-1],
            "the first column": wrong[:, 1:-1, 0],
            "the last column": wrong[:, 1:-1, -1],
        }
        hit = [name for name, edge in edges.items() if edge.any()]
        places.append("the border" if len(hit) == 4 else " or ".join(hit) or "the corners")
    channels = np.flatnonzero(wrong.any(axis=tuple(range(wrong.ndim - 1))))
    if wrong.ndim > 1 and len(channels) <= 3 < wrong.shape[-1]:
        places.append(_numbered("channel", channels))
    examples = np.flatnonzero(wrong.any(axis=tuple(range(1, wrong.ndim))))
    if len(examples) < wrong.shape[0]:
        places.append(_numbered("example", examples))
    return ", ".join(places)


def _numbered(name: str, indices) -> str:
    return f"{name}{'s' if len(indices) > 1 else ''} {', '.join(map(str, indices))}"


def _moved(ours, theirs, allowed) -> list[str]:
    """What turns all of ours into theirs."""
    found = []
    largest = allowed.max(initial=0)

    def same(a, b):
        return a.shape == b.shape and a.size > 1 and bool(np.all(np.abs(a - b) <= 4 * largest))

    finite = np.isfinite(ours) & np.isfinite(theirs)
    factor = _constant(theirs, ours, finite & (np.abs(ours) > 1e3 * largest), np.divide)
    if factor is not None and same(ours * factor, theirs):
        found.append(f"theirs are {factor:.6g} times ours")
    offset = _constant(theirs, ours, finite, np.subtract)
    if offset is not None and offset != 0 and same(ours + offset, theirs):
        found.append(f"theirs are ours {'+' if offset > 0 else '-'} {abs(offset):.6g}")
    if ours.ndim == 4:
        turns = {
            "rows and columns exchanged": ours.swapaxes(1, 2),
            "upside down": ours[:, ::-1],
            "left and right exchanged": ours[:, :, ::-1],
            "channels in reverse": ours[..., ::-1],
        }
        found += [text for text, turned in turns.items() if same(turned, theirs) and not same(ours, theirs)]
        found += _shift(ours, theirs, same)
    return found


def _constant(theirs, ours, where, ufunc) -> float | None:
    """The median of theirs / ours, or theirs - ours."""
    return float(np.median(ufunc(theirs[where], ours[where]))) if where.sum() > 1 else None


def _shift(ours, theirs, same) -> list[str]:
    height, width = ours.shape[1:3]
    for down in range(-MOST_SHIFT, MOST_SHIFT + 1):
        for right in range(-MOST_SHIFT, MOST_SHIFT + 1):
            if (down, right) == (0, 0) or height - abs(down) < 2 or width - abs(right) < 2:
                continue
            a = ours[:, max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
            b = theirs[:, max(0, down) : height - max(0, -down), max(0, right) : width - max(0, -right)]
            if same(a, b):
                return [f"shifted by {down} rows and {right} columns"]
    return []
