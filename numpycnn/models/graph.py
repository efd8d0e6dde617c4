"""Graphs of layers: how symbolic tensors become an order of work, forward and backward, for any given weights."""

import copy
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import compress
from typing import NamedTuple

import numpy as np

from numpycnn.layers.base import Gradients, InputLayer, Kept, Layer, Node, Shape, Step, Tensor, filled, stand_in
from numpycnn.models.topology import sorted_nodes, unique_names, with_other_layers
from numpycnn.ops.arguments import fail

__all__ = ["Graph"]


class Record(NamedTuple):
    """One node of a forward run with what was kept for its backward, and which of its inputs' gradients are wanted."""

    node: Node
    kept: Kept
    wanted: Sequence[bool]


class Graph(Layer):
    """A directed acyclic graph of layers between symbolic inputs and outputs, itself a layer without numbers.

    trainable: False freezes every layer within, as Keras does where it is set on a model: copies with trainable=False
    stand in their place. Afterwards it says whether any layer is trained.

    `nodes` are its uses of layers in an order in which they can run, `layers` the layers in Keras's order with the
    input layers, each once, `names` their names. Weights come in by path, "conv1/kernel", or from a graph within,
    "inner/conv1/kernel".
    """

    def __init__(
        self, inputs, outputs, *, name: str | None = None, names: dict[Layer, str] | None = None, trainable: bool = True
    ):
        super().__init__(name=name)
        self.single = isinstance(inputs, Tensor), isinstance(outputs, Tensor)
        self.inputs: tuple[Tensor, ...] = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        self.outputs: tuple[Tensor, ...] = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
        nodes, entries = sorted_nodes(self.inputs, self.outputs), {tensor.node for tensor in self.inputs}
        shown = (n.layer for n in nodes if n not in entries or isinstance(n.layer, InputLayer))
        layers = list(dict.fromkeys(shown))
        self.replaced: frozenset[Layer] = frozenset()
        _check_frozen_within(layers)
        self.lay_out([node for node in nodes if node not in entries], layers, names or unique_names(layers))
        if not trainable:
            self.freeze()

    def lay_out(self, nodes: list[Node], layers: list[Layer], names: dict[Layer, str]) -> None:
        """Fix the order of the nodes and of the layers, and the layers' names."""
        self.nodes, self.layers, self.names = nodes, layers, names
        self._last_reads = _last_reads(nodes, self.outputs)
        trained = any(layer.trainable for layer in layers if not isinstance(layer, InputLayer))
        object.__setattr__(self, "trainable", trained)

    def freeze(self) -> None:
        """Put frozen copies in the place of all layers."""
        frozen = {layer: _frozen(layer) for layer in self.layers if not isinstance(layer, InputLayer)}
        nodes, tensors = with_other_layers(self.nodes, self.inputs, frozen)
        self.outputs = tuple(tensors[tensor] for tensor in self.outputs)
        self.replaced |= frozenset(frozen)
        names = {frozen.get(layer, layer): name for layer, name in self.names.items()}
        self.lay_out(nodes, [frozen.get(layer, layer) for layer in self.layers], names)

    def __setattr__(self, name, value):
        if name == "trainable":
            raise AttributeError(
                "Model: trainable is said when a model is made, Model(..., trainable=False); for a model that is there,"
                " trained_from(model, start) gives a copy of which the layers from start on are trained."
            )
        super().__setattr__(name, value)

    @property
    def node_names(self) -> dict[Node, str]:
        """Each node by its layer's name; the second use of a shared layer is "name:1", and so on."""
        names, uses = {}, Counter()
        for node in self.nodes:
            names[node] = self.names[node.layer] + (f":{uses[node.layer]}" if uses[node.layer] else "")
            uses[node.layer] += 1
        return names

    @property
    def sources(self) -> dict[Tensor, str]:
        """Every tensor by the name of the input or the node it comes from."""
        inputs = {tensor: self.names.get(tensor.node.layer, "input") for tensor in self.inputs}
        return inputs | {tensor: name for node, name in self.node_names.items() for tensor in node.outputs}

    @property
    def keras_class(self) -> str:
        return "Functional"

    def output_shapes(self, *input_shapes):
        return tuple(self.shapes(*input_shapes)[tensor] for tensor in self.outputs)

    def weight_specs(self, *input_shapes):
        return {
            f"{self.names[layer]}/{key}": spec
            for layer, shapes in self.first_uses(*input_shapes).items()
            for key, spec in layer.weight_specs(*filled(shapes)).items()
        }

    def differentiated(self, wanted: Collection[Tensor] = ()) -> tuple[set[Node], set[Tensor]]:
        """The nodes that a backward passes for the gradients of trained weights and of the wanted inputs.

        Those are the nodes with trained weights, those that read a wanted input, and all that comes after one. With
        them come the tensors whose gradients are asked for on the way.
        """
        nodes, tensors = set(), set(wanted)
        for node in self.nodes:
            asked = [tensor in tensors for tensor in node.inputs]
            if isinstance(node.layer, Graph):
                inputs = [tensor for tensor, its in zip(node.layer.inputs, asked, strict=True) if its]
                passed, within = node.layer.differentiated(inputs)
                made = [own for own, inner in zip(node.outputs, node.layer.outputs, strict=True) if inner in within]
            else:
                passed = any(asked) or node.layer.is_trained(*filled(node.input_shapes))
                made = node.outputs if passed else ()
            nodes |= {node} if passed else set()
            tensors |= set(made)
        return nodes, tensors

    def macs(self, *input_shapes):
        shapes = self.shapes(*input_shapes)
        return sum(node.layer.macs(*(shapes[t] for t in node.inputs)) for node in self.nodes)

    def call(self, weights, inputs, *, training=False, rng=None, wanted: Sequence[bool] | None = None) -> Step:
        """wanted: for each input, whether backward will be asked for its gradient; None: for all."""
        tape, updates = [], {}
        asked = [tensor for i, tensor in enumerate(self.inputs) if wanted is None or wanted[i]]
        nodes, tensors = self.differentiated(asked)

        def keep(node, arrays, step):
            keeps, name = node.layer.keeps, self.names[node.layer]
            updates.update({f"{name}/{key}": value for key, value in step.updates.items()})
            if node not in nodes:
                return
            kept_inputs = arrays if "inputs" in keeps else tuple(map(stand_in, arrays))
            kept_outputs = step.outputs if "output" in keeps else tuple(map(stand_in, step.outputs))
            tape.append(Record(node, Kept(kept_inputs, kept_outputs, step.extra, any(asks(node))), asks(node)))

        def asks(node):
            """The gradients of which of its inputs a node is asked for."""
            return [tensor in tensors for tensor in node.inputs]

        outputs = self.run(weights, inputs, training=training, rng=rng, visit=keep, asks=asks)
        ends = {"inputs": tuple(map(stand_in, inputs)), "outputs": tuple(map(stand_in, outputs))}
        return Step(outputs, {"tape": tape, **ends}, updates)

    def call_backward(self, weights, dys, kept: Kept) -> Gradients:
        own_weights, dweights = _by_layer(weights), {}
        flowing: dict[Tensor, np.ndarray] = {}
        for tensor, dy in zip(self.outputs, dys, strict=True):
            _add(flowing, tensor, dy)
        for node, own, wanted in reversed(kept.extra["tape"]):
            if not any(tensor in flowing for tensor in node.outputs):
                continue
            name = self.names[node.layer]
            dys = [
                flowing.pop(t) if t in flowing else stand_in(y) for t, y in zip(node.outputs, own.outputs, strict=True)
            ]
            found = node.layer.call_backward(own_weights.get(name, {}), dys, own)
            for tensor, dx in compress(zip(node.inputs, found.inputs, strict=bool(found.inputs)), wanted):
                _add(flowing, tensor, dx)
            for key, gradient in found.weights.items():
                _add(dweights, f"{name}/{key}", gradient)
        if not kept.input_gradients:
            return Gradients((), dweights)
        ends = zip(self.inputs, kept.extra["inputs"], strict=True)
        return Gradients(tuple(flowing[t] if t in flowing else np.zeros_like(x) for t, x in ends), dweights)

    def run(
        self,
        weights,
        inputs,
        *,
        training=False,
        rng=None,
        visit: Callable | None = None,
        asks: Callable[[Node], Sequence[bool]] | None = None,
        overwrite: bool = False,
    ):
        """Compute the graph once; `visit(node, arrays_in, step)` sees every node as it has run.

        An array is let go as soon as its last reader has run, unless `visit` keeps it. `asks` says of a node that is a
        graph itself the gradients of which of its inputs will be wanted.

        overwrite: in inference, a layer that can (`Layer.forward_over`) writes over its first input, where that is an
        array of this run, shared with no other that is still to be read, and this its last reader.
        """
        values, own = dict(zip(self.inputs, inputs, strict=True)), _by_layer(weights)
        for node in self.nodes:
            arrays, name = tuple(values[tensor] for tensor in node.inputs), self.names[node.layer]
            within = {"wanted": asks(node)} if asks and isinstance(node.layer, Graph) else {}
            free = overwrite and self._is_free(node, values, inputs)
            try:
                over = node.layer.forward_over(own.get(name, {}), *arrays) if free else None
                if over is not None:
                    step = Step((over,))
                else:
                    step = node.layer.call(own.get(name, {}), arrays, training=training, rng=rng, **within)
            except (ValueError, TypeError) as error:
                error.add_note(f"in layer {name!r} ({node.layer.keras_class})")
                raise
            values.update(zip(node.outputs, step.outputs, strict=True))
            own.setdefault(name, {}).update(step.updates)  # what the next use of a shared layer starts from
            if visit is not None:
                visit(node, arrays, step)
            for tensor in self._last_reads[node]:
                del values[tensor]
        return tuple(values[tensor] for tensor in self.outputs)

    def _is_free(self, node: Node, values: dict[Tensor, np.ndarray], inputs) -> bool:
        """Whether nothing reads the node's first input after it, nor any array that may share its memory."""
        if not node.inputs or node.inputs[0] not in self._last_reads[node]:
            return False
        array = values[node.inputs[0]]
        others = [*inputs, *(value for tensor, value in values.items() if tensor is not node.inputs[0])]
        return array.flags.writeable and not any(np.may_share_memory(array, other) for other in others)

    def shapes(self, *input_shapes: Shape) -> dict[Tensor, Shape]:
        """The shape of every tensor of the graph, for these inputs instead of those the model was built with."""
        if len(input_shapes) not in (0, len(self.inputs)):
            raise ValueError(
                f"{self.name or 'Model'}: {len(self.inputs)} inputs must be given; got {len(input_shapes)}."
            )
        given = {t: tuple(s) for t, s in zip(self.inputs, input_shapes, strict=False)}
        if all(tensor.shape == shape for tensor, shape in given.items()):
            return {t: t.shape for t in (*self.inputs, *(t for node in self.nodes for t in node.outputs))}
        for node in self.nodes:
            outputs = node.layer.output_shapes(*(given[tensor] for tensor in node.inputs))
            given.update(zip(node.outputs, outputs, strict=True))
        return given

    def first_uses(self, *input_shapes) -> dict[Layer, tuple[Shape, ...]]:
        """Every layer with the input shapes of its first use, which its weights follow from."""
        shapes, first = self.shapes(*input_shapes), {}
        for node in self.nodes:
            first.setdefault(node.layer, tuple(shapes[tensor] for tensor in node.inputs))
        return first


def _frozen(layer: Layer) -> Layer:
    if not isinstance(layer, Graph):
        return replace(layer, trainable=False)
    other = copy.copy(layer)
    other.freeze()
    return other


def _check_frozen_within(layers: Sequence[Layer]) -> None:
    """Fail where a layer of a graph within that was frozen is used beside it too: it cannot be both."""
    within = [layer for layer in layers if isinstance(layer, Graph)]
    used = {*layers, *(layer for graph in within for layer in graph.layers)}
    for graph in within:
        if both := graph.replaced & used:
            name = min(layer.name or layer.keras_class for layer in both)
            fail("Model", f"a layer of a frozen model must not be used outside it too; {name} is", model=graph.name)


def _by_layer(weights) -> dict[str, dict[str, np.ndarray]]:
    """{"conv1/kernel": array} -> {"conv1": {"kernel": array}}; what lies deeper keeps the rest of its path."""
    grouped: dict[str, dict[str, np.ndarray]] = {}
    for path, value in weights.items():
        name, key = path.split("/", 1)
        grouped.setdefault(name, {})[key] = value
    return grouped


def _last_reads(nodes, outputs) -> dict[Node, list[Tensor]]:
    """For each node, the tensors that nothing after it reads."""
    last = {}
    for node in nodes:
        for tensor in (*node.outputs, *node.inputs):
            last[tensor] = node
    reads: dict[Node, list[Tensor]] = {node: [] for node in nodes}
    for tensor, node in last.items():
        if tensor not in outputs:
            reads[node].append(tensor)
    return reads


def _add(sums: dict, key, value: np.ndarray) -> None:
    sums[key] = sums[key] + value if key in sums else value
