"""Every op of the package as the tests see it, one module for each module of numpycnn.ops."""

from reference_tests.catalogue import borders, conv, conv_transpose, resize

OPS = [*borders.OPS, *conv.OPS, *conv_transpose.OPS, *resize.OPS]
