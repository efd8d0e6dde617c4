"""Two implementations side by side: scaled errors, where they first differ, and why."""

from numpycnn.verification.compare import *
from numpycnn.verification.recordings import *
from numpycnn.verification.report import *
