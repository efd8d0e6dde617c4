"""Every op of numpycnn.testing with TensorFlow's own, one module for each of its modules."""

from reference_tests.catalogue import (
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
