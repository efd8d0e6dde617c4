"""Graphs of which a part is not trained, as in transfer learning."""

from dataclasses import replace

from numpycnn.layers.base import InputLayer, Layer
from numpycnn.models.graph import Graph
from numpycnn.models.nesting import flat_graph
from numpycnn.models.topology import with_other_layers
from numpycnn.ops.arguments import fail

__all__ = ["frozen"]


def frozen(graph: Graph, until: str) -> Graph:
    """The same graph, laid out flat and without weights, in which the first layers have trainable=False.

    Args: until: the name of the last layer that is frozen, or "base" for all but the last one with weights.

    Raises: ValueError where no layer has this name, or there is no layer to keep training.
    """
    flat = flat_graph(graph)
    order = list(dict.fromkeys(node.layer for node in flat.nodes))
    if until == "base":
        with_weights = [layer for layer, shapes in flat.first_uses().items() if layer.weight_specs(*shapes)]
        if len(with_weights) < 2:
            fail("frozen", "there must be two layers with weights, a base and a head", until=until)
        last = order.index(with_weights[-1]) - 1
    else:
        names = {flat.names[layer]: i for i, layer in enumerate(order)}
        if until not in names:
            fail("frozen", 'until must be "base" or the name of a layer', until=until)
        last = names[until]
    return with_layers(flat, {layer: replace(layer, trainable=False) for layer in order[: last + 1]})


def with_layers(flat: Graph, others: dict[Layer, Layer]) -> Graph:
    """The same graph with other layers in the place of some."""
    nodes, tensors = with_other_layers(flat.nodes, flat.inputs, others)
    changed = Graph(flat.inputs, [tensors[tensor] for tensor in flat.outputs], name=flat.name)
    names = {others.get(layer, layer): name for layer, name in flat.names.items()}
    inputs = [layer for layer in flat.layers if isinstance(layer, InputLayer)]
    changed.lay_out(nodes, [*inputs, *dict.fromkeys(node.layer for node in nodes)], names)
    return changed
