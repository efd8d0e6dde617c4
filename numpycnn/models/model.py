"""Models: a graph of layers with its weights, run on arrays, and back."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from numpycnn.layers.base import Gradients, Input, Kept, Layer, Shape, Tensor, WeightSpec, filled
from numpycnn.layers.initializers import initialize
from numpycnn.models.graph import Graph
from numpycnn.models.variable import Variable

__all__ = ["Model", "Sequential"]

Weight = Callable[[Layer, str, WeightSpec], np.ndarray]
"""Gives one weight: of which layer, by which of its names, with what shape."""


class Model(Graph):
    """A directed acyclic graph of layers between symbolic inputs and outputs, as keras.Model(inputs, outputs).

    Layers may be shared (used at several places with one set of weights) and models may be layers of other models,
    which then share their weights with them.

    Args:
        inputs, outputs: one symbolic tensor or a list of them; arrays go in and out in the same form.
        dtype: of the weights and of the arithmetic; arrays that come in are cast to it, as Keras does.
        seed: of the generator that draws the weights when they are first needed, and of dropout.
        names: by layer, where they are to be called otherwise than they call themselves.
        trainable: False freezes all layers within, those of models within too: copies stand in their place.

    Raises: ValueError where the outputs do not follow from the inputs, or two layers share a name.

    >>> from numpycnn.layers import Conv2D, Dense, Flatten, Input
    >>> x = Input((6, 5, 3))
    >>> model = Model(x, Dense(10)(Flatten()(Conv2D(4, (3, 2))(x))))
    >>> model.predict(np.zeros((2, 6, 5, 3))).shape
    (2, 10)
    """

    def __init__(
        self,
        inputs,
        outputs,
        *,
        name: str | None = None,
        dtype="float32",
        seed: int = 0,
        names=None,
        trainable: bool = True,
    ):
        self.dtype, self.seed = np.dtype(dtype), seed
        self._variables: dict[str, Variable] | None = None
        self._kept: Kept | None = None
        self._rng = np.random.default_rng(seed)
        super().__init__(inputs, outputs, name=name, names=names, trainable=trainable)

    def freeze(self) -> None:
        super().freeze()
        if self._variables is not None:
            self._variables = {path: Variable(path, v.value, False) for path, v in self._variables.items()}

    # Weights

    @property
    def variables(self) -> dict[str, Variable]:
        """Every weight by its path, as "conv1/kernel", in Keras's order; drawn on first use."""
        if self._variables is None:
            self._variables = self._draw(np.random.default_rng(self.seed), {})
        return self._variables

    @property
    def weights(self) -> list[Variable]:
        return list(dict.fromkeys(self.variables.values()))

    @property
    def trainable_weights(self) -> list[Variable]:
        return [variable for variable in self.weights if variable.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [variable for variable in self.weights if not variable.trainable]

    def initialize(self, seed: int = 0) -> None:
        """Draw every weight anew from its layer's initializer, those of nested models too."""
        rng = np.random.default_rng(seed)
        for path, spec in self.weight_specs().items():
            self.variables[path].assign(initialize(spec.initializer, spec.shape, rng))

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

    def adopt_weights(self, weight: Weight) -> None:
        """Take every weight, those of models within too, from a function of its layer, its name there and its spec.

        It is asked once for each weight in the order of `weights`, and must give an array of the spec's shape. Nothing
        is drawn where nothing was before, and nothing is changed where the function raises.
        """
        made: dict[Layer, dict[str, Variable]] = {}
        self._ask(weight, made)
        if self._untouched:
            self._hand_out(made)
        else:
            for path, variable in self._by_path(made).items():
                self.variables[path].assign(variable.value)

    def with_input_shapes(self, *shapes: Shape) -> "Model":
        """The same layers with the same weights for inputs of these shapes, one for each input.

        This is how open sizes are fixed; any other size will do as well, as long as no weight depends on it.

        Raises: ValueError where a layer refuses the shapes, or a weight would need another shape.

        >>> from numpycnn.layers import Conv2D, Input
        >>> x = Input((None, None, 3))
        >>> model = Model(x, Conv2D(4, 3)(x))
        >>> model.outputs[0].shape, model.with_input_shapes((9, 8, 3)).outputs[0].shape
        ((None, None, 4), (7, 6, 4))
        """
        from numpycnn.models.input_shapes import with_input_shapes

        return with_input_shapes(self, *shapes)

    def layer_variables(self) -> dict[Layer, dict[str, Variable]]:
        """The weights of every layer by their names there, those of models within included."""
        by_name = {name: layer for layer, name in self.names.items() if not isinstance(layer, Model)}
        own: dict[Layer, dict[str, Variable]] = {}
        for path, variable in self.variables.items():
            name, key = path.split("/", 1)
            if name in by_name:
                own.setdefault(by_name[name], {})[key] = variable
        for model in self._within:
            own |= model.layer_variables()
        return own

    @property
    def _within(self) -> list["Model"]:
        return [layer for layer in self.first_uses() if isinstance(layer, Model)]

    @property
    def _untouched(self) -> bool:
        """Whether no weight has been made yet, here and within."""
        return self._variables is None and all(model._untouched for model in self._within)

    def _ask(self, weight: Weight, made: dict[Layer, dict[str, Variable]]) -> None:
        for layer, shapes in self.first_uses().items():
            if isinstance(layer, Model):
                layer._ask(weight, made)
            elif layer not in made:
                made[layer] = self._variables_of(layer, shapes, weight)

    def _hand_out(self, made: dict[Layer, dict[str, Variable]]) -> None:
        for model in self._within:
            model._hand_out(made)
        self._variables = self._by_path(made)

    def _by_path(self, made: dict[Layer, dict[str, Variable]]) -> dict[str, Variable]:
        own = {layer: layer._by_path(made) if isinstance(layer, Model) else made[layer] for layer in self.first_uses()}
        return {f"{self.names[layer]}/{key}": v for layer, found in own.items() for key, v in found.items()}

    def _variables_of(self, layer: Layer, shapes, weight: Weight) -> dict[str, Variable]:
        return {
            key: Variable(
                f"{self.names[layer]}/{key}",
                weight(layer, key, spec).astype(self.dtype, copy=False),
                spec.trainable and layer.trainable,
            )
            for key, spec in layer.weight_specs(*filled(shapes)).items()
        }

    def _draw(self, rng: np.random.Generator, made: dict[Layer, dict[str, Variable]]) -> dict[str, Variable]:
        """Every weight by its path: those of layers in `made` taken over, the others drawn and put there."""
        for layer, shapes in self.first_uses().items():
            if isinstance(layer, Model):
                layer._adopt(made)
                made[layer] = layer.variables
            elif layer not in made:
                made[layer] = self._variables_of(
                    layer, shapes, lambda layer, key, spec: initialize(spec.initializer, spec.shape, rng)
                )
        return {f"{self.names[layer]}/{key}": v for layer in self.first_uses() for key, v in made[layer].items()}

    def _adopt(self, made: dict[Layer, dict[str, Variable]]) -> None:
        """Share variables with a model around this one: draw what is not made yet, or show what is here already."""
        if self._variables is None:
            self._variables = self._draw(np.random.default_rng(self.seed), made)
        for layer in self.first_uses():
            prefix = self.names[layer] + "/"
            own = {path.removeprefix(prefix): v for path, v in self._variables.items() if path.startswith(prefix)}
            made.setdefault(layer, own)

    # Running

    def predict(self, x, batch_size: int = 32):
        """The outputs in inference, computed `batch_size` examples at a time; nothing is kept for a backward.

        Batch normalization, ReLU and sums write over what they read where nobody else reads it, and batch
        normalization is one scale and one offset a channel; `forward` and `activations` do neither. The outputs are
        equal within rounding.
        """
        inputs, weights = self.arrays(x), self.values()
        starts = range(0, max(1, len(inputs[0])), batch_size)
        parts = [self.run(weights, [a[i : i + batch_size] for a in inputs], overwrite=True) for i in starts]
        return self._given_back([np.concatenate(outputs) for outputs in zip(*parts, strict=True)])

    def forward(
        self, x, training: bool = False, *, rng: np.random.Generator | None = None, input_gradients: bool = True
    ):
        """The outputs, keeping what `backward` will read and nothing else.

        In training, batch normalization uses and updates statistics and dropout drops; `rng` replaces the model's
        own generator. Without input_gradients only what the gradients of the weights need is kept, and so nothing of
        the layers before the first that is trained.
        """
        rng, wanted = self._rng if rng is None else rng, [input_gradients] * len(self.inputs)
        step = self.call(self.values(), self.arrays(x), training=training, rng=rng, wanted=wanted)
        for path, value in step.updates.items():
            self.variables[path].assign(value)
        self._kept = Kept((), (), step.extra, input_gradients)
        return self._given_back(step.outputs)

    def backward(self, dy) -> Gradients:
        """The gradients of a loss from dy, its gradient by the output(s) of the last `forward`.

        Returns: .inputs, one array for each input, or none where forward was told input_gradients=False; .weights, one
            for each trainable weight by its (first) path.
        Raises: RuntimeError before any forward; ValueError where dy has not the shapes of the outputs.
        """
        if self._kept is None:
            raise RuntimeError("Model.backward: forward must run first, since backward reads what it keeps.")
        dys = [np.asarray(d, self.dtype) for d in ([dy] if self.single[1] else dy)]
        for d, y in zip(dys, self._kept.extra["outputs"], strict=True):
            if d.shape != y.shape:
                raise ValueError(f"Model.backward: dy must have the output's shape {y.shape}; got dy {d.shape}.")
        found = self.call_backward(self.values(), dys, self._kept)
        weights, first_paths = {}, {}
        for path, variable in self.variables.items():
            if variable.trainable:
                gradient = found.weights.get(path, np.zeros_like(variable.value))
                first = first_paths.setdefault(variable, path)
                weights[first] = weights[first] + gradient if first in weights else gradient
        return Gradients(found.inputs, weights)

    def get_layer(self, name: str) -> Layer:
        """The layer of this name; ValueError where there is none."""
        for layer, own in self.names.items():
            if own == name:
                return layer
        raise ValueError(
            f"{self.name or 'Model'}: no layer is named {name!r}; there are {', '.join(self.names.values())}."
        )

    def activations(self, x, training: bool = False) -> dict[str, np.ndarray]:
        """Every layer's output by its name; the second use of a shared layer is called "name:1", and so on."""
        found: dict[str, np.ndarray] = {}

        def keep(node, arrays, step):
            found[self.node_names[node]] = step.outputs[0]

        self.run(self.values(), self.arrays(x), training=training, visit=keep)
        return found

    def summary(self) -> None:
        """Print the table that Keras users know: layers, output shapes, parameters, and what each is connected to."""
        from numpycnn.models.summary import print_summary

        print_summary(self)

    def to_keras(self):
        """The same model as a keras.Model with the same weights; ImportError where TensorFlow is not installed."""
        from numpycnn.keras_io import to_keras

        return to_keras(self)

    def save(self, path) -> None:
        """Write the model as a .keras file that Keras loads, or its weights alone as .weights.h5; without Keras."""
        from numpycnn.keras_io import save_model

        save_model(self, path)

    def load_weights(self, path) -> None:
        """Put the weights of a Keras file (.weights.h5, .h5 or .keras) into the model; see `keras_io.load_weights`."""
        from numpycnn.keras_io import load_weights

        load_weights(self, path)

    # Arrays at the door

    def values(self) -> dict[str, np.ndarray]:
        """The weights as plain arrays by path, as a run takes them."""
        return {path: variable.value for path, variable in self.variables.items()}

    def arrays(self, x) -> list[np.ndarray]:
        """What is given to a run as a checked list of arrays in the model's dtype."""
        arrays = [np.asarray(a) for a in ([x] if self.single[0] else x)]
        if len(arrays) != len(self.inputs):
            raise ValueError(f"Model: {len(self.inputs)} arrays must come in; got {len(arrays)}.")
        for tensor, array in zip(self.inputs, arrays, strict=True):
            if not _suits(array.shape, tensor.shape):
                expected = ", ".join(map(str, tensor.shape))
                raise ValueError(f"Model: the input must have shape (batch, {expected}); got {array.shape}.")
        return [a.astype(self.dtype, copy=False) for a in arrays]

    def _given_back(self, outputs) -> Any:
        return outputs[0] if self.single[1] else list(outputs)


def _suits(shape: Shape, expected) -> bool:
    """Whether an array of this shape is a batch of examples of the expected one, whose open sizes may be any."""
    own = zip(shape[1:], expected, strict=False)
    return len(shape) == len(expected) + 1 and all(size is None or size == n for n, size in own)


class Sequential(Model):
    """A chain of layers, as keras.Sequential.

    Args: layers: layers in order; the first may be an `Input(shape)`, else `input_shape` says one example's shape.

    >>> from numpycnn.layers import Dense, Flatten
    >>> Sequential([Flatten(), Dense(10)], input_shape=(4, 3)).predict(np.zeros((2, 4, 3))).shape
    (2, 10)
    """

    def __init__(self, layers, *, input_shape: Shape | None = None, name=None, dtype="float32", seed=0, trainable=True):
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
        super().__init__(start, tensor, name=name, dtype=dtype, seed=seed, trainable=trainable)
        self.layers = [node.layer for node in self.nodes]

    @property
    def keras_class(self):
        return "Sequential"
