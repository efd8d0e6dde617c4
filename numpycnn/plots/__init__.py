"""Pictures of plain arrays. Needs matplotlib (the extra `plots`), which is imported when a picture is made."""

from numpycnn.plots.curves import *
from numpycnn.plots.pictures import *
