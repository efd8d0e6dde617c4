"""Every op of the package as the tests see it, one module for each module of numpycnn.ops."""

from reference_tests.catalogue import borders, conv, conv_transpose, normalization, pooling, resize

OPS = [*borders.OPS, *conv.OPS, *conv_transpose.OPS, *normalization.OPS, *pooling.OPS, *resize.OPS]
