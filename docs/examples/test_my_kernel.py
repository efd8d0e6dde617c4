"""A kernel written by hand, for other hardware, held against numpycnn in a test: pytest docs/examples"""

import numpy as np

import numpycnn


def depthwise(x, kernel, *, strides=1):
    """Channels first, plain loops: x (batch, channels, height, width), kernel (channels * multiplier, 1, kh, kw)."""
    n, channels, height, width = x.shape
    outputs, _, kh, kw = kernel.shape
    sh, sw = (strides, strides) if isinstance(strides, int) else strides
    y = np.zeros((n, outputs, (height - kh) // sh + 1, (width - kw) // sw + 1), x.dtype)
    for o in range(outputs):
        for i, j in np.ndindex(y.shape[2:]):
            window = x[:, o * channels // outputs, i * sh : i * sh + kh, j * sw : j * sw + kw]
            y[:, o, i, j] = (window * kernel[o, 0]).sum((1, 2))
    return y


def test_depthwise():
    report = numpycnn.check(depthwise, "depthwise_conv2d", layout="nchw", examples=40)
    assert report.holds, report.summary
