"""Memory for arrays that live for one step of an op, kept by each thread from one call to the next.

The system hands out new memory page by page, at the first touch: 4 MB of it take longer than a convolution needs to
fill them. Whoever takes an array here is done with it before the same thread asks for one of the same name again.
"""

import threading
from math import prod

import numpy as np

KEPT_BYTES = 2**23
"""The most that is kept for one name in one thread; larger arrays are new."""


def scratch(name: str, shape: tuple[int, ...], dtype) -> np.ndarray:
    """An array of this shape with anything in it.

    >>> scratch("columns", (2, 3), np.float32).shape
    (2, 3)
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size > KEPT_BYTES:
        return np.empty(shape, dtype)
    kept = _kept.__dict__.get(name)
    if kept is None or len(kept) < size:
        kept = _kept.__dict__[name] = np.empty(size, np.uint8)
    return kept[:size].view(dtype).reshape(shape)


_kept = threading.local()
