"""The blocks that architectures are built from, each written once and read like the figure in its paper.

A block takes a symbolic tensor and gives one; `name` begins the names of its layers.
"""

from numpycnn.models.blocks.convolution import *
from numpycnn.models.blocks.excitation import *
from numpycnn.models.blocks.googlenet import *
from numpycnn.models.blocks.paths import *
from numpycnn.models.blocks.residual import *
