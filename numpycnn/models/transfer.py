"""Transfer learning: a trained model without its head, a new head, and what of it is trained further."""

from dataclasses import replace

import numpy as np

from numpycnn.layers import Dense, GlobalAveragePooling2D
from numpycnn.layers.base import InputLayer, Layer
from numpycnn.layers.initializers import initialize
from numpycnn.models.freezing import with_layers
from numpycnn.models.model import Model
from numpycnn.models.nesting import flattened
from numpycnn.models.variable import Variable
from numpycnn.ops.arguments import fail, integer

__all__ = ["trained_from", "with_new_head"]

HEAD = "head"
"""The layer that `with_new_head` adds, and the name for it where training starts."""


def with_new_head(base: Model, classes: int, *, seed: int = 0) -> Model:
    """The model up to its last maps, then global average pooling and a dense layer with softmax.

    Args:
        base: with its head or without; its last output of (height, width, channels) is what the new head reads.
        classes: of the new head, whose weights are drawn by `seed`. All others are copies of the base's.

    Returns: a Model, laid out flat, in the base's dtype.   Raises: ValueError where the base makes no maps.

    >>> from numpycnn.models import lenet5
    >>> [layer.keras_class for layer in with_new_head(lenet5(), 3).layers[-3:]]
    ['Conv2D', 'GlobalAveragePooling2D', 'Dense']
    """
    integer("with_new_head", "classes", classes, least=2)
    flat = flattened(base)
    if not flat.single[0]:
        fail("with_new_head", "the base must have one input", inputs=len(flat.inputs))
    maps = [tensor for node in flat.nodes for tensor in node.outputs if len(tensor.shape) == 3]
    if not maps:
        fail("with_new_head", "the base must have a layer that makes maps (height, width, channels)", base=base.name)
    head = Dense(classes, activation="softmax", name=HEAD)
    outputs = head(GlobalAveragePooling2D(name="head_pooling")(maps[-1]))
    model = Model(flat.inputs[0], outputs, name=base.name, names=_names(flat, outputs), dtype=str(base.dtype))
    kept, rng = flat.layer_variables(), np.random.default_rng(seed)
    model.adopt_weights(
        lambda layer, key, spec: (
            kept[layer][key].value.copy() if layer in kept else initialize(spec.initializer, spec.shape, rng)
        )
    )
    return model


def trained_from(model: Model, start: int | str) -> Model:
    """The same model, of which the layers from `start` on are trained and those before it are frozen.

    A frozen batch normalization is in inference, also while other layers are trained; its statistics stay (row 24).

    Args:
        start: an index into `model.layers`, as Keras counts them; the name of a layer; the beginning of the names of a
            block, as "conv5_block1"; "head" for the last layer with weights alone; or "all".

    Returns: a Model, laid out flat, with copies of the weights.
    Raises: ValueError where there is no such layer, or no layer with weights from there on.

    >>> from numpycnn.models import lenet5
    >>> [v.name for v in trained_from(lenet5(), "head").trainable_weights] == [v.name for v in lenet5().weights[-2:]]
    True
    """
    flat = flattened(model)
    first = _index(flat, start)
    changed = {}
    for i, layer in enumerate(flat.layers):
        if not isinstance(layer, InputLayer) and layer.trainable != (i >= first):
            changed[layer] = replace(layer, trainable=i >= first)
    graph, values = with_layers(flat, changed), flat.values()
    made = Model(
        graph.inputs[0] if flat.single[0] else graph.inputs,
        graph.outputs[0] if flat.single[1] else graph.outputs,
        name=model.name,
        names=graph.names,
        dtype=str(model.dtype),
    )
    made.lay_out(graph.nodes, graph.layers, graph.names)
    trained = {made.names[layer] for i, layer in enumerate(made.layers) if i >= first}
    made._variables = {
        path: Variable(path, values[path].copy(), spec.trainable and path.split("/")[0] in trained)
        for path, spec in made.weight_specs().items()
    }
    if not made.trainable_weights:
        fail("trained_from", "there must be a layer with weights from start on", start=start)
    return made


def _index(flat: Model, start: int | str) -> int:
    """Where training starts, as an index into the layers."""
    names = [flat.names[layer] for layer in flat.layers]
    if isinstance(start, str):
        if start == "all":
            return 0
        if start in names:
            return names.index(start)
        if start == HEAD:
            uses = flat.first_uses()
            return max(i for i, layer in enumerate(flat.layers) if layer in uses and layer.weight_specs(*uses[layer]))
        block = next((i for i, name in enumerate(names) if name.startswith((f"{start}_", f"{start}."))), None)
        if block is None:
            fail("trained_from", "start must be an index, a layer, a block of layers, head or all", start=start)
        return block
    first = integer("trained_from", "start", start, least=-len(names))
    if first >= len(names):
        fail("trained_from", f"start must be below the number of layers, {len(names)}", start=start)
    return first % len(names)


def _names(flat: Model, outputs) -> dict[Layer, str]:
    """The base's own names for its layers, and new ones for the head's."""
    node, found = outputs.node, dict(flat.names)
    while node.layer not in found:
        found[node.layer] = node.layer.name
        node = node.inputs[0].node
    return found
