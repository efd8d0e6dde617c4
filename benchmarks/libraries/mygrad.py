"""MyGrad, channels first; it pads both ends alike, so that other pads are made by np.pad in the call."""

import numpy as np

from benchmarks.libraries.padding import channels_first, channels_last, filters_first, filters_last, same_pads
from benchmarks.rows import Call


def _convolve(case, x, kernel):
    from mygrad.nnet.layers import conv_nd

    pads = same_pads(case)
    if case.kernel == 1:  # MyGrad wants strides that come out even: the same pixels without the others
        return conv_nd(x[:, :, :: case.strides, :: case.strides], kernel, stride=1)
    if all(before == after for before, after in pads):
        return conv_nd(x, kernel, stride=case.strides, padding=tuple(before for before, _ in pads))
    import mygrad

    # MyGrad has no pad of its own: zeros around x through an assignment, which it follows backwards
    size = [n + sum(pad) for n, pad in zip(case.image[:2], pads, strict=True)]
    padded = mygrad.zeros((case.batch, case.image[2], *size), dtype=np.float32)
    rows, columns = (slice(pad[0], pad[0] + n) for n, pad in zip(case.image[:2], pads, strict=True))
    padded[:, :, rows, columns] = x
    return conv_nd(padded, kernel, stride=case.strides)


def conv2d(case):
    import mygrad

    x, kernel, _ = case.arrays()
    x, kernel = channels_first(x), filters_first(kernel)

    def run():
        with mygrad.no_autodiff:
            return _convolve(case, x, kernel)

    return Call(run, arrays=lambda y: channels_last(np.asarray(y)))


def conv2d_backward(case):
    import mygrad

    x, kernel, dy = case.arrays()
    x, kernel, dy = mygrad.tensor(channels_first(x)), mygrad.tensor(filters_first(kernel)), channels_first(dy)

    def gradients(y):
        y.backward(dy)
        return x.grad, kernel.grad, dy.sum(axis=(0, 2, 3))

    return Call(gradients, lambda: _convolve(case, x, kernel), _named_like_ours)


def _named_like_ours(gradients):
    dx, dkernel, dbias = gradients
    return channels_last(dx), filters_last(dkernel), dbias


def max_pool2d(case):
    import mygrad
    from mygrad.nnet.layers import max_pool

    x = channels_first(case.inputs()[0])

    def run():
        with mygrad.no_autodiff:
            return max_pool(x, (case.kernel,) * 2, (case.strides,) * 2)

    return Call(run, arrays=lambda y: channels_last(np.asarray(y)))


def max_pool2d_backward(case):
    import mygrad
    from mygrad.nnet.layers import max_pool

    x, dy = map(channels_first, case.arrays())
    x = mygrad.tensor(x)

    def gradient(y):
        y.backward(dy)
        return x.grad

    return Call(gradient, lambda: max_pool(x, (case.kernel,) * 2, (case.strides,) * 2), channels_last)


def _batch_norm(arrays, epsilon):
    import mygrad
    from mygrad.nnet.layers import batchnorm

    x, gamma, beta, dy = arrays()
    x, gamma, beta = mygrad.tensor(channels_first(x)), mygrad.tensor(gamma), mygrad.tensor(beta)
    return (x, gamma, beta), channels_first(dy), lambda: batchnorm(x, gamma=gamma, beta=beta, eps=epsilon)


def batch_norm(arrays, epsilon):
    import mygrad

    _, _, forward = _batch_norm(arrays, epsilon)

    def run():
        with mygrad.no_autodiff:
            return forward()

    return Call(run, arrays=lambda y: channels_last(np.asarray(y)))


def batch_norm_backward(arrays, epsilon):
    (x, gamma, beta), dy, forward = _batch_norm(arrays, epsilon)

    def gradients(y):
        y.backward(dy)
        return x.grad, gamma.grad, beta.grad

    return Call(gradients, forward, lambda found: (channels_last(found[0]), *found[1:]))
