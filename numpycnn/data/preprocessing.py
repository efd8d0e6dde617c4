"""The ranges of pixel values that networks were trained on."""

import numpy as np

from numpycnn.ops.arguments import fail

__all__ = ["FAMILIES", "PREPROCESSING", "preprocess"]

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the red, green and blue pixels of ImageNet, scaled to 0 .. 1."""

MEAN_BGR = (103.939, 116.779, 123.68)
"""Of the blue, green and red pixels of ImageNet, as Caffe's networks subtract them."""

PREPROCESSING = {
    "unit": lambda x: x,
    "raw": lambda x: x * 255,
    "tf": lambda x: x * 2 - 1,
    "torch": lambda x: (x - np.array(MEAN)) / np.array(DEVIATION),
    "caffe": lambda x: x[..., ::-1] * 255 - np.array(MEAN_BGR),
}
"""What pixels of 0 .. 1 become: unit 0 .. 1, raw 0 .. 255, tf -1 .. 1, torch by ImageNet's mean and deviation, caffe
0 .. 255 in the order blue, green, red less ImageNet's mean."""

FAMILIES = {
    "caffe": ("resnet", "resnet50", "vgg16", "vgg19"),
    "tf": ("inception_resnet_v2", "inception_v3", "mobilenet", "mobilenet_v2", "nasnet", "resnet_v2", "xception"),
    "torch": ("densenet",),
    "raw": ("convnext", "efficientnet", "efficientnet_v2", "mobilenet_v3"),
}
"""The modules of keras.applications by the mode that they take; those of "raw" bring their own layers for it."""


def preprocess(x, mode: str = "unit") -> np.ndarray:
    """Bring pictures of 0 .. 1 to the range that a network was trained on.

    Which one it is does not stand in a model file, and a wrong one gives wrong classes without any error. FAMILIES says
    which of them those of keras.applications take.

    Args: x: (..., 3), RGB, from 0 to 1.   mode: a key of PREPROCESSING.

    Returns: float32, of x's shape.   Raises: ValueError for an unknown mode.
    Source: keras.applications.imagenet_utils.preprocess_input.

    >>> preprocess(np.array([[1.0, 0.5, 0.0]]), "tf")
    array([[ 1.,  0., -1.]], dtype=float32)
    """
    if mode not in PREPROCESSING:
        fail("preprocess", f"mode must be one of {', '.join(PREPROCESSING)}", mode=mode)
    return np.asarray(PREPROCESSING[mode](np.asarray(x)), np.float32)
