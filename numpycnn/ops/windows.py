"""The geometry of a sliding window: padding, output size, and which pixel lies behind which output.

Output i of an axis sees, through tap k of the kernel, the input pixel

    i * stride + k * dilation - before

and where that index falls outside 0 .. size - 1 it sees padding. Convolution, transposed convolution and
pooling all read their geometry here and nowhere else.

Source: tf.nn.convolution ("Note on padding"); Dumoulin & Visin, arXiv:1603.07285.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from numpycnn.ops.arguments import entries, fail, pair

BLOCK_BYTES = 2**21
"""The most window values, in bytes, that exist at one time: small enough to stay in a core's cache."""


class Reach(NamedTuple):
    """Along one axis, output i reads the inputs from i * step + first to i * step + last, both included.

    Fractions where something makes images larger: there the inputs read lie between the two numbers.
    """

    step: int | Fraction = 1
    first: int | Fraction = 0
    last: int | Fraction = 0


class Axis(NamedTuple):
    """One axis of a sliding window, in pixels.

    `before` and `after` are the padding at its two ends. Pixels at the end that no window reaches may stay over;
    in a transposed convolution they count as negative `after`.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    output: int

    @property
    def extent(self) -> int:
        """Pixels from the first tap of the kernel to its last, both included."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def reach(self) -> Reach:
        """Which pixels an output sees, padding included."""
        return Reach(self.stride, -self.before, self.extent - 1 - self.before)

    @property
    def transposed_reach(self) -> Reach:
        """Which outputs see a pixel: the outputs that a transposed convolution makes it of."""
        ends = self.before - self.extent + 1, self.before
        return Reach(Fraction(1, self.stride), *(Fraction(end, self.stride) for end in ends))

    def pixels(self, output: int) -> list[int]:
        """The pixel that an output sees through each tap; below 0, and from `size` on, it is padding."""
        return [output * self.stride + k * self.dilation - self.before for k in range(self.kernel)]

    def readers(self, pixel: int) -> list[tuple[int, int]]:
        """The outputs that see a pixel, each with the tap through which it does."""
        found = []
        for k in reversed(range(self.kernel)):
            output, rest = divmod(pixel + self.before - k * self.dilation, self.stride)
            if rest == 0 and 0 <= output < self.output:
                found.append((output, k))
        return found

    @property
    def unread(self) -> list[int]:
        """The pixels that no window sees."""
        return [pixel for pixel in range(self.size) if not self.readers(pixel)]

    def tap(self, k: int, start: int = 0, stop: int | None = None) -> tuple[slice, slice]:
        """Tap k over the outputs start .. stop - 1: (outputs that see a real pixel, the pixels they see).

        The output slice counts from `start`. Both slices have the same length, possibly zero.
        """
        stop = self.output if stop is None else stop
        offset = k * self.dilation - self.before
        first = max(start, -(offset // self.stride))
        last = max(first, min(stop, (self.size - 1 - offset) // self.stride + 1))
        pixel = first * self.stride + offset
        return (
            slice(first - start, last - start),
            slice(pixel, pixel + (last - first - 1) * self.stride + 1 if last > first else pixel, self.stride),
        )


class Window(NamedTuple):
    """The two axes of an image under a sliding window."""

    rows: Axis
    columns: Axis

    @property
    def output_shape(self) -> tuple[int, int]:
        return self.rows.output, self.columns.output

    @property
    def reach(self) -> tuple[Reach, Reach]:
        return self.rows.reach, self.columns.reach

    @property
    def transposed_reach(self) -> tuple[Reach, Reach]:
        return self.rows.transposed_reach, self.columns.transposed_reach

    @property
    def taps(self) -> list[tuple[int, int]]:
        """Every (a, b) of the kernel, in row order: the order in which "first of the window" is meant."""
        return list(np.ndindex(self.rows.kernel, self.columns.kernel))


class Block(NamedTuple):
    """A rectangle of outputs over some images: slices without step into batch, output rows, output columns."""

    images: slice
    rows: slice
    columns: slice


def sliding_window(op, image_shape, kernel_size, *, strides=1, padding="valid", dilation_rate=1) -> Window:
    """The window geometry of an op over images of (height, width).

    Raises: ValueError or TypeError naming `op` for a kernel, stride or dilation below 1, an unknown padding,
    or a kernel larger than its padded input.
    """
    kernel_size = pair(op, "kernel_size", kernel_size)
    strides = pair(op, "strides", strides)
    dilation_rate = pair(op, "dilation_rate", dilation_rate)
    pads = explicit_pads(op, padding) or (padding, padding)
    axes = [
        _axis(op, name, image_shape[i], kernel_size[i], strides[i], dilation_rate[i], pads[i])
        for i, name in enumerate(("height", "width"))
    ]
    return Window(*axes)


def explicit_pads(op, padding) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """((top, bottom), (left, right)) where padding is given in pixels; None for "valid" and "same"."""
    if isinstance(padding, str) and padding in ("valid", "same"):
        return None
    if isinstance(padding, str) or (entries(padding) and list(map(entries, padding)) != [2, 2]):
        fail(op, 'padding must be "valid", "same", an integer or ((top, bottom), (left, right))', padding=padding)
    rows, columns = padding if entries(padding) else (padding, padding)
    return pair(op, "padding", rows, least=0), pair(op, "padding", columns, least=0)


def _axis(op, name, size, kernel, stride, dilation, padding) -> Axis:
    extent = dilation * (kernel - 1) + 1
    if padding == "same":
        output = -(-size // stride)
        total = max(0, (output - 1) * stride + extent - size)
        return Axis(size, kernel, stride, dilation, total // 2, total - total // 2, output)
    before, after = (0, 0) if padding == "valid" else padding
    if extent > size + before + after:
        fail(
            op,
            f"the kernel must fit the padded {name}: {dilation} * ({kernel} - 1) + 1 = {extent} must be at most "
            f"{before} + {size} + {after} = {before + size + after}",
            padding=padding,
        )
    output = (size + before + after - extent) // stride + 1
    return Axis(size, kernel, stride, dilation, before, after, output)


def transposed_window(
    op, image_shape, kernel_size, *, strides=1, padding="valid", output_padding=None, dilation_rate=1
) -> Window:
    """The geometry of the convolution whose gradient is a transposed convolution of images of (height, width).

    It runs the other way: its images are what the transposed convolution gives, its outputs what that takes.

    Raises: as `sliding_window`, and ValueError for an output_padding that is not below its stride, or where
    nothing would be left of the output.
    """
    kernel_size = pair(op, "kernel_size", kernel_size)
    strides = pair(op, "strides", strides)
    dilation_rate = pair(op, "dilation_rate", dilation_rate)
    pads = explicit_pads(op, padding) or (padding, padding)
    added = (None, None)
    if output_padding is not None:
        added = pair(op, "output_padding", output_padding, least=0)
        if added[0] >= strides[0] or added[1] >= strides[1]:
            fail(op, f"output_padding {added} must be less than strides {strides} on each axis")
    axes = [
        _transposed_axis(op, name, image_shape[i], kernel_size[i], strides[i], dilation_rate[i], pads[i], added[i])
        for i, name in enumerate(("height", "width"))
    ]
    return Window(*axes)


def _transposed_axis(op, name, size, kernel, stride, dilation, padding, added) -> Axis:
    extent = dilation * (kernel - 1) + 1
    reach = (size - 1) * stride + extent
    if padding == "valid":
        before, after = 0, -(max(stride - extent, 0) if added is None else added)
    elif padding == "same":
        output = size * stride if added is None else (size - 1) * stride + extent % 2 + added
        before = max(0, reach - output) // 2
        after = reach - output - before
    else:
        before, after = padding[0], padding[1] - (added or 0)
    output = reach - before - after
    if output < min(size, 1):
        fail(
            op,
            f"the output must keep a pixel of its {name}: ({size} - 1) * {stride} + {extent} = {reach} "
            f"less {before + after} is {output}",
            padding=padding,
            output_padding=added,
        )
    return Axis(output, kernel, stride, dilation, before, after, size)


def opposite(window: Window) -> Window:
    """A window without strides, read from its pixels to its outputs: each pixel is seen by outputs, last tap first."""
    return Window(
        *(
            axis._replace(
                size=axis.output,
                before=axis.extent - 1 - axis.before,
                after=axis.size + axis.before - axis.output,
                output=axis.size,
            )
            for axis in window
        )
    )


def blocks(window: Window, batch: int, window_bytes: int, times: int = 1) -> Iterator[Block]:
    """Cut all outputs into blocks whose windows, of `window_bytes` each, take at most `times` BLOCK_BYTES together."""
    height, width = window.output_shape
    budget = max(1, times * BLOCK_BYTES // max(1, window_bytes))
    columns = _even(width, budget)
    rows = _even(height, budget // columns)
    images = _even(batch, budget // (columns * rows))
    for n in range(0, batch, images):
        for i in range(0, height, rows):
            for j in range(0, width, columns):
                yield Block(
                    slice(n, min(n + images, batch)),
                    slice(i, min(i + rows, height)),
                    slice(j, min(j + columns, width)),
                )


def _even(total: int, most: int) -> int:
    """The size of the fewest parts of about one size, each of at most `most`, or 1, that make up a total."""
    parts = -(-total // max(1, most))
    return -(-total // max(1, parts)) or 1


def cut(window: Window, block: Block) -> tuple[tuple[slice, slice, slice], Window]:
    """The pixels behind a block of outputs, as an index into images, and the window over them as if they were all.

    What an op does to a block is then what it does to an image.
    """
    spans = [_span(axis, outputs) for axis, outputs in zip(window, block[1:], strict=True)]
    axes = [
        axis._replace(size=p.stop - p.start, before=before, after=after, output=outputs.stop - outputs.start)
        for axis, outputs, (p, before, after) in zip(window, block[1:], spans, strict=True)
    ]
    return (block.images, spans[0][0], spans[1][0]), Window(*axes)


def _span(axis: Axis, outputs: slice) -> tuple[slice, int, int]:
    """The pixels that some outputs of an axis see, and the padding before and after them."""
    first = outputs.start * axis.stride - axis.before
    stop = (outputs.stop - 1) * axis.stride - axis.before + axis.extent
    low, high = min(max(first, 0), axis.size), max(min(stop, axis.size), 0)
    high = max(low, high)
    return slice(low, high), low - first, stop - high


def window_view(x: np.ndarray, window: Window, block: Block, fill: float = 0) -> np.ndarray:
    """The windows behind a block of outputs, as a read-only view: (images, rows, columns, kh, kw, channels).

    Only the pixels under this block are copied, and only where the block reaches into padding.
    """
    slab = padded_pixels(x, window, block, fill)
    batch, _, _, channels = slab.shape
    sn, sh, sw, sc = slab.strides
    (rows, columns), (_, i, j) = window, block
    return as_strided(
        slab,
        (batch, i.stop - i.start, j.stop - j.start, rows.kernel, columns.kernel, channels),
        (sn, sh * rows.stride, sw * columns.stride, sh * rows.dilation, sw * columns.dilation, sc),
        writeable=False,
    )


def padded_pixels(x: np.ndarray, window: Window, block: Block, fill: float = 0) -> np.ndarray:
    """The padded pixels that a block of outputs sees, a view of x where no padding is among them."""
    spans = [_span(axis, outputs) for axis, outputs in zip(window, block[1:], strict=True)]
    cuts, pads = [span[0] for span in spans], [span[1:] for span in spans]
    inside = x[block.images, cuts[0], cuts[1]]
    if not any(map(any, pads)):
        return inside
    (top, bottom), (left, right) = pads
    batch, height, width, channels = inside.shape
    padded = np.full((batch, top + height + bottom, left + width + right, channels), fill, x.dtype)
    padded[:, top : top + height, left : left + width] = inside
    return padded


def add_tap(dx: np.ndarray, values: np.ndarray, window: Window, block: Block, a: int, b: int) -> None:
    """Add what flows back through tap (a, b) of a block's windows onto the pixels it came from, in place.

    values: (images, rows, columns, channels) of the block. What belongs to padding is dropped. Over all taps
    this is the adjoint of `window_view`.
    """
    rows_out, rows_in = window.rows.tap(a, block.rows.start, block.rows.stop)
    columns_out, columns_in = window.columns.tap(b, block.columns.start, block.columns.stop)
    dx[block.images, rows_in, columns_in] += values[:, rows_out, columns_out]
