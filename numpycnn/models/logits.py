"""The graph of a model whose heads give logits, so that a loss meets them before softmax or sigmoid."""

from collections.abc import Sequence
from dataclasses import replace

from numpycnn.layers import Activation, Softmax
from numpycnn.layers.base import Node, Tensor
from numpycnn.models.model import Model
from numpycnn.models.nesting import flattened

__all__ = ["with_logits"]

SQUASHING = ("softmax", "sigmoid")


def with_logits(model: Model, kinds: Sequence[str | None]) -> tuple[Model, tuple[str | None, ...]]:
    """The same model, laid out flat and sharing its weights, without the softmax or sigmoid at its outputs.

    A cross-entropy of logits is exact where probabilities have run out of digits. Keras finds the logits behind its own
    softmax for the same reason.

    Args: kinds: for each output what is taken away if it is there: "softmax", "sigmoid" or None.

    Returns: the model, and for each output what was taken away from it, or None.
    """
    flat = flattened(model)
    uses = [node.layer for node in flat.nodes]
    found = [_squashing(tensor, uses.count(tensor.node.layer)) for tensor in flat.outputs]
    taken = [own if own == kind else None for own, kind in zip(found, kinds, strict=True)]
    tensors: dict[Tensor, Tensor] = {tensor: tensor for tensor in flat.inputs}
    ends = {tensor.node: kind for tensor, kind in zip(flat.outputs, taken, strict=True) if kind}
    nodes, names = [], {t.node.layer: flat.names[t.node.layer] for t in flat.inputs if t.node.layer in flat.names}
    for node in flat.nodes:
        layer, inputs = node.layer, tuple(tensors[tensor] for tensor in node.inputs)
        if node in ends and isinstance(layer, Activation | Softmax):
            tensors[node.outputs[0]] = inputs[0]
            continue
        if node in ends:
            layer = replace(layer, activation=None)  # type: ignore[call-arg]
        names[layer] = flat.names[node.layer]
        nodes.append(Node(layer, inputs))
        tensors.update(zip(node.outputs, nodes[-1].outputs, strict=True))
    single_input, single_output = flat.single
    outputs = [tensors[tensor] for tensor in flat.outputs]
    changed = Model(
        flat.inputs[0] if single_input else flat.inputs,
        outputs[0] if single_output else outputs,
        name=model.name,
        names=names,
        dtype=str(model.dtype),
    )
    changed.lay_out(nodes, list(names), names)
    changed._variables = flat.variables
    return changed, tuple(taken)


def _squashing(tensor: Tensor, uses: int) -> str | None:
    """What makes probabilities of this output, where it can be taken away without another output changing."""
    layer = tensor.node.layer
    if isinstance(layer, Softmax):
        return "softmax" if layer.axis == -1 and uses == 1 else None
    kind = getattr(layer, "activation", None)
    return kind if kind in SQUASHING and uses == 1 else None
