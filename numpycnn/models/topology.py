"""The order and the names of a graph's layers: the same ones Keras gives, so that weights line up one to one."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from numpycnn.layers.base import InputLayer, Layer, Node, Tensor


def sorted_nodes(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Node]:
    """Every node between inputs and outputs, each after those it reads: by falling distance from the outputs.

    Nodes at the same distance stand in the order in which a walk from the outputs first meets their layers, which
    is the order of keras.Model.layers.

    Raises: ValueError where an output needs an input that was not given.
    """
    finished, met = _walk(inputs, outputs)
    node_depth = dict.fromkeys(finished, 0)
    layer_depth: dict[Layer, int] = {}
    for node in reversed(finished):
        depth = max(node_depth[node], layer_depth.get(node.layer, 0))
        node_depth[node] = layer_depth[node.layer] = depth
        for tensor in _parents(node, inputs):
            node_depth[tensor.node] = max(node_depth[tensor.node], depth + 1)
    for tensor in inputs:
        if tensor.node not in node_depth:
            raise ValueError(f"Model: input {_label(tensor)} does not lead to any output.")
    return sorted(finished, key=lambda node: (-node_depth[node], met[node.layer]))


def with_other_layers(nodes: Iterable[Node], inputs: Sequence[Tensor], others: Mapping[Layer, Layer]):
    """The nodes from the same inputs on, with other layers in the place of some; and what became of each tensor."""
    tensors: dict[Tensor, Tensor] = {tensor: tensor for tensor in inputs}
    made: list[Node] = []
    for node in nodes:
        made.append(Node(others.get(node.layer, node.layer), tuple(tensors[tensor] for tensor in node.inputs)))
        tensors.update(zip(node.outputs, made[-1].outputs, strict=True))
    return made, tensors


def _walk(inputs, outputs) -> tuple[list[Node], dict[Layer, int]]:
    """All nodes, each after those it reads, and the order in which their layers were first met."""
    finished: dict[Node, None] = {}
    met: dict[Layer, int] = {}
    stack = [(tensor.node, False) for tensor in reversed(outputs)]
    while stack:
        node, parents_done = stack.pop()
        if node in finished:
            continue
        if parents_done:
            finished[node] = None
            continue
        met.setdefault(node.layer, len(met))
        if isinstance(node.layer, InputLayer) and not any(tensor.node is node for tensor in inputs):
            raise ValueError(f"Model: the outputs need input {_label(node.outputs[0])}, which is not among the inputs.")
        stack.append((node, True))
        stack.extend((tensor.node, False) for tensor in reversed(_parents(node, inputs)))
    return list(finished), met


def _parents(node: Node, inputs) -> tuple[Tensor, ...]:
    """What a node reads; nothing where the model's own inputs begin, even in the middle of a larger graph."""
    return () if any(tensor.node is node for tensor in inputs) else node.inputs


def _label(tensor: Tensor) -> str:
    return f"{tensor.node.layer.name or tensor.node.layer.keras_class} of shape {tensor.shape}"


def unique_names(layers: Iterable[Layer]) -> dict[Layer, str]:
    """Each layer's own name, or its class in snake case with a counter: conv2d, conv2d_1, ...

    Raises: ValueError for a name used twice.
    """
    layers = list(layers)
    given = Counter(layer.name for layer in layers if layer.name is not None)
    twice = [name for name, count in given.items() if count > 1]
    if twice:
        raise ValueError(f"Model: every layer must have a name of its own; got {twice[0]!r} {given[twice[0]]} times.")
    names, counts = {}, Counter()
    for layer in layers:
        name = layer.name
        while name is None:
            base = snake_case(layer.keras_class)
            candidate = f"{base}_{counts[base]}" if counts[base] else base
            counts[base] += 1
            name = None if candidate in given else candidate
        names[layer] = name
    return names


def snake_case(class_name: str) -> str:
    """Keras's way: Conv2D -> conv2d, BatchNormalization -> batch_normalization, ReLU -> re_lu."""
    spaced = re.sub(r"\W+", "", class_name)
    spaced = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", spaced)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", spaced).lower()
