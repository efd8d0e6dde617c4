"""Pictures and data sets, read into the arrays that models take."""

from numpycnn.data.augmentation import *
from numpycnn.data.class_folders import *
from numpycnn.data.cutouts import *
from numpycnn.data.dataset import *
from numpycnn.data.digit_scenes import *
from numpycnn.data.idx import *
from numpycnn.data.imagenet import *
from numpycnn.data.load import *
from numpycnn.data.photographs import *
from numpycnn.data.preprocessing import *
from numpycnn.data.published import *
from numpycnn.data.resizing import *
from numpycnn.data.samples import *
from numpycnn.data.scenes import *
