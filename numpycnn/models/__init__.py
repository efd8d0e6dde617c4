"""Models: graphs of layers, the blocks they are built from, and one function for each architecture."""

from numpycnn.models.alexnet import *
from numpycnn.models.bit import *
from numpycnn.models.darknet import *
from numpycnn.models.densenet import *
from numpycnn.models.fashion_mnist import *
from numpycnn.models.fcn import *
from numpycnn.models.fully_convolutional import *
from numpycnn.models.googlenet import *
from numpycnn.models.inception import *
from numpycnn.models.lenet import *
from numpycnn.models.localization import *
from numpycnn.models.mask_rcnn import *
from numpycnn.models.mobilenet import *
from numpycnn.models.model import *
from numpycnn.models.resnet import *
from numpycnn.models.resnet_v2 import *
from numpycnn.models.senet import *
from numpycnn.models.transfer import *
from numpycnn.models.unet import *
from numpycnn.models.vgg import *
from numpycnn.models.wide_resnet import *
from numpycnn.models.xception import *
from numpycnn.models.yolo import *
