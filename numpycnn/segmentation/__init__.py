"""A class for every pixel: how good such maps are, and the parts from which masks are made."""

from numpycnn.segmentation.dice import *
from numpycnn.segmentation.masks import *
from numpycnn.segmentation.mean_iou import *
from numpycnn.segmentation.regions import *
from numpycnn.segmentation.upsampling import *
