"""One value of a transposed convolution: the pixels that spread onto it."""

import numpy as np

from numpycnn import ops
from numpycnn.explanations.explanation import Explanation, Grid, Section, number_text, place_text
from numpycnn.explanations.sliding import check_at, index_text, input_grid, output_grid, tap_grid
from numpycnn.ops.arguments import floating
from numpycnn.ops.conv_transpose import conv2d_transpose_window
from numpycnn.ops.windows import Axis, Window

__all__ = ["conv2d_transpose"]


def conv2d_transpose(
    x,
    kernel,
    bias=None,
    *,
    at=None,
    dy=None,
    strides=1,
    padding="valid",
    output_padding=None,
    dilation_rate=1,
    groups=1,
) -> Explanation:
    """One value of `ops.conv2d_transpose`: which pixels spread onto it, through which taps.

    Args: as `ops.conv2d_transpose`; at: (row, column, filter); dy: the gradient by the output, None for ones.

    Raises: as `ops.conv2d_transpose`; ValueError for a place outside of the output.
    """
    op = "conv2d_transpose"
    x, kernel, bias = floating(op, x=x, kernel=kernel, bias=bias)
    window = conv2d_transpose_window(op, x, kernel, bias, strides, padding, output_padding, dilation_rate, groups)
    options = {"strides": strides, "padding": padding, "output_padding": output_padding}
    options |= {"dilation_rate": dilation_rate, "groups": groups}
    y = ops.conv2d_transpose(x, kernel, bias, **options)
    p, q, o = at = check_at(op, at, y.shape[1:])
    dy = np.ones_like(y) if dy is None else dy
    dx, *_ = ops.conv2d_transpose_backward(dy, x, kernel, **options)
    filters, channels = kernel.shape[2], kernel.shape[3] // groups
    own = range(o // filters * channels, (o // filters + 1) * channels)
    spread = [(i, a, j, b) for i, a in window.rows.readers(p) for j, b in window.columns.readers(q)]
    slope = float(dy[0][at])
    rows = tuple(
        (f"x[{i}, {j}, {c}]", float(x[0, i, j, c]), f"kernel[{a}, {b}, {o % filters}, {c}]",
         float(kernel[a, b, o % filters, c]), float(x[0, i, j, c] * kernel[a, b, o % filters, c]),
         slope * float(kernel[a, b, o % filters, c]))
        for c in own for i, a, j, b in spread
    )  # fmt: skip
    total, added = sum(row[4] for row in rows), 0.0 if bias is None else float(bias[o])
    return Explanation(
        op=op,
        formula=(
            f"y[p,q,o] = bias[o] + sum of x[i,j,c] * kernel[a,b,o,c] over all pixels and taps that meet there:\n"
            f"{index_text(window.rows, 'i', 'a')} = p and {index_text(window.columns, 'j', 'b')} = q"
        ),
        value=float(y[0][at]),
        at=at,
        output_shape=y.shape[1:],
        sections=(
            Section(
                title="How large the output is",
                lines=tuple(f"{n}: {t}" for n, a in zip(("height", "width"), window, strict=True) for t in _lines(a)),
            ),
            Section(
                title=f"What stands behind y{place_text(at)}",
                headings=("pixel", "value", "weight", "its value", "product", "pixel receives"),
                rows=rows,
                results=(
                    f"the {len(rows)} products add up to {number_text(total)}; bias {number_text(added)}"
                    if rows
                    else f"no pixel spreads so far: only the bias, {number_text(added)}, is left",
                    f"y{place_text(at)} = {number_text(float(y[0][at]))}",
                    f"dy = {number_text(slope)} there: each pixel gets dy * its weight, each weight dy * its pixel",
                ),
            ),
            *([_received(window, spread[0], own[0], filters, o // filters, kernel, dy, dx)] if spread else []),
        ),
        panels=_panels(x, kernel, y, window, at, spread, own),
    )


def _lines(axis: Axis) -> list[str]:
    """Of the axis of the convolution whose gradient this is: its size is our output, its output our input."""
    covered = axis.size + axis.before + axis.after
    each = f"{axis.output} pixels, {axis.stride} apart, spread over {axis.extent} each: "
    lines = [each + f"({axis.output} - 1) * {axis.stride} + {axis.extent} = {covered}"]
    added = f"{-axis.after} added at the end" if axis.after < 0 else f"{axis.after} cut off after"
    lines.append(f"{axis.before} cut off before, {added}: {axis.size}")
    unread = axis.unread
    return [*lines, f"no pixel spreads to {', '.join(map(str, unread))}"] if unread else lines


def _received(window: Window, seen, c: int, filters: int, group: int, kernel, dy, dx) -> Section:
    """What one pixel receives: a convolution of dy."""
    i, _, j, _ = seen
    pairs = list(zip(window.rows.pixels(i), range(window.rows.kernel), strict=True))
    across = list(zip(window.columns.pixels(j), range(window.columns.kernel), strict=True))
    rows = tuple(
        (f"y[{p}, {q}, {group * filters + k}]", float(dy[0, p, q, group * filters + k]), f"kernel[{a}, {b}, {k}, {c}]",
         float(kernel[a, b, k, c]), float(dy[0, p, q, group * filters + k] * kernel[a, b, k, c]))
        for k in range(filters)
        for p, a in pairs if 0 <= p < window.rows.size
        for q, b in across if 0 <= q < window.columns.size
    )  # fmt: skip
    return Section(
        title=f"All that x[{i}, {j}, {c}] receives: a convolution of dy",
        headings=("from", "dy", "weight", "its value", "product"),
        rows=rows,
        results=(f"dx[{i}, {j}, {c}] = {number_text(float(dx[0, i, j, c]))}",),
    )


def _panels(x, kernel, y, window: Window, at, spread, own: range) -> tuple[tuple[Grid, ...], ...]:
    """The input with the pixels that meet here, the taps they come through, and the output with all that the first of
    them spreads over; where none meet, the output around the place."""
    p, q, o = at
    channel, filters = own[0], kernel.shape[2]
    i, j = (spread[0][0], spread[0][2]) if spread else (_nearest(window.rows, p), _nearest(window.columns, q))
    pixels = output_grid(f"x[:, :, {channel}]", x[0, :, :, channel], i, j)
    taps = tap_grid(f"kernel[:, :, {o % filters}, {channel}]", kernel[:, :, o % filters, channel], "other")
    pixels.roles[:] = "plain"
    for row, a, column, b in spread:
        taps.roles[a, b] = "window"
        if pixels.first[0] <= row < pixels.first[0] + pixels.roles.shape[0]:
            pixels.roles[row - pixels.first[0], column - pixels.first[1]] = "window"
    if not spread:
        return (pixels, taps), (output_grid(f"y[:, :, {o}], no pixel spreads to [{p}, {q}]", y[0, :, :, o], p, q),)
    spreading = input_grid(f"y[:, :, {o}], and what x[{i}, {j}] spreads over", y[0, :, :, o], window, i, j)
    spreading.roles[p - spreading.first[0], q - spreading.first[1]] = "chosen"
    return (pixels, taps), (spreading,)


def _nearest(axis: Axis, place: int) -> int:
    """The pixel that spreads nearest to a place of the output."""
    return min(range(axis.output), key=lambda pixel: abs(axis.pixels(pixel)[0] - place))
