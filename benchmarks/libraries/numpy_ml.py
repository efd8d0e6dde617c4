"""numpy-ml 0.1.2, images last in channels; it names a class of `collections` that Python moved long ago."""

import collections
import collections.abc

from benchmarks.libraries.padding import same_pads
from benchmarks.rows import Call


def layers():
    collections.Hashable = collections.abc.Hashable
    from numpy_ml.neural_nets import layers

    return layers


def convolution(case):
    """The layer with the case's kernel, and the case's x and dy."""
    x, kernel, dy = case.arrays()
    (top, bottom), (left, right) = same_pads(case)
    size = (case.kernel, case.kernel)
    layer = layers().Conv2D(case.filters, size, pad=(top, bottom, left, right), stride=case.strides)
    layer.in_ch = case.image[2]
    layer._init_params()
    layer.parameters["W"] = kernel
    layer.parameters["b"] = layer.parameters["b"].astype(kernel.dtype)
    return layer, x, dy


def conv2d(case):
    layer, x, _ = convolution(case)
    return lambda: layer.forward(x, retain_derived=False)


def conv2d_backward(case):
    layer, x, dy = convolution(case)
    layer.forward(x)

    def zeroed():
        layer.gradients = {"W": 0, "b": 0}

    def gradients(_):
        dx = layer.backward(dy)
        return dx, layer.gradients["W"], layer.gradients["b"].reshape(-1)

    return Call(gradients, zeroed)


def pool2d(case):
    (top, bottom), (left, right) = same_pads(case)
    pool = layers().Pool2D(
        (case.kernel, case.kernel), case.strides, (top, bottom, left, right), {"avg": "average"}.get(case.kind, "max")
    )
    (x,) = case.inputs()
    return lambda: pool.forward(x, retain_derived=False)


def _batch_norm(arrays, epsilon):
    x, gamma, beta, dy = arrays()
    layer = layers().BatchNorm2D(epsilon=epsilon)
    layer.in_ch = x.shape[-1]
    layer._init_params()
    layer.parameters |= {"scaler": gamma, "intercept": beta}
    return layer, x, dy


def batch_norm(arrays, epsilon):
    layer, x, _ = _batch_norm(arrays, epsilon)

    def run():
        layer.parameters |= {"running_mean": 0 * x[0, 0, 0], "running_var": 1 + 0 * x[0, 0, 0]}
        return layer.forward(x, retain_derived=False)

    return run


def batch_norm_backward(arrays, epsilon):
    layer, x, dy = _batch_norm(arrays, epsilon)
    layer.forward(x)

    def zeroed():
        layer.gradients = {"scaler": 0, "intercept": 0}

    def gradients(_):
        dx = layer.backward(dy)
        return dx, layer.gradients["scaler"], layer.gradients["intercept"]

    return Call(gradients, zeroed)
