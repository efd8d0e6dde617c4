"""Parameters, multiply-accumulates and memory of any model, from what its layers say of themselves."""

from numpycnn.counting.count import *
