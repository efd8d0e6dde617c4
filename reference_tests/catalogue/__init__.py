"""Every op of the package as the tests see it, one module for each module of numpycnn.ops."""

from reference_tests.catalogue import conv

OPS = [*conv.OPS]
