"""Arrays in, arrays out: every operation of the specification with its backward."""

from numpycnn.ops.activations import *
from numpycnn.ops.borders import *
from numpycnn.ops.conv import *
from numpycnn.ops.conv_transpose import *
from numpycnn.ops.dense import *
from numpycnn.ops.depth_pooling import *
from numpycnn.ops.depthwise import *
from numpycnn.ops.dropout import *
from numpycnn.ops.global_pooling import *
from numpycnn.ops.group_normalization import *
from numpycnn.ops.layer_normalization import *
from numpycnn.ops.local_response import *
from numpycnn.ops.losses import *
from numpycnn.ops.merging import *
from numpycnn.ops.normalization import *
from numpycnn.ops.pooling import *
from numpycnn.ops.resize import *
from numpycnn.ops.shrinking import *
from numpycnn.ops.sigmoids import *
from numpycnn.ops.softmax import *
from numpycnn.ops.softplus import *
