"""Arrays in, arrays out: every operation of the specification with its backward."""

from numpycnn.ops.conv import *
