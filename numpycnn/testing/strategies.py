"""Strategies: sizes no two of which are equal, and arrays with ties, extremes and unusual storage.

Hypothesis draws what it can shrink to a readable case (sizes, options, the kind of data, a seed); the numbers
themselves come from NumPy's generator under that seed, so that large arrays cost nothing to draw.
"""

import numpy as np
from hypothesis import strategies as st

__all__ = [
    "DTYPES",
    "KINDS",
    "STORAGES",
    "arrays",
    "distinct",
    "extent",
    "paddings",
    "stored_otherwise",
    "values",
    "with_specials",
]

DTYPES = (np.float16, np.float32, np.float64)
KINDS = ("normal", "integers", "wide", "zeros")


@st.composite
def distinct(draw, *ranges: tuple[int, int]) -> tuple[int, ...]:
    """One size from each closed range, no two alike: a mistaken axis cannot hide behind an equal one."""
    sizes: list[int] = []
    for low, high in ranges:
        sizes.append(draw(st.integers(low, high).filter(lambda size: size not in sizes)))
    return tuple(sizes)


def values(rng: np.random.Generator, shape, kind: str) -> np.ndarray:
    """float64 numbers that float16 holds as well.

    "normal"; "integers" from -4 to 4 (ties, exact sums); "wide" over four decades and both signs; "zeros".
    """
    if kind == "integers":
        numbers = rng.integers(-4, 5, shape)
    elif kind == "wide":
        numbers = rng.normal(size=shape) * 10.0 ** rng.uniform(-3.5, 0.5, shape)
    elif kind == "zeros":
        numbers = np.zeros(shape)
    else:
        numbers = rng.normal(size=shape)
    return np.asarray(numbers, np.float16).astype(np.float64)


@st.composite
def arrays(draw, kinds=KINDS, **shapes) -> dict[str, np.ndarray | None]:
    """A float64 array for each named shape (None stays None), all of one drawn kind."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    kind = draw(st.sampled_from(kinds), label="kind")
    return {name: None if shape is None else values(rng, shape, kind) for name, shape in shapes.items()}


def with_specials(rng: np.random.Generator, array: np.ndarray, count: int = 3) -> np.ndarray:
    """A copy with up to `count` of its elements replaced by NaN and both infinities."""
    changed = array.copy()
    if changed.size:
        changed.flat[rng.integers(0, changed.size, count)] = rng.permutation([np.nan, np.inf, -np.inf])[:count]
    return changed


def stored_otherwise(array: np.ndarray, how: str) -> np.ndarray:
    """The same values in another storage: "strided", "reversed", "fortran", "big-endian"; all read-only.

    Without an axis there is only "big-endian".
    """
    if not array.ndim:
        how = "big-endian"
    if how == "strided":
        wide = np.zeros((*array.shape[:-1], array.shape[-1] * 2), array.dtype)
        wide[..., ::2] = array
        other = wide[..., ::2]
    elif how == "reversed":
        other = np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    elif how == "fortran":
        other = np.asfortranarray(array)
    else:
        other = array.astype(array.dtype.newbyteorder(">"))
    other.setflags(write=False)
    return other


STORAGES = ("strided", "reversed", "fortran", "big-endian")


@st.composite
def paddings(draw, extents: tuple[int, int]):
    """ "valid", "same", an integer or explicit pairs, each pad below the window's extent on its axis."""
    (top, bottom), (left, right) = (
        (draw(st.integers(0, extent - 1)), draw(st.integers(0, extent - 1))) for extent in extents
    )
    explicit = ((top, bottom), (left, right))
    return draw(st.sampled_from(["valid", "same", min(top, left), explicit]), label="padding")


def extent(kernel: int, dilation: int) -> int:
    return dilation * (kernel - 1) + 1
