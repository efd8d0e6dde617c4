"""Convolution, which is a cross-correlation here as in every framework; the depthwise one is in depthwise.py.

Here are the definition and the rules; `ops.correlation` has its contractions (with the kernel, back to the input, back
to the kernel) and the choice between the ways to compute them, `ops.winograd` one that is chosen by name only.
"""

from numpycnn.ops.arguments import IMAGES, check_rank, check_shape, fail, floating, ieee, integer
from numpycnn.ops.correlation import correlate, correlate_to_input, correlate_to_kernel, sum_per_channel
from numpycnn.ops.windows import Window, sliding_window
from numpycnn.ops.winograd import tile, winograd, winograd_to_input

__all__ = [
    "conv2d",
    "conv2d_backward",
]


@ieee
def conv2d(x, kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1, groups=1, algorithm=None):
    """Cross-correlate images with a bank of kernels.

    y[n,i,j,o] = bias[o] + sum over a < kh, b < kw, c < C/groups of
                 x_pad[n, i*sh + a*dh, j*sw + b*dw, g*C/groups + c] * kernel[a,b,c,o],   g = o // (O/groups)

    Args:
        x: images (batch, height, width, C), float16, float32 or float64.
        kernel: (kh, kw, C // groups, O).
        bias: (O,) or None.
        strides, dilation_rate: one integer or (height, width), at least 1.
        padding: "valid", "same", an integer, or ((top, bottom), (left, right)) in pixels.
        groups: how many groups channels and filters are split into; divides both.
        algorithm: None: sums of plain products. "winograd_2x2", "winograd_4x4": for 3x3 kernels without strides,
            dilation or groups, from fewer products, in tiles of so many outputs; other roundings (see ops/winograd.py).

    Returns: (batch, out_height, out_width, O) in the dtype of the arguments; sums are never narrower than float32.

    Raises: ValueError for ranks, channels, groups, strides, padding, a kernel larger than its padded input, or an
        algorithm that is unknown or does not know this convolution;
        TypeError for a dtype that is no number.

    Source: tf.nn.conv2d; Dumoulin & Visin, arXiv:1603.07285.

    >>> import numpy as np
    >>> conv2d(np.ones((1, 5, 4, 3)), np.ones((3, 2, 3, 7))).shape
    (1, 3, 3, 7)
    """
    x, kernel, bias = floating("conv2d", x=x, kernel=kernel, bias=bias)
    window = conv2d_window("conv2d", x, kernel, bias, strides, padding, dilation_rate, groups)
    if algorithm is not None:
        return winograd(tile("conv2d", algorithm, window, groups), x, kernel, bias, window)
    return correlate(x, kernel, bias, window, groups)


@ieee
def conv2d_backward(dy, x, kernel, *, strides=1, padding="valid", dilation_rate=1, groups=1, algorithm=None):
    """The gradients of a loss through `conv2d`, from dy, its gradient by the output.

    dx[n,p,q,c] = sum over the outputs (i,j,o) and taps (a,b) that see the pixel of dy[n,i,j,o] * kernel[a,b,c,o]
    dkernel[a,b,c,o] = sum over n,i,j of x_pad[n, i*sh + a*dh, j*sw + b*dw, c] * dy[n,i,j,o]
    dbias[o] = sum over n,i,j of dy[n,i,j,o]

    Args: dy of the output's shape; the others as in `conv2d`; a named algorithm gives dx.
    Returns: dx, dkernel, dbias.

    >>> import numpy as np
    >>> [d.shape for d in conv2d_backward(np.ones((1, 3, 3, 7)), np.ones((1, 5, 4, 3)), np.ones((3, 2, 3, 7)))]
    [(1, 5, 4, 3), (3, 2, 3, 7), (7,)]
    """
    dy, x, kernel = floating("conv2d_backward", dy=dy, x=x, kernel=kernel)
    window = conv2d_window("conv2d_backward", x, kernel, None, strides, padding, dilation_rate, groups)
    check_shape("conv2d_backward", (len(x), *window.output_shape, kernel.shape[3]), "the shape of the output", dy=dy)
    if algorithm is not None:
        dx = winograd_to_input(tile("conv2d_backward", algorithm, window, groups), dy, kernel, window)
    else:
        dx = correlate_to_input(dy, kernel, window, groups)
    return (
        dx,
        correlate_to_kernel(dy, x, kernel.shape, window, groups),
        sum_per_channel(dy),
    )


# The rules.


def conv2d_window(op, x, kernel, bias, strides, padding, dilation_rate, groups) -> Window:
    """Check what every form of conv2d checks; return its geometry."""
    check_rank(op, IMAGES, x=x)
    check_rank(op, "(kernel_height, kernel_width, channels // groups, filters)", kernel=kernel)
    groups = integer(op, "groups", groups)
    channels, filters = x.shape[3], kernel.shape[3]
    if channels != kernel.shape[2] * groups:
        rule = f"x channels ({channels}) must equal kernel.shape[2] * groups ({kernel.shape[2]} * {groups})"
        fail(op, rule, x=x, kernel=kernel)
    if filters % groups:
        fail(op, f"groups ({groups}) must divide the filters kernel.shape[3] ({filters})", x=x, kernel=kernel)
    check_bias(op, filters, bias)
    return sliding_window(
        op, x.shape[1:3], kernel.shape[:2], strides=strides, padding=padding, dilation_rate=dilation_rate
    )


def check_bias(op, filters, bias) -> None:
    if bias is not None:
        check_shape(op, (filters,), "one value for each filter", bias=bias)
