"""How windows lie on images: where padding goes, what it holds, where the last window ends."""

from collections.abc import Callable
from typing import Any

import numpy as np

from numpycnn.ops.arguments import accumulator, pair
from numpycnn.ops.windows import Axis, Block, Window, explicit_pads, sliding_window, window_view
from numpycnn.verification.calls import Call
from numpycnn.verification.rules.rule import rule

__all__ = ["CONVOLUTIONS", "POOLS", "RULES", "window_of"]

CONVOLUTIONS = ("conv2d", "depthwise_conv2d", "separable_conv2d")
POOLS = ("max_pool2d", "avg_pool2d")
WINDOWED = (*CONVOLUTIONS, *POOLS)
Pads = tuple[tuple[int, int], tuple[int, int]]


def window_of(call: Call) -> Window:
    """The geometry of a convolution or a pooling."""
    options: dict[str, Any] = dict(call.options)
    kernel = next((call.arrays[k] for k in ("kernel", "depthwise_kernel") if k in call.arrays), None)
    size = options.get("pool_size", 2) if kernel is None else kernel.shape[:2]
    strides = options.get("strides") or (size if kernel is None else 1)
    geometry = {"strides": strides, "dilation_rate": options.get("dilation_rate", 1)}
    padding = options.get("padding", "valid")
    return sliding_window(call.op, call.arrays["x"].shape[1:3], size, padding=padding, **geometry)


def pads_of(window: Window) -> Pads:
    rows, columns = window
    return (rows.before, rows.after), (columns.before, columns.after)


def padded(change: Callable[[Axis], tuple[int, int]]) -> Callable[[Call], Call | None]:
    """Each axis of a "same" window with other pads."""

    def changed(call: Call) -> Call | None:
        if call.options.get("padding") != "same":
            return None
        window = window_of(call)
        pads = (change(window.rows), change(window.columns))
        return None if pads == pads_of(window) else call.with_options(padding=pads)

    return changed


def lower(axis: Axis) -> tuple[int, int]:
    return axis.after, axis.before


def symmetric(axis: Axis) -> tuple[int, int]:
    half = (axis.extent - 1) // 2
    return half, half


def undilated(axis: Axis) -> tuple[int, int]:
    total = max(0, (axis.output - 1) * axis.stride + axis.kernel - axis.size)
    return total // 2, total - total // 2


def valid_for_same(call: Call) -> Call | None:
    return call.with_options(padding="valid") if call.options.get("padding") == "same" else None


def same_for_valid(call: Call) -> Call | None:
    return call.with_options(padding="same") if call.options.get("padding", "valid") == "valid" else None


def ceil_mode(call: Call) -> Call | None:
    """A last window that reaches beyond the image, where pixels would be left over."""
    if call.options.get("padding", "valid") == "same":
        return None
    pads = []
    for axis in window_of(call):
        length = axis.before + axis.size + axis.after
        left_over = (length - axis.extent) % axis.stride
        pads.append((axis.before, axis.after + (axis.stride - left_over if left_over else 0)))
    changed = call.with_options(padding=tuple(pads))
    fits = all(after < axis.kernel for (_, after), axis in zip(pads, window_of(call), strict=True))
    return changed if fits and tuple(pads) != pads_of(window_of(call)) else None


def given_pads(change: Callable[[Pads], Pads]) -> Callable[[Call], Call | None]:
    """Pads in pixels, read in another order."""

    def changed(call: Call) -> Call | None:
        pads = explicit_pads(call.op, call.options.get("padding", "valid"))
        return None if pads is None or change(pads) == pads else call.with_options(padding=change(pads))

    return changed


def columns_first(pads: Pads) -> Pads:
    return pads[1], pads[0]


def begins_then_ends(pads: Pads) -> Pads:
    (top, bottom), (left, right) = pads
    return (top, left), (bottom, right)


def filled(mode: str) -> Callable[[Call], Call | None]:
    """Padding made of the image itself instead of zeros."""

    def changed(call: Call) -> Call | None:
        pads = pads_of(window_of(call))
        if not any(map(any, pads)):
            return None
        x = call.with_array("x", lambda x: np.pad(x, ((0, 0), *pads, (0, 0)), mode=mode))  # type: ignore[call-overload]
        return x and x.with_options(padding="valid")

    return changed


def zeros_below(call: Call) -> Call | None:
    """Padding that takes part in a maximum as 0."""
    pads = pads_of(window_of(call))
    if not any(map(any, pads)):
        return None
    (top, _), (left, _) = pads
    _, height, width, _ = call.arrays["x"].shape
    changed = call.with_array(
        "x",
        lambda x: np.pad(x, ((0, 0), *pads, (0, 0))),
        lambda dx: dx[:, top : top + height, left : left + width],
    )
    return changed and changed.with_options(padding="valid")


def nan_wins(x, pool_size=2, *, strides=None, padding="valid"):
    """Max-pooling in which a NaN is the largest number."""
    window = sliding_window("max_pool2d", x.shape[1:3], pool_size, strides=strides or pool_size, padding=padding)
    whole = Block(slice(0, len(x)), *(slice(0, size) for size in window.output_shape))
    return window_view(x, window, whole, fill=-np.inf).max(axis=(3, 4))


def some_nan(call: Call) -> Call | None:
    return call.with_function(nan_wins) if np.isnan(call.arrays["x"]).any() else None


def other_count(call: Call) -> Call | None:
    if not any(map(any, pads_of(window_of(call)))):
        return None
    return call.with_options(count_include_pad=not call.options.get("count_include_pad", False))


def exchanged(option: str) -> Callable[[Call], Call | None]:
    """Height and width of an option the other way round."""

    def changed(call: Call) -> Call | None:
        value = call.options.get(option)
        if value is None or pair(call.op, option, value)[0] == pair(call.op, option, value)[1]:
            return None
        return call.with_options(**{option: pair(call.op, option, value)[::-1]})

    return changed


def undilated_kernel(call: Call) -> Call | None:
    dilated = max(pair(call.op, "dilation_rate", call.options.get("dilation_rate", 1))) > 1
    return call.with_options(dilation_rate=1, padding=pads_of(window_of(call))) if dilated else None


def shared_gradient(dy, x, pool_size=2, *, strides=None, padding="valid"):
    """The gradient of max-pooling with ties sharing it equally."""
    return _tied(dy, x, pool_size, strides, padding, lambda hit: hit / hit.sum(axis=3, keepdims=True))


def last_gradient(dy, x, pool_size=2, *, strides=None, padding="valid"):
    """The gradient of max-pooling with the last of several maxima taking it."""
    return _tied(dy, x, pool_size, strides, padding, lambda hit: hit & (hit[..., ::-1, :].cumsum(3)[..., ::-1, :] == 1))


def _tied(dy, x, pool_size, strides, padding, share):
    window = sliding_window("max_pool2d", x.shape[1:3], pool_size, strides=strides or pool_size, padding=padding)
    pads = pads_of(window)
    wide = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-np.inf)
    y = nan_wins(x, pool_size, strides=strides, padding=padding)
    cuts = [
        tuple(
            slice(k, k + (axis.output - 1) * axis.stride + 1, axis.stride) for k, axis in zip(tap, window, strict=True)
        )
        for tap in window.taps
    ]
    hit = np.stack([wide[:, rows, columns] == y for rows, columns in cuts], axis=3)
    shares, dx = share(hit), np.zeros(wide.shape, accumulator(x.dtype))
    for k, (rows, columns) in enumerate(cuts):
        dx[:, rows, columns] += dy * shares[:, :, :, k]
    (top, _), (left, _) = pads
    return dx[:, top : top + x.shape[1], left : left + x.shape[2]].astype(x.dtype)


UNEVEN = "pad the end by the odd pixel, as tf.nn does: before = total // 2"

RULES = [
    rule(
        "padding at the start", (1, 2), WINDOWED,
        'puts the odd pixel of padding="same" at the start (ONNX\'s SAME_LOWER)', UNEVEN, padded(lower),
    ),
    rule(
        "padding on both sides", 1, WINDOWED,
        "pads both sides by half the kernel (PyTorch's padding=k // 2)", UNEVEN, padded(symmetric),
    ),
    rule(
        "padding of the undilated kernel", 3, CONVOLUTIONS, "pads for the kernel without its dilation",
        "pad for dilation * (kernel - 1) + 1 pixels", padded(undilated),
    ),
    rule(
        "valid instead of same", 5, WINDOWED, 'does not pad, as padding="valid"', 'pad as padding="same"',
        valid_for_same,
    ),
    rule("same instead of valid", 5, WINDOWED, 'pads as padding="same"', "do not pad", same_for_valid),
    rule(
        "ceil_mode", 5, POOLS, "adds a last window that reaches beyond the image (ceil_mode=True)",
        "drop windows that do not fit", ceil_mode,
    ),
    rule(
        "pads from the last axis", 53, WINDOWED, "reads the pads of width as those of height, as F.pad's order",
        "give the pads of height first", given_pads(columns_first),
    ),
    rule(
        "all begins then all ends", 53, WINDOWED, "reads the four pads as two begins and two ends, ONNX's order",
        "give ((top, bottom), (left, right))", given_pads(begins_then_ends),
    ),
    rule("reflected border", 53, WINDOWED, "pads with the image reflected", "pad with zeros", filled("reflect")),
    rule("mirrored border", 53, WINDOWED, "pads with the image mirrored, its edge twice (SYMMETRIC)",
         "pad with zeros", filled("symmetric")),
    rule("repeated border", 53, WINDOWED, "pads by repeating the edge", "pad with zeros", filled("edge")),
    rule(
        "zeros in the maximum", 8, "max_pool2d", "lets padding take part in the maximum as 0",
        "pad with -inf, or leave padding out", zeros_below,
    ),
    rule("NaN wins", 9, "max_pool2d", "lets a NaN win every maximum (PyTorch)", "ignore NaN", some_nan),
    rule(
        "count_include_pad", (6, 7), "avg_pool2d", "divides by another count at the border (count_include_pad)",
        "set count_include_pad as it is here", other_count,
    ),
    rule(
        "tied gradient shared", 11, "max_pool2d", "shares the gradient among equal maxima",
        "give all of it to the first in row order",
        lambda call: call.with_function(None, shared_gradient),
    ),
    rule(
        "tied gradient to the last", 10, "max_pool2d", "gives the gradient to the last of equal maxima",
        "give all of it to the first in row order", lambda call: call.with_function(None, last_gradient),
    ),
    rule("strides exchanged", (), WINDOWED, "exchanges the strides of height and width",
         "give (height, width)", exchanged("strides")),
    rule("dilations exchanged", (), CONVOLUTIONS, "exchanges the dilations of height and width",
         "give (height, width)", exchanged("dilation_rate")),
    rule("pool sizes exchanged", (), POOLS, "exchanges height and width of the window",
         "give (height, width)", exchanged("pool_size")),
    rule("no dilation", (), CONVOLUTIONS, "leaves the dilation out", "put dilation - 1 pixels between the taps",
         undilated_kernel),
]  # fmt: skip
