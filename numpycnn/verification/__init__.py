"""Two implementations side by side: scaled errors, where they first differ, and why."""

from numpycnn.verification.check import *
from numpycnn.verification.compare import *
from numpycnn.verification.explain import *
from numpycnn.verification.function_report import *
from numpycnn.verification.html import *
from numpycnn.verification.recordings import *
from numpycnn.verification.report import *
from numpycnn.verification.reproduce import *
