"""Where numbers go: flattening, resizing, joining, and axes that stay or are dropped."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from numpycnn import ops
from numpycnn.ops.arguments import pair
from numpycnn.ops.resize import keys_kernel
from numpycnn.verification.calls import Call
from numpycnn.verification.rules.rule import rule

__all__ = ["RULES"]


def channels_first(call: Call) -> Call | None:
    """Images flattened channels, height, width."""
    x = call.arrays["x"]
    if x.ndim != 4:
        return None
    return call.with_array("x", lambda x: x.transpose(0, 3, 1, 2), lambda dx: dx.transpose(0, 2, 3, 1))


def rows_of_channels_first(call: Call) -> Call | None:
    """A dense layer whose rows stand channels, height, width, behind an image that is flattened so."""
    image = call.hints.get("image")
    if image is None or call.arrays["x"].shape[1:] != (np.prod(image),):
        return None
    height, width, channels = image

    def there(x):
        return x.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(x.shape)

    def back(dx):
        return dx.reshape(-1, height, width, channels).transpose(0, 3, 1, 2).reshape(dx.shape)

    return call.with_array("x", there, back)


def keepdims(call: Call) -> Call | None:
    return None if call.backward else call.with_options(keepdims=not call.options.get("keepdims", False))


def first_gradient(call: Call) -> Call | None:
    """The gradient of a global maximum given to the first of equal pixels."""

    def gradient(dy, x, *, keepdims=False, y=None):
        flat = x.reshape(len(x), -1, x.shape[3])
        dx = np.zeros_like(flat)
        np.put_along_axis(dx, flat.argmax(axis=1)[:, None], dy.reshape(len(x), 1, -1), axis=1)
        return dx.reshape(x.shape)

    return call.with_function(None, gradient)


def reversed_inputs(call: Call) -> Call | None:
    if call.backward or len(call.arrays) < 2:
        return None
    inputs = list(call.arrays.values())[::-1]
    return replace(call, arrays=dict(zip(call.arrays, inputs, strict=True)))


# Resizing by other places: output i of n looks at place(i) of an input of m pixels.

Places = Callable[[np.ndarray, int, int], np.ndarray]


def half_pixel(i, n, m):
    return (i + 0.5) * m / n - 0.5


def asymmetric(i, n, m):
    return i * m / n


def align_corners(i, n, m):
    return i * (m - 1) / max(n - 1, 1)


def mixed(places: Places) -> Callable:
    """Bilinear resizing at these places, edges repeated."""

    def along(x, axis, n):
        m = x.shape[axis]
        at = places(np.arange(n), n, m).clip(0, m - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, m - 1)
        weight = (at - low).reshape(-1, *(1,) * (3 - axis))
        return x.take(low, axis) * (1 - weight) + x.take(high, axis) * weight

    return lambda x, size: along(along(x, 1, size[0]), 2, size[1]).astype(x.dtype)


def nearest(places: Places, rounded: Callable) -> Callable:
    """Nearest pixels at these places."""

    def along(x, axis, n):
        m = x.shape[axis]
        return x.take(rounded(places(np.arange(n), n, m)).clip(0, m - 1).astype(int), axis)

    return lambda x, size: along(along(x, 1, size[0]), 2, size[1])


def cubic(places: Places, a: float) -> Callable:
    """Bicubic resizing at these places with Keys's kernel of this a, edges repeated."""

    def along(x, axis, n):
        m = x.shape[axis]
        at = places(np.arange(n), n, m)
        taken = []
        for pixel in (np.floor(at).astype(int) + k for k in (-1, 0, 1, 2)):
            weight = keys_kernel(np.abs(at - pixel), a).reshape(-1, *(1,) * (3 - axis))
            taken.append(x.take(pixel.clip(0, m - 1), axis) * weight)
        return np.sum(taken, axis=0)

    return lambda x, size: along(along(x, 1, size[0]), 2, size[1]).astype(x.dtype)


def round_half_down(at):
    return np.ceil(at - 0.5)


def resized(interpolation: str, function: Callable) -> Callable[[Call], Call | None]:
    """The rule of one interpolation, for `resize` and for `up_sampling2d`, whose size is a number of times."""

    def changed(call: Call) -> Call | None:
        times = call.forward_op == "up_sampling2d"
        if call.options.get("interpolation", "nearest" if times else "bilinear") != interpolation:
            return None

        def forward(x, size=2, *, interpolation=None):
            rows, columns = pair(call.op, "size", size)
            return function(x, (rows * x.shape[1], columns * x.shape[2]) if times else (rows, columns))

        return call.with_function(forward)

    return changed


def interpolation(name: str) -> Callable[[Call], Call | None]:
    def changed(call: Call) -> Call | None:
        now = call.options.get("interpolation", "nearest" if call.forward_op == "up_sampling2d" else "bilinear")
        return None if now == name else call.with_options(interpolation=name)

    return changed


def mean_for_sum(call: Call) -> Call | None:
    def average(*inputs):
        return ops.average(*inputs)

    return call.with_function(average, ops.average_backward) if len(call.arrays) > 1 + call.backward else None


RESIZES = ("resize", "up_sampling2d")
KEYS = "use a = -0.5, and divide the weights that lie in the image by their sum"
CENTRES = "look at pixel centres: (i + 1/2) * in / out"

RULES = [
    rule(
        "flattened channels first", 14, ("flatten", "reshape"), "flattens channels, height, width",
        "flatten height, width, channels", channels_first,
    ),
    rule(
        "dense rows channels first", 14, "dense", "has its rows in the order channels, height, width",
        "permute its rows: kernel.reshape(C, H, W, out).transpose(1, 2, 0, 3)", rows_of_channels_first,
    ),
    rule("keepdims", 34, ("global_avg_pool2d", "global_max_pool2d"), "keeps or drops height and width as axes of 1",
         "set keepdims as it is here", keepdims),
    rule("gradient to the first maximum", 11, "global_max_pool2d", "gives the gradient to the first of equal pixels",
         "share it among equal pixels", first_gradient),
    rule("inputs in reverse", (), ("concatenate", "subtract"), "takes its inputs in reverse", "exchange them",
         reversed_inputs),
    rule("average for add", (), "add", "takes the mean of its inputs", "add them", mean_for_sum),
    rule(
        "nearest without centres", 28, RESIZES, "takes pixel floor(i * in / out) (PyTorch's nearest)", CENTRES,
        resized("nearest", nearest(asymmetric, np.floor)),
    ),
    rule(
        "nearest rounded down", 28, RESIZES, "rounds pixel centres, halves down (ONNX's default)",
        "take floor((i + 1/2) * in / out)", resized("nearest", nearest(half_pixel, round_half_down)),
    ),
    rule(
        "align_corners", 29, RESIZES, "puts the corner pixels onto each other (align_corners=True)", CENTRES,
        resized("bilinear", mixed(align_corners)),
    ),
    rule(
        "bilinear without centres", 29, RESIZES, "looks at place i * in / out (TensorFlow 1's default)", CENTRES,
        resized("bilinear", mixed(asymmetric)),
    ),
    rule(
        "bicubic a = -0.75", 30, RESIZES, "uses a = -0.75 and repeats the edges (PyTorch, ONNX)", KEYS,
        resized("bicubic", cubic(half_pixel, -0.75)),
    ),
    rule(
        "bicubic edges repeated", 30, RESIZES, "repeats the edges, where weights are to be made to add up to 1", KEYS,
        resized("bicubic", cubic(half_pixel, -0.5)),
    ),
    *(
        rule(f"{name} interpolation", rows, RESIZES, f"uses interpolation={name!r}", "set interpolation as it is here",
             interpolation(name))
        for name, rows in (("nearest", 28), ("bilinear", 29), ("bicubic", 30))
    ),
]  # fmt: skip
