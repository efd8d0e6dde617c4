"""Models within models, laid out flat."""

from numpycnn.layers.base import Layer, Node
from numpycnn.models.graph import Graph
from numpycnn.models.model import Model

__all__ = ["flat_graph", "flattened"]


def flat_graph(graph: Graph) -> Graph:
    """The same graph with the layers of the graphs within it in their place, called "inner.conv1"; no weights.

    The nodes stand in the order in which the original runs them. A graph without any within is given back as it is.
    """
    return graph if not _nested(graph) else _spread(graph, Graph)


def flattened(model: Model) -> Model:
    """The same model, sharing its weights, laid out as `flat_graph`."""
    if not _nested(model):
        return model
    flat = _spread(model, Model, dtype=model.dtype)
    flat._variables = {path.replace("/", ".", path.count("/") - 1): v for path, v in model.variables.items()}
    return flat


def _nested(graph: Graph) -> bool:
    return any(isinstance(layer, Graph) for layer in graph.layers)


def _spread(graph: Graph, kind, **options):
    names: dict[Layer, str] = {tensor.node.layer: graph.names[tensor.node.layer] for tensor in graph.inputs}
    nodes: list[Node] = []
    outputs = _laid_out(graph, graph.inputs, "", names, nodes)
    single_input, single_output = graph.single
    flat = kind(
        graph.inputs[0] if single_input else graph.inputs,
        outputs[0] if single_output else outputs,
        name=graph.name,
        names=names,
        **options,
    )
    flat.lay_out(nodes, list(names), names)
    return flat


def _laid_out(graph: Graph, inputs, prefix: str, names: dict[Layer, str], nodes: list[Node]) -> list:
    """Add every node of `graph`, given these inputs, to `nodes` and its layer to `names`; the outputs."""
    tensors = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        given, name = [tensors[tensor] for tensor in node.inputs], prefix + graph.names[node.layer]
        if isinstance(node.layer, Graph):
            outputs = _laid_out(node.layer, given, f"{name}.", names, nodes)
        else:
            names.setdefault(node.layer, name)
            nodes.append(Node(node.layer, tuple(given)))
            outputs = nodes[-1].outputs
        tensors.update(zip(node.outputs, outputs, strict=True))
    return [tensors[tensor] for tensor in graph.outputs]
