"""One value of a convolution: ordinary, depthwise, separable."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from numpycnn import ops
from numpycnn.explanations.explanation import Explanation, Grid, Section, number_text, place_text
from numpycnn.explanations.sliding import (
    check_at,
    index_text,
    input_grid,
    output_grid,
    places,
    size_section,
    tap_grid,
)
from numpycnn.ops.arguments import floating
from numpycnn.ops.conv import conv2d_window
from numpycnn.ops.depthwise import depthwise_window, separable_window
from numpycnn.ops.windows import Window

__all__ = ["conv2d", "depthwise_conv2d", "separable_conv2d"]

AS_INPUT, AS_OUTPUT = {"x[": "m["}, {"y[": "m["}
"""The values between the two steps of a separable convolution are called m."""

MOST_CHANNELS = 4
"""The most channels of an input that are drawn."""


def conv2d(
    x, kernel, bias=None, *, at=None, dy=None, strides=1, padding="valid", dilation_rate=1, groups=1
) -> Explanation:
    """One value of `ops.conv2d`: its window, products and sum, and what its gradient gives to whom.

    Args: as `ops.conv2d`; at: (row, column, filter) in the output of the first image, None for the middle of filter 0;
        dy: the gradient by the output, None for ones.

    Raises: as `ops.conv2d`; ValueError for a place outside of the output.

    >>> found = conv2d(np.ones((1, 5, 7, 1)), np.full((3, 2, 1, 1), 4.0), at=(0, 2, 0), padding="same")
    >>> found.section("What stands").column("product")
    [0.0, 0.0, 4.0, 4.0, 4.0, 4.0]
    >>> found.value
    16.0
    """
    op, sliding = "conv2d", {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    x, kernel, bias = floating(op, x=x, kernel=kernel, bias=bias)
    window = conv2d_window(op, x, kernel, bias, strides, padding, dilation_rate, groups)
    y = ops.conv2d(x, kernel, bias, **sliding, groups=groups)
    i, j, o = at = check_at(op, at, y.shape[1:])
    dy = np.ones_like(y) if dy is None else dy
    dx, dkernel, dbias = ops.conv2d_backward(dy, x, kernel, **sliding, groups=groups)
    wide, filters = kernel.shape[2], kernel.shape[3] // groups
    channels = range(o // filters * wide, (o // filters + 1) * wide)
    terms = _terms(x, window, at, dy, [(c, kernel[:, :, c % wide, o], f"{c % wide}, {o}") for c in channels])
    group = range(o // filters * filters, (o // filters + 1) * filters)
    weights = [(own, lambda a, b, c, own=own: kernel[a, b, c % wide, own]) for own in group]
    formula = _formula(window, "sum over a,b,c of", "c", "a,b,c,o")
    if groups > 1:
        formula += f"\nfilter {o} belongs to group {o // filters} of {groups}, which reads {_range(channels)}"
    return Explanation(
        op=op,
        formula=formula,
        value=float(y[0, i, j, o]),
        at=at,
        output_shape=y.shape[1:],
        sections=(
            size_section(window, padding),
            _sum_section(terms, at, y, bias),
            _given_section(terms, at, dy),
            *_received_sections(window, at, channels[0], weights, dy, dx, o),
            _weight_section(terms, dkernel, dbias, o),
        ),
        panels=_panels(x, kernel, y, window, at, channels),
    )


def depthwise_conv2d(
    x, kernel, bias=None, *, at=None, dy=None, strides=1, padding="valid", dilation_rate=1
) -> Explanation:
    """One value of `ops.depthwise_conv2d`: a convolution in which each channel is a group of its own.

    Args: as `ops.depthwise_conv2d`; at, dy: as `conv2d`.   Raises: as `conv2d`.
    """
    x, kernel, bias = floating("depthwise_conv2d", x=x, kernel=kernel, bias=bias)
    sliding: dict[str, Any] = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    window = depthwise_window("depthwise_conv2d", x, kernel, bias, **sliding)
    channels, multiplier = kernel.shape[2:]
    flat = kernel.reshape(*kernel.shape[:2], 1, channels * multiplier)
    found = conv2d(x, flat, bias, at=at, dy=dy, groups=channels, **sliding)
    o = found.at[2]
    formula = (
        f"{_formula(window, 'sum over a,b of', 'c', 'a,b,c,m')}, o = c * {multiplier} + m\n"
        f"output channel {o} is filter {o % multiplier} of channel {o // multiplier}, which it alone reads"
    )
    names = {f", 0, {k}]": f", {k // multiplier}, {k % multiplier}]" for k in range(channels * multiplier)}
    names |= {f", ..., {k}]": f", {k // multiplier}, {k % multiplier}]" for k in range(channels * multiplier)}
    sections = tuple(_renamed(section, "kernel[", names) for section in found.sections)
    return replace(found, op="depthwise_conv2d", formula=formula, sections=sections)


def separable_conv2d(
    x,
    depthwise_kernel,
    pointwise_kernel,
    bias=None,
    *,
    at=None,
    dy=None,
    strides=1,
    padding="valid",
    dilation_rate=1,
) -> Explanation:
    """One value of `ops.separable_conv2d`: a depthwise convolution at its place, then a mix of the channels.

    Args: as `ops.separable_conv2d`; at, dy: as `conv2d`.   Raises: as `conv2d`.
    """
    op = "separable_conv2d"
    sliding: dict[str, Any] = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    x, depthwise, pointwise, bias = floating(
        op, x=x, depthwise_kernel=depthwise_kernel, pointwise_kernel=pointwise_kernel, bias=bias
    )
    window = separable_window(op, x, depthwise, pointwise, bias, **sliding)
    between = ops.depthwise_conv2d(x, depthwise, **sliding)
    second = conv2d(between, pointwise, bias, at=at, dy=dy)
    i, j, _ = second.at
    ones = np.ones((*between.shape[:3], pointwise.shape[3])) if dy is None else dy
    dbetween, _, _ = ops.conv2d_backward(ones, between, pointwise)
    first = depthwise_conv2d(x, depthwise, at=(i, j, 0), dy=dbetween, **sliding)
    multiplier = depthwise.shape[3]
    steps = tuple(
        (f"m[{i}, {j}, {k}]", between[0, i, j, k], f"x[..., {k // multiplier}] * depthwise[..., {k % multiplier}]")
        for k in range(between.shape[3])
    )
    macs = [window.rows.kernel * window.columns.kernel * between.shape[3], pointwise.shape[2] * pointwise.shape[3]]
    plain = window.rows.kernel * window.columns.kernel * x.shape[3] * pointwise.shape[3]
    return Explanation(
        op=op,
        formula="m = depthwise_conv2d(x): looks around within each channel\ny = conv2d(m, 1x1): mixes the channels",
        value=second.value,
        at=second.at,
        output_shape=second.output_shape,
        sections=(
            size_section(window, padding),
            replace(
                _renamed(first.section("What stands"), "y[", AS_OUTPUT),
                title="First step: what stands behind channel 0",
            ),
            Section(title="The values between the steps", headings=("value", "is", "from"), rows=steps),
            replace(
                _renamed(second.section("What stands"), "x[", AS_INPUT), title=f"Second step: y{place_text(second.at)}"
            ),
            Section(
                title="Why in two steps",
                lines=(
                    f"{macs[0]} + {macs[1]} = {sum(macs)} multiplications for a pixel of all filters,"
                    f" {plain} in one convolution",
                ),
            ),
            _renamed(second.section("The gradient"), "x[", AS_INPUT),
            _renamed(first.section("The gradient"), "y[", AS_OUTPUT),
            *(_renamed(own, "y[", AS_OUTPUT) for own in first.sections if own.title.startswith("All that x")),
        ),
        panels=(*first.panels[:2], (*second.panels[1], *second.panels[-1])),
    )


# The sections.


def _formula(window: Window, sums: str, channel: str, weight: str) -> str:
    rows, columns = index_text(window.rows, "i", "a"), index_text(window.columns, "j", "b")
    return f"y[i,j,o] = bias[o] + {sums} x[{rows}, {columns}, {channel}] * kernel[{weight}]"


def _terms(x, window: Window, at, dy, kernels) -> list[dict[str, Any]]:
    """Every product behind a value, with what its pixel and its weight receive; a plane of the kernel a channel."""
    i, j, o = at
    slope = dy[0, i, j, o]
    found = []
    for channel, plane, rest in kernels:
        for place in places(window, i, j):
            pixel = float(x[0, place.row, place.column, channel]) if place.real else 0.0
            weight = float(plane[place.a, place.b])
            found.append(
                {
                    "pixel": f"x[{place.row}, {place.column}, {channel}]" if place.real else "padding",
                    "value": pixel,
                    "weight": f"kernel[{place.a}, {place.b}, {rest}]",
                    "its value": weight,
                    "product": pixel * weight,
                    "pixel receives": float(slope * weight) if place.real else "nobody there",
                    "weight receives": float(slope * pixel),
                }
            )
    return found


def _table(terms, *headings: str) -> dict[str, Any]:
    return {"headings": headings, "rows": tuple(tuple(term[name] for name in headings) for term in terms)}


def _sum_section(terms, at, y, bias) -> Section:
    total = sum(term["product"] for term in terms)
    added = 0.0 if bias is None else float(bias[at[2]])
    with_bias = "no bias" if bias is None else f"bias[{at[2]}] = {number_text(added)}"
    return Section(
        title=f"What stands behind y{place_text(at)}",
        **_table(terms, "pixel", "value", "weight", "its value", "product"),
        results=(
            f"the {len(terms)} products add up to {number_text(total)}; {with_bias}",
            f"y{place_text(at)} = {number_text(float(y[0][at]))}",
        ),
    )


def _given_section(terms, at, dy) -> Section:
    slope = number_text(float(dy[0][at]))
    return Section(
        title=f"The gradient that y{place_text(at)} gives on",
        lines=(f"dy = {slope} there: each pixel gets dy * its weight, each weight dy * its pixel, the bias {slope}",),
        **_table(terms, "pixel", "pixel receives", "weight", "weight receives"),
    )


def _received_sections(window: Window, at, channel: int, weights, dy, dx, chosen: int) -> list[Section]:
    """Who gives gradient to one pixel of the window; nothing where the window holds only padding."""
    real = [place for place in places(window, *at[:2]) if place.real]
    if not real:
        return []
    pixel = real[len(real) // 2]
    rows = tuple(
        (f"y[{i}, {j}, {o}]", float(dy[0, i, j, o]), f"kernel[{a}, {b}, ..., {o}]", float(weight(a, b, channel)),
         float(dy[0, i, j, o] * weight(a, b, channel)))
        for o, weight in sorted(weights, key=lambda item: item[0] != chosen)
        for i, a in window.rows.readers(pixel.row)
        for j, b in window.columns.readers(pixel.column)
    )  # fmt: skip
    name = f"x[{pixel.row}, {pixel.column}, {channel}]"
    total = float(dx[0, pixel.row, pixel.column, channel])
    return [
        Section(
            title=f"All that {name} receives: from every window that holds it, and every filter that reads it",
            headings=("from", "dy", "weight", "its value", "product"),
            rows=rows,
            results=(f"d{name} = {number_text(total)}",),
        )
    ]


def _weight_section(terms, dkernel, dbias, o: int) -> Section:
    name = terms[0]["weight"]
    indices = tuple(int(index) for index in name.removeprefix("kernel[").removesuffix("]").split(","))
    return Section(
        title="What the weights receive from all windows together",
        results=(
            f"d{name} = {number_text(float(dkernel[indices]))}",
            f"dbias[{o}] = {number_text(float(dbias[o]))}",
        ),
    )


def _renamed(section: Section, begins: str, names: Mapping[str, str]) -> Section:
    """The section with parts of its names exchanged, in cells that begin so and in all its sentences."""

    def changed(text):
        if isinstance(text, str):
            for old, new in names.items():
                text = text.replace(old, new)
        return text

    rows = tuple(
        tuple(changed(cell) if isinstance(cell, str) and cell.startswith(begins) else cell for cell in row)
        for row in section.rows
    )
    title, lines, results = changed(section.title), map(changed, section.lines), map(changed, section.results)
    return replace(section, title=title, rows=rows, lines=tuple(lines), results=tuple(results))


def _range(channels: range) -> str:
    return f"channel {channels[0]}" if len(channels) == 1 else f"channels {channels[0]} to {channels[-1]}"


# The drawing.


def _panels(x, kernel, y, window: Window, at, channels: range) -> tuple[tuple[Grid, ...], ...]:
    i, j, o = at
    seen = list(channels)[:MOST_CHANNELS]
    others = [c for c in range(x.shape[3]) if c not in channels][: MOST_CHANNELS - len(seen)]
    inputs = [_input(x, window, i, j, c, c in seen) for c in sorted([*seen, *others])]
    kernels = [tap_grid(f"kernel[:, :, {c - channels[0]}, {o}]", kernel[:, :, c - channels[0], o]) for c in seen]
    return tuple(inputs), tuple(kernels), (output_grid(f"y[:, :, {o}]", y[0, :, :, o], i, j),)


def _input(x, window: Window, i: int, j: int, channel: int, read: bool) -> Grid:
    roles = ("window", "padded") if read else ("other", "padding")
    return input_grid(
        f"x[:, :, {channel}]{'' if read else ', not read'}", x[0, :, :, channel], window, i, j, roles=roles
    )
