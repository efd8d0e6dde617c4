"""What numpycnn itself is tested with: drawn cases of every op, and what a right result may be off by.

Needs Hypothesis: pip install "numpycnn-reference[testing]".
"""

from numpycnn.testing.cases import *
from numpycnn.testing.catalogue import OPS as OPS
from numpycnn.testing.catalogue import find_op as find_op
from numpycnn.testing.strategies import *
