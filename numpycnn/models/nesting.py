"""Models within models, laid out flat."""

from numpycnn.layers.base import Layer, Node
from numpycnn.models.graph import Graph
from numpycnn.models.model import Model


def flattened(model: Model) -> Model:
    """The same model, sharing its weights, with the layers of nested models in their place as "inner.conv1"."""
    names: dict[Layer, str] = {}

    def laid_out(graph: Graph, inputs, prefix: str) -> list:
        tensors = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph.nodes:
            given, name = [tensors[tensor] for tensor in node.inputs], prefix + graph.names[node.layer]
            if isinstance(node.layer, Graph):
                outputs = laid_out(node.layer, given, f"{name}.")
            else:
                names[node.layer] = name
                outputs = Node(node.layer, tuple(given)).outputs
            tensors.update(zip(node.outputs, outputs, strict=True))
        return [tensors[tensor] for tensor in graph.outputs]

    if not any(isinstance(layer, Graph) for layer in model.layers):
        return model
    outputs = laid_out(model, model.inputs, "")
    single_input, single_output = model.single
    flat = Model(
        model.inputs[0] if single_input else model.inputs,
        outputs[0] if single_output else outputs,
        name=model.name,
        dtype=model.dtype,
    )
    flat.names.update(names)
    flat._variables = {path.replace("/", ".", path.count("/") - 1): v for path, v in model.variables.items()}
    return flat
