"""Models: graphs of layers, the blocks they are built from, and one function for each architecture."""

from numpycnn.models.graph import *
