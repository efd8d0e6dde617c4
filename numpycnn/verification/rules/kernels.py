"""How kernels and channels are laid out: axes, orders, signs, and what is added at the end."""

from collections.abc import Callable

import numpy as np

from numpycnn.ops.windows import transposed_window
from numpycnn.verification.calls import Call
from numpycnn.verification.rules.rule import rule
from numpycnn.verification.rules.windows import CONVOLUTIONS

__all__ = ["RULES"]

KERNELS = (*CONVOLUTIONS, "conv2d_transpose")
Change = Callable[[np.ndarray], np.ndarray]


def kernel_name(call: Call) -> str:
    return "depthwise_kernel" if "depthwise_kernel" in call.arrays else "kernel"


def with_kernel(there: Change, back: Change | None = None) -> Callable[[Call], Call | None]:
    """A kernel whose numbers stand elsewhere; `back` undoes it, by default doing it again does."""

    def changed(call: Call) -> Call | None:
        kernel = call.arrays[kernel_name(call)]
        other = there(kernel)
        if np.array_equal(other, kernel, equal_nan=True):
            return None
        return call.with_array(kernel_name(call), there, back or there)

    return changed


def read_as(*axes: int) -> tuple[Change, Change]:
    """The kernel's numbers written down with its axes in this order and read as if they stood in ours."""

    def there(kernel):
        return kernel.transpose(axes).reshape(kernel.shape)

    def back(gradient):
        shape = [gradient.shape[axis] for axis in axes]
        return gradient.reshape(shape).transpose(np.argsort(axes))

    return there, back


def written_as(*axes: int) -> tuple[Change, Change]:
    """Our numbers read as if they stood in this order."""
    there, back = read_as(*axes)
    return back, there


def exchanged(a: int, b: int) -> Change:
    return lambda array: array.swapaxes(a, b)


def reversed_channels(call: Call) -> Call | None:
    return call.with_array("x", lambda x: x[..., ::-1], lambda dx: dx[..., ::-1])


def multiplier_first(call: Call) -> Call | None:
    """Outputs m * C + c instead of c * M + m."""
    channels, multiplier = call.arrays["kernel"].shape[2:]
    if min(channels, multiplier) == 1:
        return None

    def regrouped(first, second):
        return lambda y: y.reshape(*y.shape[:-1], first, second).swapaxes(-1, -2).reshape(y.shape)

    return call.with_output(regrouped(channels, multiplier), regrouped(multiplier, channels))


def interleaved_groups(call: Call) -> Call | None:
    """Channel c belongs to group c % groups instead of c // (C / groups)."""
    groups, channels = call.options.get("groups", 1), call.arrays["x"].shape[-1]
    if groups == 1 or groups == channels:
        return None
    order = np.arange(channels).reshape(-1, groups).T.ravel()
    return call.with_array("x", lambda x: x[..., order], lambda dx: dx[..., np.argsort(order)])


def without_bias(call: Call) -> Call | None:
    bias = call.arrays.get("bias")
    return None if call.backward or bias is None or not np.any(bias) else call.with_arrays(bias=None)


def bias_twice(call: Call) -> Call | None:
    bias = call.arrays.get("bias")
    return None if call.backward or bias is None or not np.any(bias) else call.with_arrays(bias=2 * bias)


def averaged(call: Call) -> Call | None:
    """Gradients of weights divided by the number of examples."""
    if not call.backward or len(call.arrays["dy"]) < 2:
        return None
    batch = len(call.arrays["dy"])
    return call.finished(lambda found: {k: d if k == "dx" else d / batch for k, d in found.items()})


def start_cropped(call: Call) -> Call | None:
    """The odd pixel of a "same" transposed convolution cropped from the start."""
    if call.options.get("padding") != "same":
        return None
    x, kernel = call.arrays["x"], call.arrays["kernel"]
    window = transposed_window(
        call.op, x.shape[1:3], kernel.shape[:2], strides=call.options.get("strides", 1), padding="same",
        output_padding=call.options.get("output_padding"), dilation_rate=call.options.get("dilation_rate", 1),
    )  # fmt: skip
    pads = tuple((axis.after, axis.before) for axis in window)
    if min(map(min, pads)) < 0 or all(before == after for before, after in pads):
        return None
    return call.with_options(padding=pads, output_padding=None)


def explicit_size(call: Call) -> Call | None:
    """ "valid" by the arithmetic of the gradient: (n - 1) * s + k, without room for a stride above the kernel."""
    valid = call.options.get("padding", "valid") == "valid" and call.options.get("output_padding") is None
    return call.with_options(padding=0) if valid else None


HWIO = "bring the kernel to (height, width, in, out)"

RULES = [
    rule(
        "flipped kernel", 18, KERNELS, "flips the kernel, as np.convolve does", "flip it back: kernel[::-1, ::-1]",
        with_kernel(lambda kernel: kernel[::-1, ::-1]),
    ),
    rule(
        "kernel flipped up and down", 18, KERNELS, "flips the rows of the kernel", "flip it back: kernel[::-1]",
        with_kernel(lambda kernel: kernel[::-1]),
    ),
    rule(
        "kernel flipped left and right", 18, KERNELS, "flips the columns of the kernel",
        "flip it back: kernel[:, ::-1]", with_kernel(lambda kernel: kernel[:, ::-1]),
    ),
    rule(
        "kernel rows for columns", 15, KERNELS, "exchanges height and width of the kernel",
        "exchange them back: kernel.swapaxes(0, 1)", with_kernel(exchanged(0, 1)),
    ),
    rule(
        "kernel in for out", (15, 17), (*KERNELS, "dense"), "exchanges the kernel's in and out channels",
        "exchange them back", with_kernel(exchanged(-1, -2)),
    ),
    rule(
        "HWIO numbers read as OIHW", 15, ("conv2d", "conv2d_transpose"),
        "reshapes a kernel (height, width, in, out) to (out, in, height, width)",
        "use transpose(3, 2, 0, 1) instead of reshape", with_kernel(*written_as(3, 2, 0, 1)),
    ),
    rule(
        "OIHW numbers read as HWIO", 15, ("conv2d", "conv2d_transpose"),
        "reshapes a kernel (out, in, height, width) to (height, width, in, out)",
        "use transpose(2, 3, 1, 0) instead of reshape", with_kernel(*read_as(3, 2, 0, 1)),
    ),
    rule(
        "dense kernel read as (out, in)", 17, "dense", "reshapes a kernel (in, out) to (out, in)",
        "transpose it instead", with_kernel(*written_as(1, 0)),
    ),
    rule(
        "channels reversed", 37, CONVOLUTIONS, "takes the input channels in reverse, as BGR for RGB",
        "reverse the input: x[..., ::-1]", reversed_channels,
    ),
    rule(
        "multiplier first", 16, "depthwise_conv2d", "orders its outputs m * channels + c",
        "order them c * multiplier + m", multiplier_first,
    ),
    rule(
        "interleaved groups", 15, "conv2d", "takes every groups-th channel as a group",
        "take neighbouring channels as a group", interleaved_groups,
    ),
    rule("no bias", (), (*KERNELS, "dense"), "leaves the bias out", "add the bias", without_bias),
    rule("bias twice", (), (*KERNELS, "dense"), "adds the bias twice", "add it once", bias_twice),
    rule(
        "gradients averaged", (), (*KERNELS, "dense"), "divides the gradients of weights by the batch size",
        "add them up over the batch", averaged,
    ),
    rule(
        "start cropped", 20, "conv2d_transpose", "crops the odd pixel from the start (PyTorch, SAME_LOWER)",
        "crop the end, as Keras does", start_cropped,
    ),
    rule(
        "size of the gradient", 19, "conv2d_transpose", "makes (n - 1) * s + k outputs",
        "make (n - 1) * s + max(k, s), or give padding=0 here", explicit_size,
    ),
]  # fmt: skip
