"""Transposed convolution: the gradient of a convolution by its images, used to make images larger."""

from numpycnn.ops.arguments import IMAGES, accumulator, check_rank, check_shape, fail, floating, ieee, integer
from numpycnn.ops.conv import check_bias
from numpycnn.ops.correlation import correlate, correlate_to_input, correlate_to_kernel, sum_per_channel
from numpycnn.ops.windows import Window, transposed_window

__all__ = ["conv2d_transpose", "conv2d_transpose_backward"]


@ieee
def conv2d_transpose(
    x, kernel, bias=None, *, strides=1, padding="valid", output_padding=None, dilation_rate=1, groups=1
):
    """Spread each pixel, times a bank of kernels, over the pixels that a convolution would have read for it.

    y[n,p,q,o] = bias[o] + sum over the pixels (i,j), taps (a,b) and channels c of the filter's group with
                 i*sh + a*dh - top = p  and  j*sw + b*dw - left = q
                 of x[n,i,j,c] * kernel[a,b, o mod (O/groups), c],   group of o: o // (O/groups), of c: c // (C/groups)

    With e = dh*(kh - 1) + 1, the height is
        "valid"           (height - 1)*sh + e + max(sh - e, 0), or (height - 1)*sh + e + output_padding
        "same"            height*sh, or (height - 1)*sh + e % 2 + output_padding
        pads in pixels    (height - 1)*sh + e - top - bottom + output_padding
    and "same" crops top = max(0, (height - 1)*sh + e - its height) // 2. The width is made alike.

    Args:
        x: images (batch, height, width, C), float16, float32 or float64.
        kernel: (kh, kw, O // groups, C): the filters come before the channels.
        bias: (O,) or None.
        strides, dilation_rate: one integer or (height, width), at least 1.
        padding: "valid", "same", an integer, or ((top, bottom), (left, right)): pixels cropped from the output.
        output_padding: None, one integer or (height, width), below the strides: rows and columns added at the end.
        groups: how many groups channels and filters are split into; divides both.

    Returns: (batch, out_height, out_width, O) in the dtype of the arguments; sums are never narrower than float32.

    Raises: ValueError for ranks, channels, groups, strides, padding, output_padding, or an output without pixels;
        TypeError for a dtype that is no number.

    Source: keras.ops.conv_transpose, tf.nn.conv2d_transpose; Dumoulin & Visin, arXiv:1603.07285, section 4.

    >>> import numpy as np
    >>> conv2d_transpose(np.ones((1, 5, 4, 3)), np.ones((3, 2, 7, 3)), strides=2, padding="same").shape
    (1, 10, 8, 7)
    """
    op = "conv2d_transpose"
    x, kernel, bias = floating(op, x=x, kernel=kernel, bias=bias)
    window = conv2d_transpose_window(op, x, kernel, bias, strides, padding, output_padding, dilation_rate, groups)
    y = correlate_to_input(x.astype(accumulator(x.dtype), copy=False), kernel, window, groups)
    if bias is not None:
        y += bias
    return y.astype(x.dtype, copy=False)


@ieee
def conv2d_transpose_backward(
    dy, x, kernel, *, strides=1, padding="valid", output_padding=None, dilation_rate=1, groups=1
):
    """The gradients of a loss through `conv2d_transpose`: the convolution it is the gradient of, and its kernel's.

    dx[n,i,j,c] = sum over a,b and the filters o of the channel's group of
                  dy[n, i*sh + a*dh - top, j*sw + b*dw - left, o] * kernel[a,b, o mod (O/groups), c]
    dkernel[a,b,o,c] = sum over n,i,j of x[n,i,j,c] * dy[n, i*sh + a*dh - top, j*sw + b*dw - left, o']
                       where o' is filter o of the channel's group
    dbias[o] = sum over n,p,q of dy[n,p,q,o]

    Args: dy of the output's shape; the others as in `conv2d_transpose`.   Returns: dx, dkernel, dbias.

    >>> import numpy as np
    >>> x, kernel, dy = np.ones((1, 5, 4, 3)), np.ones((3, 2, 7, 3)), np.ones((1, 7, 5, 7))
    >>> [d.shape for d in conv2d_transpose_backward(dy, x, kernel)]
    [(1, 5, 4, 3), (3, 2, 7, 3), (7,)]
    """
    op = "conv2d_transpose_backward"
    dy, x, kernel = floating(op, dy=dy, x=x, kernel=kernel)
    window = conv2d_transpose_window(op, x, kernel, None, strides, padding, output_padding, dilation_rate, groups)
    shape = (len(x), window.rows.size, window.columns.size, kernel.shape[2] * groups)
    check_shape(op, shape, "the shape of the output", dy=dy)
    return (
        correlate(dy, kernel, None, window, groups),
        correlate_to_kernel(x, dy, kernel.shape, window, groups),
        sum_per_channel(dy),
    )


def conv2d_transpose_window(op, x, kernel, bias, strides, padding, output_padding, dilation_rate, groups) -> Window:
    check_rank(op, IMAGES, x=x)
    check_rank(op, "(kernel_height, kernel_width, filters // groups, channels)", kernel=kernel)
    groups = integer(op, "groups", groups)
    if x.shape[3] != kernel.shape[3]:
        fail(op, f"x channels ({x.shape[3]}) must equal kernel.shape[3] ({kernel.shape[3]})", x=x, kernel=kernel)
    if kernel.shape[3] % groups:
        fail(op, f"groups ({groups}) must divide the channels kernel.shape[3] ({kernel.shape[3]})", x=x, kernel=kernel)
    check_bias(op, kernel.shape[2] * groups, bias)
    return transposed_window(
        op, x.shape[1:3], kernel.shape[:2], strides=strides, padding=padding, output_padding=output_padding,
        dilation_rate=dilation_rate,
    )  # fmt: skip
