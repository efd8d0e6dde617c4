"""Arrays channels first and back: images (batch, C, H, W), kernels (out, in, H, W), as PyTorch and ONNX have them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from numpycnn.verification.calls import Call

__all__ = ["Layout", "layout_of"]

OIHW = (3, 2, 0, 1)
KERNELS = {
    ("conv2d", "kernel"): OIHW,
    ("conv2d_transpose", "kernel"): OIHW,  # (H, W, out, in) to (in, out, H, W)
    ("separable_conv2d", "pointwise_kernel"): OIHW,
    ("prelu", "alpha"): (2, 0, 1),
}
DEPTHWISE = {("depthwise_conv2d", "kernel"), ("separable_conv2d", "depthwise_kernel")}
WITHOUT = ("dense", "radial_basis", "reshape")
AXES = {0: 0, 1: 2, 2: 3, 3: 1}


class Layout:
    """Everything as it is here: channels last."""

    name = "nhwc"

    def there(self, op: str, name: str, array):
        """An array of the op as the other side has it."""
        return array

    def back(self, op: str, name: str, array, call: Call):
        """One of the other side's, as it is here."""
        return array

    def options(self, call: Call) -> Mapping[str, Any]:
        return call.options

    def text(self, op: str, name: str, array, expression: str) -> str:
        """Python that turns the other side's array into ours."""
        return expression


class ChannelsFirst(Layout):
    name = "nchw"

    def there(self, op, name, array):
        if (op, name) in DEPTHWISE and array is not None:
            kh, kw, channels, multiplier = array.shape
            return array.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, kh, kw)
        axes = self.axes(op, name, array)
        return array if axes is None or array is None else np.ascontiguousarray(array.transpose(axes))

    def back(self, op, name, array, call):
        if (op, name.removeprefix("d")) in DEPTHWISE:
            kh, kw, channels, multiplier = call.arrays[name.removeprefix("d")].shape
            if array.shape == (channels * multiplier, 1, kh, kw):
                return array.reshape(channels, multiplier, kh, kw).transpose(2, 3, 0, 1)
            return array
        axes = self.axes(op, name.removeprefix("d") if name != "dy" else name, array)
        return array if axes is None else array.transpose(np.argsort(axes))

    def axes(self, op, name, array) -> tuple[int, ...] | None:
        """The order of our axes on the other side."""
        if array is None:
            return None
        if (op, name) in KERNELS:
            axes = KERNELS[op, name]
            return axes if np.ndim(array) == len(axes) else None
        image = np.ndim(array) == 4 and op not in WITHOUT and "kernel" not in name and (op, name) not in DEPTHWISE
        return (0, 3, 1, 2) if image else None

    def options(self, call):
        """Axes count the other way; several of them would reorder gamma and beta as well and stay as they are."""
        axis, images = call.options.get("axis"), [a for a in call.arrays.values() if np.ndim(a) == 4]
        if not isinstance(axis, int) or not images or call.forward_op in WITHOUT:
            return call.options
        return {**call.options, "axis": AXES[axis % 4]}

    def text(self, op, name, array, expression):
        if (op, name) in DEPTHWISE:
            kh, kw, channels, multiplier = array.shape
            return f"{expression}.reshape({channels}, {multiplier}, {kh}, {kw}).transpose(2, 3, 0, 1)"
        axes = self.axes(op, name, array)
        if axes is None:
            return expression
        return f"{expression}.transpose({', '.join(map(str, np.argsort(axes)))})"


def layout_of(name: str) -> Layout:
    """ "nhwc" or "nchw"; ValueError for another."""
    layouts = {layout.name: layout for layout in (Layout(), ChannelsFirst())}
    if name not in layouts:
        raise ValueError(f"check: layout must be {' or '.join(layouts)}; got layout {name!r}.")
    return layouts[name]
