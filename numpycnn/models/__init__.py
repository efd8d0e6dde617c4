"""Models: graphs of layers, the blocks they are built from, and one function for each architecture."""

from numpycnn.models.fashion_mnist import *
from numpycnn.models.model import *
from numpycnn.models.resnet import *
