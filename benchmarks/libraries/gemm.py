"""One matrix product of the same MACs, which is what the machine's BLAS does in one go: two for a backward."""

import numpy as np

from benchmarks.rows import drawn


def forward(case):
    rows, terms, columns = case.product
    a, b = drawn((rows, terms), (terms, columns))
    return lambda: np.matmul(a, b)


def backward(case):
    rows, terms, columns = case.product
    a, b, dy = drawn((rows, terms), (terms, columns), (rows, columns))
    return lambda: (np.matmul(dy, b.T), np.matmul(a.T, dy))
