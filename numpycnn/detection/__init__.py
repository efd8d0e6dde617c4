"""Finding things in pictures: boxes, how much they overlap, which to keep, and how good they were."""

from numpycnn.detection.anchors import *
from numpycnn.detection.average_precision import *
from numpycnn.detection.boxes import *
from numpycnn.detection.grids import *
from numpycnn.detection.localization import *
from numpycnn.detection.metrics import *
from numpycnn.detection.nms import *
from numpycnn.detection.overlap import *
from numpycnn.detection.overlap_losses import *
from numpycnn.detection.sliding_window import *
from numpycnn.detection.soft_nms import *
from numpycnn.detection.tracking import *
from numpycnn.detection.tracking_metrics import *
from numpycnn.detection.yolo_v1 import *
from numpycnn.detection.yolo_v2 import *
from numpycnn.detection.yolo_v3 import *
