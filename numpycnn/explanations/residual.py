"""One value of a residual unit: the skip connection and the two convolutions beside it."""

import numpy as np

from numpycnn.explanations.explanation import Explanation, Section, number_text, place_text
from numpycnn.explanations.sliding import check_at, middle, output_grid
from numpycnn.layers import Conv2D, Input
from numpycnn.models import Model
from numpycnn.models.blocks import residual_unit as make_unit
from numpycnn.ops.arguments import IMAGES, check_rank, floating

__all__ = ["residual_unit"]


def residual_unit(x, *, at=None, dy=None, filters=None, strides=1, seed=0, weights=None) -> Explanation:
    """One value of `models.blocks.residual_unit`.

    Args: x: images; at: (row, column, channel), None for the largest channel in the middle;
        dy: the gradient by the output, None for 1 at the chosen value alone;
        filters: None for as many as x has channels; strides: of its first convolution;
        weights: of all its layers, in the order of the model's `weights`; None to draw them by `seed` as for training.

    Raises: ValueError for a rank, filters, strides, weights or a place outside of the output.
    """
    (x,) = floating("residual_unit", x=x)
    check_rank("residual_unit", IMAGES, x=x)
    inputs = Input(x.shape[1:])
    filters = x.shape[3] if filters is None else filters
    model = Model(inputs, make_unit(inputs, filters, strides=strides, name="unit"), dtype="float64", seed=seed)
    if weights is not None:
        model.set_weights(weights)
    y = model.forward(x)
    if at is None and y.size:
        row, column = middle(y.shape[1:3])
        at = row, column, int(y[0, row, column].argmax())
    i, j, c = at = check_at("residual_unit", at, y.shape[1:])
    found = {name: float(values[0][at]) for name, values in model.activations(x).items()}
    projected = [name for name in found if "skip" in name]
    add, out = _named(model, "Add"), _named(model, "ReLU")
    ways = [name for name in found if name not in (add, out, *projected)]
    skip = found[projected[-1]] if projected else float(x[0][at])
    own = np.zeros_like(y)
    own[0][at] = 1 if dy is None else dy[0][at]
    dx = model.backward(own).inputs[0]
    main = found[ways[-1]]
    slope = float(own[0][at])
    passed = slope if found[add] > 0 else 0.0
    kinds = {model.names[layer]: layer.keras_class for layer in model.layers}
    rows = tuple((name, kinds[name], found[name]) for name in ways)
    skips = tuple((name, kinds[name], found[name]) for name in projected) or (
        (f"x{place_text(at)}", "the input itself", skip),
    )
    reached = np.argwhere(dx[0].any(axis=-1))
    seen = "none: ReLU lets nothing through" if not len(reached) else (
        f"{len(reached)} pixels, rows {reached[:, 0].min()} to {reached[:, 0].max()}, "
        f"columns {reached[:, 1].min()} to {reached[:, 1].max()}"
    )  # fmt: skip
    centre = (*_centre(model, at), min(c, x.shape[3] - 1))
    return Explanation(
        op="residual_unit",
        formula="y = relu(F(x) + skip(x)): two convolutions learn only what is to be changed of x",
        value=float(y[0][at]),
        at=at,
        output_shape=y.shape[1:],
        sections=(
            Section(
                title="How large the output is",
                lines=(
                    f"{'x'.join(map(str, x.shape[1:]))} becomes {'x'.join(map(str, y.shape[1:]))}; the skip is "
                    + ("a strided 1x1 convolution, so that it fits" if projected else "x itself"),
                ),
            ),
            Section(
                title=f"What stands behind y{place_text(at)}: the way through the convolutions",
                headings=("layer", "kind", f"value at {place_text(at)}"),
                rows=rows,
            ),
            Section(title="The skip connection", headings=("layer", "kind", "value"), rows=skips),
            Section(
                title="The sum",
                results=(
                    f"{number_text(main)} + {number_text(skip)} = {number_text(found[add])}",
                    f"y{place_text(at)} = relu({number_text(found[add])}) = {number_text(found[out])}",
                ),
            ),
            Section(
                title="The gradient",
                lines=(
                    f"dy = {number_text(slope)} there; relu passes {number_text(passed)}; the addition gives"
                    f" {number_text(passed)} to both ways, whatever the convolutions do",
                    f"pixels that receive something: {seen}",
                    f"x{place_text(centre)} receives {number_text(float(dx[0][centre]))} by both ways together",
                ),
            ),
        ),
        panels=((output_grid(f"x[:, :, {centre[2]}]", x[0, :, :, centre[2]], *centre[:2]),
                 output_grid(f"dx[:, :, {centre[2]}]", dx[0, :, :, centre[2]], *centre[:2], role="window")),
                (output_grid(f"y[:, :, {c}]", y[0, :, :, c], i, j),)),
    )  # fmt: skip


def _named(model: Model, kind: str) -> str:
    """The name of the last layer of a kind."""
    return next(model.names[layer] for layer in reversed(model.layers) if layer.keras_class == kind)


def _centre(model: Model, at) -> tuple[int, ...]:
    """The pixel under the middle of the first convolution's window, or the nearest one to it."""
    layer, shapes = next((node.layer, node.input_shapes) for node in model.nodes if isinstance(node.layer, Conv2D))
    window = layer.window(*shapes)
    middles = (axis.pixels(o)[axis.kernel // 2] for axis, o in zip(window, at[:2], strict=True))
    return tuple(min(max(pixel, 0), axis.size - 1) for pixel, axis in zip(middles, window, strict=True))
