"""Every op of numpycnn.testing with TensorFlow's own, one module for each module of numpycnn.ops."""

from reference_tests.catalogue import (
    activations,
    borders,
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
