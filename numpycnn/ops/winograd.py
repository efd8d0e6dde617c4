"""Convolution of 3x3 kernels by Winograd's F(2x2, 3x3): each tile of 2x2 outputs in 16 products instead of 36."""

LEAST_CHANNELS = 10**9
LEAST_TILES = 256


def correlate(x, kernel, window, y):
    raise NotImplementedError
