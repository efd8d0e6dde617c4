"""Layers: frozen descriptions with Keras's names; one definition gives math, shapes, counts and the Keras form."""

from numpycnn.layers.activation import *
from numpycnn.layers.base import *
from numpycnn.layers.convolution import *
