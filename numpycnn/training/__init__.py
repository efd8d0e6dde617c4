"""Training: the same model trained by NumPy or by TensorFlow, from one description."""

from numpycnn.training.batches import *
from numpycnn.training.config import *
from numpycnn.training.metrics import *
from numpycnn.training.monitors import *
from numpycnn.training.numpy_backend import *
from numpycnn.training.objective import *
from numpycnn.training.optimizers import *
from numpycnn.training.problem import *
from numpycnn.training.run_folder import *
from numpycnn.training.schedules import *
from numpycnn.training.tf_augmentation import *
from numpycnn.training.train import *
from numpycnn.training.transfer import *
from numpycnn.training.words import *
