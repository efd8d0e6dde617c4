"""Arrays in, arrays out: every operation of the specification with its backward."""

from numpycnn.ops.conv import (
    conv2d,
    conv2d_backward,
    depthwise_conv2d,
    depthwise_conv2d_backward,
    separable_conv2d,
    separable_conv2d_backward,
)
