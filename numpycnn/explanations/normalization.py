"""One value of a normalization: what it is divided by, and how its neighbours take part in the gradient."""

import numpy as np

from numpycnn import ops
from numpycnn.explanations.explanation import Explanation, Section, number_text, place_text
from numpycnn.explanations.sliding import check_at, input_grid, output_grid
from numpycnn.ops.arguments import floating
from numpycnn.ops.local_response import neighbours
from numpycnn.ops.windows import Axis, Window

__all__ = ["batch_normalization", "local_response_normalization"]


def local_response_normalization(x, *, at=None, dy=None, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5) -> Explanation:
    """One value of `ops.local_response_normalization`: the squares of its neighbours in depth.

    Args: as `ops.local_response_normalization`; at: (row, column, channel); dy: the gradient by the output, None for 1.

    Raises: as `ops.local_response_normalization`; ValueError for a place outside of the output.
    """
    op, options = "local_response_normalization", {"bias": bias, "alpha": alpha, "beta": beta}
    (x,) = floating(op, x=x)
    y = ops.local_response_normalization(x, depth_radius=depth_radius, **options)
    i, j, c = at = check_at(op, at, y.shape[1:])
    dy = np.ones_like(y) if dy is None else dy
    dx = ops.local_response_normalization_backward(dy, x, depth_radius=depth_radius, **options)
    axis = neighbours(x.shape[3], depth_radius)
    channels = [channel for channel in axis.pixels(c) if 0 <= channel < axis.size]
    pixel, slope = x[0, i, j], float(dy[0][at])
    total = sum(float(pixel[channel]) ** 2 for channel in channels)
    s = bias + alpha * total
    rows = tuple(
        (f"x[{i}, {j}, {k}]", float(pixel[k]), float(pixel[k]) ** 2,
         slope * ((k == c) * s**-beta - 2 * alpha * beta * float(pixel[c]) * float(pixel[k]) * s ** (-beta - 1)))
        for k in channels
    )  # fmt: skip
    window = Window(Axis(1, 1, 1, 1, 0, 0, 1), axis)
    grid = input_grid(f"x[{i}, {j}, :], the channels of a pixel", pixel[None], window, 0, c)
    return Explanation(
        op=op,
        formula=f"y[c] = x[c] / s^beta,   s = bias + alpha * sum of x[k]^2 over |k - c| <= {depth_radius}",
        value=float(y[0][at]),
        at=at,
        output_shape=y.shape[1:],
        sections=(
            Section(
                title="How large the output is",
                lines=(
                    f"as the input; the neighbours of channel {c} are {channels[0]} to {channels[-1]} of {axis.size}: "
                    f"{len(channels)} of {2 * depth_radius + 1}, the others do not exist",
                ),
            ),
            Section(
                title=f"What stands behind y{place_text(at)}",
                headings=("channel", "value", "square", "receives"),
                rows=rows,
                results=(
                    f"s = {number_text(bias)} + {number_text(alpha)} * {number_text(total)} = {number_text(s)}",
                    f"y{place_text(at)} = {number_text(float(pixel[c]))} / {number_text(s)}^{number_text(beta)}"
                    f" = {number_text(float(y[0][at]))}",
                ),
            ),
            Section(
                title="The gradient",
                lines=(
                    f"dy = {number_text(slope)} there: channel {c} gets dy / s^beta less its own share of s;"
                    " the neighbours get only their shares of s, as in the last column",
                    f"from all channels together, dx{place_text(at)} = {number_text(float(dx[0][at]))}",
                ),
            ),
        ),
        panels=((grid,), (output_grid(f"y[{i}, {j}, :]", y[0, i, j][None], 0, c),)),
    )


def batch_normalization(x, gamma=None, beta=None, *, at=None, dy=None, epsilon=1e-3) -> Explanation:
    """One value of `ops.batch_normalization_train`: mean and variance of its channel over the whole batch.

    Args: as `ops.batch_normalization_train`; at: (row, column, channel) of the first example; dy as in `conv2d`.

    Raises: as `ops.batch_normalization_train`; ValueError for a place outside of the output.
    """
    op = "batch_normalization"
    x, gamma, beta = floating(op, x=x, gamma=gamma, beta=beta)
    y, mean, variance = ops.batch_normalization_train(x, gamma=gamma, beta=beta, epsilon=epsilon)
    *_, c = at = check_at(op, at, y.shape[1:])
    dy = np.zeros_like(y) if dy is None else dy
    dx, *_ = ops.batch_normalization_train_backward(dy, x, gamma=gamma, beta=beta, epsilon=epsilon)
    size = x[..., c].size
    m, v = float(mean[c]), float(variance[c])
    g, b = 1.0 if gamma is None else float(gamma[c]), 0.0 if beta is None else float(beta[c])
    value, deviation = float(x[0][at]), (v + epsilon) ** 0.5
    normal = (x[..., c] - m) / deviation
    n, slopes = float(normal[0][at[:-1]]), dy[..., c] * g
    terms = (float(slopes[0][at[:-1]]), -float(slopes.mean()), -n * float((slopes * normal).mean()))
    steps = (
        (f"mean[{c}]", f"the sum of the channel's {size} values over all {len(x)} examples / {size}", m),
        (f"variance[{c}]", f"the sum of (x - mean)^2 / {size}", v),
        ("deviation", f"sqrt(variance + {number_text(epsilon)})", deviation),
        ("n", f"({number_text(value)} - mean) / deviation", n),
        (f"y{place_text(at)}", f"gamma {number_text(g)} * n + beta {number_text(b)}", float(y[0][at])),
    )
    parts = (
        ("straight through", "g = dy * gamma", terms[0]),
        ("by the mean", "- mean of g", terms[1]),
        ("by the variance", "- n * mean of g * n", terms[2]),
    )
    grids = ()
    if x.ndim == 4:
        grids = tuple(
            _whole(f"x[{k}, :, :, {c}]", x[k, :, :, c], at[:-1] if k == 0 else None) for k in range(min(len(x), 4))
        )
    return Explanation(
        op=op,
        formula="y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, mean and variance those of the batch",
        value=float(y[0][at]),
        at=at,
        output_shape=y.shape[1:],
        sections=(
            Section(title="How large the output is", lines=(f"as the input; statistics of {size} values a channel",)),
            Section(title=f"What stands behind y{place_text(at)}", headings=("", "is", "value"), rows=steps),
            Section(
                title=f"What x{place_text(at)} receives: it moves the mean and the variance too",
                headings=("way", "term", "value"),
                rows=parts,
                results=(
                    f"dx{place_text(at)} = {number_text(sum(terms))} / deviation = {number_text(float(dx[0][at]))}",
                    "every value of the channel receives by the last two ways, in all examples",
                ),
            ),
            Section(
                title="Once it is trained",
                lines=(
                    "mean and variance are the moving ones: then x gets dy * gamma / deviation, the others nothing",
                ),
            ),
        ),
        panels=(grids, (output_grid(f"y[0, :, :, {c}]", y[0, :, :, c], *at[:2]),)) if grids else (),
    )


def _whole(title: str, plane: np.ndarray, chosen):
    """A plane every value of which takes part."""
    grid = output_grid(title, plane, *(chosen or (0, 0)), role="chosen" if chosen else "window")
    grid.roles[grid.roles == "plain"] = "window"
    return grid
