"""Dense layers as convolutions: a network for one size of image that then runs on every larger one.

Source: Long, Shelhamer & Darrell, arXiv:1411.4038, section 3.1; Géron, Hands-On Machine Learning, 3rd ed., chapter 14.
"""

from dataclasses import replace

from numpycnn.layers import Conv2D, Dense, Dropout, Flatten, Input, Layer
from numpycnn.models.model import Model
from numpycnn.ops.arguments import fail

__all__ = ["to_fully_convolutional"]


def to_fully_convolutional(model: Model, input_shape=None):
    """The same network with its dense head as convolutions, with the same weights.

    The dense layer after Flatten, which sees a feature map (h, w, C), becomes a convolution of its units with a kernel
    of h x w, "valid"; each later one a convolution of 1x1. What was (batch, units) is (batch, 1, 1, units), the same
    numbers; on a larger image there is a cell for each place at which the small network could stand.

    A cell equals the small network on its window where that pads nothing; a layer with padding "same" sees real pixels
    where the small network saw zeros.

    Args: model: a chain of layers that ends in Flatten and dense layers, dropout between them or not.
        input_shape: of the new network, as (448, 448, 3); by default that of the old.

    Returns: a Model with copies of the weights.
    Raises: ValueError where the model is no such chain, or input_shape is too small.
    """
    inputs = x = Input(model.inputs[0].shape if input_shape is None else input_shape, name="input")
    before, kernels = model.inputs[0], {}
    map_shape, head = None, False
    for node in model.nodes:
        if node.inputs != (before,) or len(node.outputs) != 1:
            _refuse("the model must be a chain of layers", node.layer)
        layer, name = node.layer, model.names[node.layer]
        if isinstance(layer, Flatten) and not head:
            map_shape, head = before.shape, True
        elif isinstance(layer, Dense) and head:
            size = (1, 1) if map_shape is None else map_shape[:2]
            kernels[name], map_shape = (*size, x.shape[-1], layer.units), None
            x = Conv2D(layer.units, size, activation=layer.activation, use_bias=layer.use_bias, name=name)(x)
        elif not head or isinstance(layer, Dropout):
            x = replace(layer, name=name)(x)
        else:
            _refuse("after Flatten there may be dense layers and dropout only", layer)
        before = node.outputs[0]
    if not kernels:
        fail("to_fully_convolutional", "the model must have Flatten and a dense layer after it")
    made = Model(inputs, x, name=f"{model.name}_fully_convolutional", dtype=str(model.dtype))
    for path, variable in made.variables.items():
        variable.assign(model.variables[path].value.reshape(variable.shape))
    return made


def _refuse(rule: str, layer: Layer) -> None:
    fail("to_fully_convolutional", f"{rule}; {layer.keras_class} does not fit")
