"""The arithmetic of one value: how it came about, and who receives of its gradient."""

from numpycnn.explanations.catalogue import *
from numpycnn.explanations.explanation import *
