"""Two implementations side by side: scaled errors, and where they first differ."""

from numpycnn.verification.compare import *
from numpycnn.verification.report import *
