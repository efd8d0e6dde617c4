"""Layers: frozen descriptions with Keras's names; one definition gives math, shapes, counts and the Keras form."""

from numpycnn.layers import initializers as initializers
from numpycnn.layers.activation import *
from numpycnn.layers.activation_layers import *
from numpycnn.layers.base import *
from numpycnn.layers.bilinear import *
from numpycnn.layers.borders import *
from numpycnn.layers.channels import *
from numpycnn.layers.convolution import *
from numpycnn.layers.dense import *
from numpycnn.layers.dropout import *
from numpycnn.layers.group_normalization import *
from numpycnn.layers.merging import *
from numpycnn.layers.noise import *
from numpycnn.layers.normalization import *
from numpycnn.layers.pooling import *
from numpycnn.layers.resize import *
from numpycnn.layers.scaling import *
