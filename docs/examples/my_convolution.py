"""A convolution that somebody wrote: right where "same" needs an even number of zeros, off by a pixel elsewhere.

`numpycnn check docs/examples/my_convolution.py:my_conv2d --op conv2d` says so, and why.
"""

import numpy as np


def my_conv2d(x, kernel, bias=None, *, stride=1, padding="valid"):
    """Images (batch, height, width, channels), kernel (height, width, in, out), one stride for both axes."""
    kh, kw, _, filters = kernel.shape
    stride = int(stride)
    if padding == "same":
        totals = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in zip(x.shape[1:3], (kh, kw), strict=True)]
        x = np.pad(x, ((0, 0), *((total - total // 2, total // 2) for total in totals), (0, 0)))
    elif padding != "valid":
        raise NotImplementedError("padding must be same or valid")
    height, width = (x.shape[1] - kh) // stride + 1, (x.shape[2] - kw) // stride + 1
    y = np.zeros((len(x), height, width, filters), x.dtype)
    for i in range(height):
        for j in range(width):
            seen = x[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
            y[:, i, j] = np.tensordot(seen, kernel, 3)
    return y if bias is None else y + bias
