"""Training: the same model trained by NumPy or by TensorFlow, from one description."""

from numpycnn.training.optimizers import *
from numpycnn.training.schedules import *
from numpycnn.training.tf_augmentation import *
