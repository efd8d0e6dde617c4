"""What each kind of layer is for, in a sentence. Source: Géron, Hands-On Machine Learning, 3rd ed., chapter 14."""

__all__ = ["purpose"]

PURPOSES = {
    "Conv2D": "Looks for one small pattern for each filter, everywhere in the maps before it, with the same weights.",
    "DepthwiseConv2D": "Looks for patterns within each map alone; a 1x1 convolution then mixes the maps.",
    "SeparableConv2D": "Looks for patterns within each map, then mixes the maps, with fewer multiplications.",
    "Conv2DTranspose": "Makes maps larger: each value spreads over several pixels, by weights that are learned.",
    "MaxPooling2D": "Keeps the largest of each window: fewer numbers, and small shifts of the picture matter less.",
    "AveragePooling2D": "Keeps the mean of each window: fewer numbers, and small shifts of the picture matter less.",
    "DepthMaxPooling2D": "Keeps the largest of neighbouring maps, which learns to ignore what these maps differ in.",
    "GlobalAveragePooling2D": "One number for each map: how much of its pattern there is, wherever it is.",
    "GlobalMaxPooling2D": "One number for each map: how strongly its pattern is there, wherever it is.",
    "BatchNormalization": "Brings each map to a common scale, which lets deep networks train faster and more steadily.",
    "LayerNormalization": "Brings each example to a common scale, whatever the rest of the batch is.",
    "GroupNormalization": "Brings groups of maps to a common scale, whatever the rest of the batch is.",
    "LocalResponseNormalization": "A strong map holds its neighbours down, so that maps become different.",
    "ReLU": "Drops what is negative: without such a bend, layers on top of layers would be no more than one.",
    "Activation": "Bends each value: without that, layers on top of layers would be no more than one.",
    "Softmax": "Turns scores into shares that add up to 1.",
    "Add": "A skip connection comes in here: the layers beside it learn only what is to be changed.",
    "Concatenate": "Puts maps of several ways side by side, so that what follows can use all of them.",
    "Multiply": "Scales maps by how much each matters, as in a squeeze-and-excitation block.",
    "Dense": "Each value depends on all before it: here what was found becomes scores.",
    "Flatten": "Lays out maps as one row of numbers for the dense layers. Nothing is computed.",
    "Reshape": "Lays out the same numbers in another shape. Nothing is computed.",
    "Dropout": "While training, drops values at random so that no neuron relies on a few; here it passes all.",
    "ZeroPadding2D": "Puts zeros around the maps, so that windows can stand on their border.",
    "UpSampling2D": "Makes maps larger by repeating or interpolating pixels. Nothing is learned.",
    "Rescaling": "Brings pixels to the range that the network was trained on.",
    "Normalization": "Brings pixels to the scale that the network was trained on.",
    "InputLayer": "The picture comes in.",
}


def purpose(kind: str) -> str:
    """What a layer of this Keras class is for; nothing for kinds that the chapter has no word for."""
    return PURPOSES.get(kind, "")
