"""Every op of the package as its tests see it, one module for each module of numpycnn.ops, and boxes."""

from difflib import get_close_matches

from numpycnn.testing.cases import Op
from numpycnn.testing.catalogue import (
    activations,
    borders,
    boxes,
    conv,
    conv_transpose,
    dense,
    group_normalization,
    losses,
    merging,
    normalization,
    pooling,
    resize,
)

OPS = [
    *activations.OPS,
    *borders.OPS,
    *boxes.OPS,
    *conv.OPS,
    *conv_transpose.OPS,
    *dense.OPS,
    *group_normalization.OPS,
    *losses.OPS,
    *merging.OPS,
    *normalization.OPS,
    *pooling.OPS,
    *resize.OPS,
]


def find_op(name: str) -> Op:
    """The op of this name; ValueError where there is none."""
    for op in OPS:
        if op.name == name:
            return op
    close = get_close_matches(name, [op.name for op in OPS], n=3)
    rather = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(op.name for op in OPS)}."
    raise ValueError(f"there is no op {name!r} in the catalogue; {rather}")
