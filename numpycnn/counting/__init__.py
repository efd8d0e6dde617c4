"""Parameters, multiply-accumulates, memory and receptive fields of a model, from what its layers say of themselves."""

from numpycnn.counting.count import *
from numpycnn.counting.largest_batch import *
from numpycnn.counting.timeline import *
