"""One value of a pooling: maximum, average, over depth."""

import numpy as np

from numpycnn import ops
from numpycnn.explanations.explanation import Explanation, Grid, Section, number_text, place_text
from numpycnn.explanations.sliding import Place, check_at, index_text, input_grid, output_grid, places, size_section
from numpycnn.ops.arguments import floating
from numpycnn.ops.depth_pooling import depth_window
from numpycnn.ops.pooling import pool_window
from numpycnn.ops.windows import Window

__all__ = ["avg_pool2d", "depth_max_pool", "max_pool2d"]


def max_pool2d(x, *, at=None, dy=None, pool_size=2, strides=None, padding="valid") -> Explanation:
    """One value of `ops.max_pool2d`: the window, its first maximum, and who gets the gradient.

    Args: as `ops.max_pool2d`; at: (row, column, channel); dy: the gradient by the output, None for ones.

    Raises: as `ops.max_pool2d`; ValueError for a place outside of the output.
    """
    (x,) = floating("max_pool2d", x=x)
    window = pool_window("max_pool2d", x, pool_size, strides, padding)
    y = ops.max_pool2d(x, pool_size, strides=strides, padding=padding)
    i, j, c = at = check_at("max_pool2d", at, y.shape[1:])
    dy = np.ones_like(y) if dy is None else dy
    dx = ops.max_pool2d_backward(dy, x, pool_size, strides=strides, padding=padding)
    names = [_name(place, c) for place in places(window, i, j)]
    values = [float(x[0, p.row, p.column, c]) if p.real else None for p in places(window, i, j)]
    first = _first_largest(values)
    return Explanation(
        op="max_pool2d",
        formula=f"y[i,j,c] = max over a,b of x[{_steps(window)}, c], where that pixel exists",
        value=float(y[0][at]),
        at=at,
        output_shape=y.shape[1:],
        sections=(
            size_section(window, padding),
            _largest_section("pixel", names, values, at, y, dy),
            Section(
                title="The gradient",
                lines=(
                    f"dy = {number_text(float(dy[0][at]))} there goes whole to the first maximum in row order;"
                    " the others of the window get nothing from it",
                ),
            ),
            *_received(
                window, places(window, i, j)[first], c, dy, dx, lambda i, j, a, b: _takes(x, window, i, j, c, a, b)
            ),
        ),
        panels=_panels(x, y, window, at, first),
    )


def avg_pool2d(x, *, at=None, dy=None, pool_size=2, strides=None, padding="valid", count_include_pad=False):
    """One value of `ops.avg_pool2d`: the window, what its sum is divided by, and the equal shares of the gradient.

    Args: as `ops.avg_pool2d`; at, dy: as `max_pool2d`.   Raises: as `max_pool2d`.
    """
    (x,) = floating("avg_pool2d", x=x)
    window = pool_window("avg_pool2d", x, pool_size, strides, padding)
    options = {"strides": strides, "padding": padding, "count_include_pad": count_include_pad}
    y = ops.avg_pool2d(x, pool_size, **options)
    i, j, c = at = check_at("avg_pool2d", at, y.shape[1:])
    dy = np.ones_like(y) if dy is None else dy
    dx = ops.avg_pool2d_backward(dy, x, pool_size, **options)
    seen = places(window, i, j)
    real = [place for place in seen if place.real]

    def count(i, j):
        return len(seen) if count_include_pad else sum(place.real for place in places(window, i, j))

    total = sum(float(x[0, place.row, place.column, c]) for place in real)
    share = float(dy[0][at]) / count(i, j)
    rows = tuple(
        (_name(p, c), float(x[0, p.row, p.column, c]) if p.real else 0.0, share if p.real else "nobody there")
        for p in seen
    )
    counted = "all taps, padding as zeros" if count_include_pad else "the pixels that the window really holds"
    return Explanation(
        op="avg_pool2d",
        formula=f"y[i,j,c] = 1/count * sum over a,b of x[{_steps(window)}, c]; count: {counted}",
        value=float(y[0][at]),
        at=at,
        output_shape=y.shape[1:],
        sections=(
            size_section(window, padding),
            Section(
                title=f"What stands behind y{place_text(at)}",
                headings=("pixel", "value", "receives"),
                rows=rows,
                results=(
                    f"{number_text(total)} / {count(i, j)} = {number_text(float(y[0][at]))} = y{place_text(at)}",
                    f"each pixel gets dy / {count(i, j)} = {number_text(share)} of the gradient",
                ),
            ),
            *_received(window, real[len(real) // 2], c, dy, dx, lambda i, j, a, b: 1 / count(i, j)),
        ),
        panels=_panels(x, y, window, at, None),
    )


def depth_max_pool(x, *, pool_size, at=None, dy=None, strides=None, padding="valid") -> Explanation:
    """One value of `ops.depth_max_pool`: the largest of neighbouring channels of one pixel.

    Args: as `ops.depth_max_pool`; at, dy: as `max_pool2d`.   Raises: as `max_pool2d`.
    """
    (x,) = floating("depth_max_pool", x=x)
    window = depth_window("depth_max_pool", x, pool_size, strides, padding)
    y = ops.depth_max_pool(x, pool_size, strides=strides, padding=padding)
    i, j, d = at = check_at("depth_max_pool", at, y.shape[1:])
    dy = np.ones_like(y) if dy is None else dy
    seen = places(window, 0, d)
    values = [float(x[0, i, j, place.column]) if place.real else None for place in seen]
    names = [f"x[{i}, {j}, {place.column}]" if place.real else "padding" for place in seen]
    first = _first_largest(values)
    channels = input_grid(f"x[{i}, {j}, :], the channels of a pixel", x[0, i, j][None], window, 0, d)
    channels.roles[0, seen[first].column - channels.first[1]] = "winner"
    return Explanation(
        op="depth_max_pool",
        formula=f"y[i,j,d] = max over a of x[i, j, {index_text(window.columns, 'd', 'a')}], where that channel exists",
        value=float(y[0][at]),
        at=at,
        output_shape=y.shape[1:],
        sections=(
            size_section((window.columns,), padding, ("channels",)),
            _largest_section("channel", names, values, at, y, dy),
            Section(
                title="The gradient",
                lines=(f"dy = {number_text(float(dy[0][at]))} there goes whole to the first largest channel",),
            ),
        ),
        panels=((channels,), (output_grid(f"y[{i}, {j}, :]", y[0, i, j][None], 0, d),)),
    )


def _first_largest(values) -> int:
    """The first of the largest numbers; None and NaN never win."""
    known = [-np.inf if value is None or np.isnan(value) else value for value in values]
    best = max(k for k in known)
    return next(k for k, value in enumerate(known) if value == best and values[k] is not None)


def _largest_section(heading: str, names, values, at, y, dy) -> Section:
    """What a maximum chooses from; the gradient goes to the first of the largest."""
    first, slope = _first_largest(values), dy[0][at]
    named = enumerate(zip(names, values, strict=True))
    return Section(
        title=f"What stands behind y{place_text(at)}",
        headings=(heading, "value", "", "receives"),
        rows=tuple(_maximum_row(name, value, k == first, slope) for k, (name, value) in named),
        results=(f"y{place_text(at)} = {number_text(float(y[0][at]))}, the largest",),
    )


def _maximum_row(name: str, value, wins: bool, slope) -> tuple:
    if value is None:
        return name, "never wins", "", "nobody there"
    return name, value, "first largest" if wins else "", float(slope) if wins else 0.0


def _takes(x, window: Window, i: int, j: int, c: int, a: int, b: int) -> float:
    """1 where tap (a, b) is the first maximum of window (i, j), else 0."""
    seen = places(window, i, j)
    first = seen[_first_largest([float(x[0, p.row, p.column, c]) if p.real else None for p in seen])]
    return float((first.a, first.b) == (a, b))


def _received(window: Window, pixel: Place, c: int, dy, dx, share) -> list[Section]:
    """Who gives gradient to one pixel."""
    name = f"x[{pixel.row}, {pixel.column}, {c}]"
    rows = tuple(
        (f"y[{i}, {j}, {c}]", float(dy[0, i, j, c]), share(i, j, a, b), float(dy[0, i, j, c] * share(i, j, a, b)))
        for i, a in window.rows.readers(pixel.row)
        for j, b in window.columns.readers(pixel.column)
    )
    return [
        Section(
            title=f"All that {name} receives: from every window that holds it",
            headings=("from", "dy", "share", "product"),
            rows=rows,
            results=(f"d{name} = {number_text(float(dx[0, pixel.row, pixel.column, c]))}",),
        )
    ]


def _name(place: Place, channel: int) -> str:
    return f"x[{place.row}, {place.column}, {channel}]" if place.real else "padding"


def _steps(window: Window) -> str:
    return f"{index_text(window.rows, 'i', 'a')}, {index_text(window.columns, 'j', 'b')}"


def _panels(x, y, window: Window, at, winner: int | None) -> tuple[tuple[Grid, ...], ...]:
    i, j, c = at
    grid = input_grid(f"x[:, :, {c}]", x[0, :, :, c], window, i, j)
    if winner is not None:
        place = places(window, i, j)[winner]
        grid.roles[place.row - grid.first[0], place.column - grid.first[1]] = "winner"
    return (grid,), (output_grid(f"y[:, :, {c}]", y[0, :, :, c], i, j),)
