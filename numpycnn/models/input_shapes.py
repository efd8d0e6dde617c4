"""The same model for inputs of other sizes: how open sizes are fixed."""

import copy

from numpycnn.layers.base import Input, Node, Tensor
from numpycnn.models.model import Model
from numpycnn.ops.arguments import fail

__all__ = ["with_input_shapes"]


def with_input_shapes(model: Model, *shapes) -> Model:
    """The same layers with the same weights, for inputs of these shapes; see `Model.with_input_shapes`."""
    if len(shapes) != len(model.inputs):
        fail("with_input_shapes", f"there must be a shape for each of {len(model.inputs)} inputs", shapes=shapes)
    tensors: dict[Tensor, Tensor] = {}
    for own, shape in zip(model.inputs, shapes, strict=True):
        tensors[own] = Input(shape, name=model.names.get(own.node.layer))
    nodes = []
    for node in model.nodes:
        nodes.append(Node(node.layer, tuple(tensors[tensor] for tensor in node.inputs)))
        tensors.update(zip(node.outputs, nodes[-1].outputs, strict=True))
    layers = {own.node.layer: tensors[own].node.layer for own in model.inputs}
    other = copy.copy(model)
    other._variables, other._kept = model.variables, None
    other.inputs, other.outputs = (tuple(tensors[own] for own in ends) for ends in (model.inputs, model.outputs))
    other.lay_out(
        nodes,
        [layers.get(layer, layer) for layer in model.layers],
        {layers.get(layer, layer): name for layer, name in model.names.items()},
    )
    _check_weights(model, other)
    return other


def _check_weights(model: Model, other: Model) -> None:
    needed = other.weight_specs()
    for path, spec in model.weight_specs().items():
        if needed[path].shape != spec.shape:
            rule = f"the weights must keep their shapes; {path} {spec.shape} would have to be {needed[path].shape}"
            fail("with_input_shapes", rule, shapes=tuple(tensor.shape for tensor in other.inputs))
