"""Between numpycnn models and Keras: its models, and its files, which are read without it."""

from numpycnn.keras_io.applications import *
from numpycnn.keras_io.build import *
from numpycnn.keras_io.errors import *
from numpycnn.keras_io.files import *
from numpycnn.keras_io.from_keras import *
from numpycnn.keras_io.save import *
