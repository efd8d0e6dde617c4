"""Models: graphs of layers that own their weights, run forward, and give back the gradient of every one of them."""

import copy
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from numpycnn.layers.base import Gradients, Input, InputLayer, Kept, Layer, Node, Shape, Step, Tensor, stand_in
from numpycnn.layers.initializers import initialize
from numpycnn.models.topology import sorted_nodes, unique_names
from numpycnn.models.variable import Variable

__all__ = ["Model", "Sequential"]


class Record(NamedTuple):
    """One node of a forward run with what was kept for its backward."""

    node: Node
    kept: Kept


class Model(Layer):
    """A directed acyclic graph of layers between symbolic inputs and outputs, as keras.Model(inputs, outputs).

    Layers may be shared (used at several places with one set of weights) and models may be layers of other models,
    which then share their weights with them.

    Args:
        inputs, outputs: one symbolic tensor or a list of them; arrays go in and out in the same form.
        dtype: of the weights and of the arithmetic; arrays that come in are cast to it, as Keras does.
        seed: of the generator that draws the weights when they are first needed, and of dropout.

    Raises: ValueError where the outputs do not follow from the inputs, or two layers share a name.

    >>> from numpycnn.layers import Conv2D, Dense, Flatten, Input
    >>> x = Input((6, 5, 3))
    >>> model = Model(x, Dense(10)(Flatten()(Conv2D(4, (3, 2))(x))))
    >>> model.predict(np.zeros((2, 6, 5, 3))).shape
    (2, 10)
    """

    def __init__(self, inputs, outputs, *, name: str | None = None, dtype="float32", seed: int = 0):
        super().__init__(name=name)
        self.single = isinstance(inputs, Tensor), isinstance(outputs, Tensor)
        self.inputs: tuple[Tensor, ...] = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        self.outputs: tuple[Tensor, ...] = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
        self.dtype, self.seed = np.dtype(dtype), seed
        self.nodes = sorted_nodes(self.inputs, self.outputs)
        entries = [tensor.node for tensor in self.inputs if not isinstance(tensor.node.layer, InputLayer)]
        self.layers: list[Layer] = list(dict.fromkeys(n.layer for n in self.nodes if n not in entries))
        self.names = unique_names(node.layer for node in self.nodes)
        self._last_reads = _last_reads(self.nodes, self.outputs)
        self._variables: dict[str, Variable] | None = None
        self._kept: Kept | None = None
        self._rng = np.random.default_rng(seed)

    # Weights

    @property
    def variables(self) -> dict[str, Variable]:
        """Every weight by its path, as "conv1/kernel", in Keras's order; drawn on first use."""
        if self._variables is None:
            self._variables = self._draw(self.seed)
        return self._variables

    @property
    def weights(self) -> list[Variable]:
        return list(self.variables.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        return [variable for variable in self.weights if variable.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [variable for variable in self.weights if not variable.trainable]

    def initialize(self, seed: int = 0) -> None:
        """Draw every weight anew from its layer's initializer."""
        for path, variable in self._draw(seed).items():
            self.variables[path].value = variable.value

    def get_weights(self) -> list[np.ndarray]:
        return [variable.value.copy() for variable in self.weights]

    def set_weights(self, values: Iterable) -> None:
        """Take over arrays in the order of `weights`; nothing is changed unless all shapes fit."""
        values = [np.asarray(value) for value in values]
        expected, received = [v.shape for v in self.weights], [v.shape for v in values]
        if expected != received:
            wrong = next((i for i, (a, b) in enumerate(zip(expected, received, strict=False)) if a != b), None)
            where = f"{len(received)} arrays" if wrong is None else f"shape {received[wrong]} at position {wrong}"
            rule = f"{len(expected)} arrays" if wrong is None else f"{self.weights[wrong].name} {expected[wrong]}"
            raise ValueError(f"set_weights: the values must be those of weights, {rule}; got {where}.")
        for variable, value in zip(self.weights, values, strict=True):
            variable.assign(value)

    def astype(self, dtype) -> "Model":
        """The same graph with a copy of the weights in another dtype."""
        other = copy.copy(self)
        other.dtype, other._kept = np.dtype(dtype), None
        other._variables = {k: Variable(k, v.value.astype(dtype), v.trainable) for k, v in self.variables.items()}
        return other

    def _draw(self, seed: int) -> dict[str, Variable]:
        rng = np.random.default_rng(seed)
        drawn = {}
        for layer, shapes in self._first_uses().items():
            if isinstance(layer, Model):
                own = layer.variables
            else:
                own = {
                    key: Variable(
                        f"{self.names[layer]}/{key}",
                        initialize(spec.initializer, spec.shape, rng).astype(self.dtype, copy=False),
                        spec.trainable and layer.trainable,
                    )
                    for key, spec in layer.weight_specs(*shapes).items()
                }
            drawn |= {f"{self.names[layer]}/{key}": variable for key, variable in own.items()}
        return drawn

    # Running

    def predict(self, x, batch_size: int = 32):
        """The outputs in inference, computed `batch_size` examples at a time; nothing is kept for a backward."""
        inputs, weights = self._arrays(x), self._values()
        starts = range(0, max(1, len(inputs[0])), batch_size)
        parts = [self.run(weights, [a[i : i + batch_size] for a in inputs]) for i in starts]
        return self._given_back([np.concatenate(outputs) for outputs in zip(*parts, strict=True)])

    def forward(self, x, training: bool = False, *, rng: np.random.Generator | None = None):
        """The outputs, keeping what `backward` will read and nothing else.

        In training, batch normalization uses and updates statistics and dropout drops; `rng` replaces the model's
        own generator.
        """
        step = self.call(self._values(), self._arrays(x), training=training, rng=self._rng if rng is None else rng)
        for path, value in step.updates.items():
            self.variables[path].assign(value)
        self._kept = Kept((), (), step.extra)
        return self._given_back(step.outputs)

    def backward(self, dy) -> Gradients:
        """The gradients of a loss from dy, its gradient by the output(s) of the last `forward`.

        Returns: .inputs, one array for each input; .weights, one for each trainable weight by its path.
        Raises: RuntimeError before any forward; ValueError where dy has not the shapes of the outputs.
        """
        if self._kept is None:
            raise RuntimeError("Model.backward: forward must run first, since backward reads what it keeps.")
        dys = [np.asarray(d, self.dtype) for d in ([dy] if self.single[1] else dy)]
        for d, y in zip(dys, self._kept.extra["outputs"], strict=True):
            if d.shape != y.shape:
                raise ValueError(f"Model.backward: dy must have the output's shape {y.shape}; got dy {d.shape}.")
        found = self.call_backward(self._values(), dys, self._kept)
        trainable = {path: variable for path, variable in self.variables.items() if variable.trainable}
        weights = {path: found.weights.get(path, np.zeros_like(v.value)) for path, v in trainable.items()}
        return Gradients(found.inputs, weights)

    def run(self, weights, inputs, *, training=False, rng=None, visit: Callable | None = None):
        """Compute the graph once; `visit(node, arrays_in, step)` sees every node as it has run.

        An array is let go as soon as its last reader has run, unless `visit` keeps it.
        """
        values, own = dict(zip(self.inputs, inputs, strict=True)), _by_layer(weights)
        for node in self.nodes:
            if node.outputs[0] in values:
                continue
            arrays, name = tuple(values[tensor] for tensor in node.inputs), self.names[node.layer]
            try:
                step = node.layer.call(own.get(name, {}), arrays, training=training, rng=rng)
            except (ValueError, TypeError) as error:
                error.add_note(f"in layer {name!r} ({node.layer.keras_class})")
                raise
            values.update(zip(node.outputs, step.outputs, strict=True))
            if visit is not None:
                visit(node, arrays, step)
            for tensor in self._last_reads[node]:
                del values[tensor]
        return tuple(values[tensor] for tensor in self.outputs)

    # As a layer of another model

    def output_shapes(self, *input_shapes):
        return tuple(self.shapes(*input_shapes)[tensor] for tensor in self.outputs)

    def weight_specs(self, *input_shapes):
        return {
            f"{self.names[layer]}/{key}": spec
            for layer, shapes in self._first_uses(*input_shapes).items()
            for key, spec in layer.weight_specs(*shapes).items()
        }

    def macs(self, *input_shapes):
        shapes = self.shapes(*input_shapes)
        return sum(node.layer.macs(*(shapes[t] for t in node.inputs)) for node in self.nodes)

    def call(self, weights, inputs, *, training=False, rng=None) -> Step:
        tape, updates = [], {}

        def keep(node, arrays, step):
            keeps, name = node.layer.keeps, self.names[node.layer]
            kept_inputs = arrays if "inputs" in keeps else tuple(map(stand_in, arrays))
            kept_outputs = step.outputs if "output" in keeps else tuple(map(stand_in, step.outputs))
            tape.append(Record(node, Kept(kept_inputs, kept_outputs, step.extra)))
            updates.update({f"{name}/{key}": value for key, value in step.updates.items()})

        outputs = self.run(weights, inputs, training=training, rng=rng, visit=keep)
        ends = {"inputs": tuple(map(stand_in, inputs)), "outputs": tuple(map(stand_in, outputs))}
        return Step(outputs, {"tape": tape, **ends}, updates)

    def call_backward(self, weights, dys, kept: Kept) -> Gradients:
        own_weights, dweights = _by_layer(weights), {}
        flowing: dict[Tensor, np.ndarray] = {}
        for tensor, dy in zip(self.outputs, dys, strict=True):
            _add(flowing, tensor, dy)
        for node, own in reversed(kept.extra["tape"]):
            if not any(tensor in flowing for tensor in node.outputs):
                continue
            name = self.names[node.layer]
            dys = [
                flowing.pop(t) if t in flowing else stand_in(y) for t, y in zip(node.outputs, own.outputs, strict=True)
            ]
            found = node.layer.call_backward(own_weights.get(name, {}), dys, own)
            for tensor, dx in zip(node.inputs, found.inputs, strict=True):
                _add(flowing, tensor, dx)
            for key, gradient in found.weights.items():
                _add(dweights, f"{name}/{key}", gradient)
        unused = map(np.zeros_like, kept.extra["inputs"])
        return Gradients(tuple(flowing.get(t, z) for t, z in zip(self.inputs, unused, strict=True)), dweights)

    def shapes(self, *input_shapes: Shape) -> dict[Tensor, Shape]:
        """The shape of every tensor of the graph, for these inputs instead of those the model was built with."""
        if len(input_shapes) not in (0, len(self.inputs)):
            raise ValueError(f"Model: {len(self.inputs)} inputs must be given; got {len(input_shapes)}.")
        given = {t: tuple(s) for t, s in zip(self.inputs, input_shapes, strict=False)}
        if all(tensor.shape == shape for tensor, shape in given.items()):
            return {tensor: tensor.shape for node in self.nodes for tensor in node.outputs}
        for node in self.nodes:
            if node.outputs[0] not in given:
                outputs = node.layer.output_shapes(*(given[tensor] for tensor in node.inputs))
                given.update(zip(node.outputs, outputs, strict=True))
        return given

    def _first_uses(self, *input_shapes) -> dict[Layer, tuple[Shape, ...]]:
        """Every layer with the input shapes of its first use, which its weights follow from."""
        shapes, first = self.shapes(*input_shapes), {}
        for node in self.nodes:
            if node.outputs[0] not in self.inputs:
                first.setdefault(node.layer, tuple(shapes[tensor] for tensor in node.inputs))
        return first

    # Arrays at the door

    def _values(self) -> dict[str, np.ndarray]:
        return {path: variable.value for path, variable in self.variables.items()}

    def _arrays(self, x) -> list[np.ndarray]:
        arrays = [np.asarray(a) for a in ([x] if self.single[0] else x)]
        if len(arrays) != len(self.inputs):
            raise ValueError(f"Model: {len(self.inputs)} arrays must come in; got {len(arrays)}.")
        for tensor, array in zip(self.inputs, arrays, strict=True):
            if array.shape[1:] != tensor.shape or array.ndim == 0:
                expected = ", ".join(map(str, tensor.shape))
                raise ValueError(f"Model: the input must have shape (batch, {expected}); got {array.shape}.")
        return [a.astype(self.dtype, copy=False) for a in arrays]

    def _given_back(self, outputs) -> Any:
        return outputs[0] if self.single[1] else list(outputs)


class Sequential(Model):
    """A chain of layers, as keras.Sequential.

    Args: layers: layers in order; the first may be an `Input(shape)`, else `input_shape` says one example's shape.

    >>> from numpycnn.layers import Dense, Flatten
    >>> Sequential([Flatten(), Dense(10)], input_shape=(4, 3)).predict(np.zeros((2, 4, 3))).shape
    (2, 10)
    """

    def __init__(self, layers, *, input_shape: Shape | None = None, name=None, dtype="float32", seed=0):
        layers = list(layers)
        if layers and isinstance(layers[0], Tensor):
            start = layers.pop(0)
        elif input_shape is not None:
            start = Input(input_shape)
        else:
            raise ValueError("Sequential: the first of the layers must be an Input(shape), or input_shape be given.")
        tensor = start
        for layer in layers:
            tensor = layer(tensor)
        super().__init__(start, tensor, name=name, dtype=dtype, seed=seed)
        self.layers = layers


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
