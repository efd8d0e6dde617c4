"""A class for every pixel: how good such maps are, and the parts from which masks are made."""

from numpycnn.segmentation.mean_iou import *
