"""Counting a model: one call, plain integers out. Everything is asked of the layers; no array is made."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from numpycnn.counting.memory import Memory, memory
from numpycnn.counting.receptive_field import ReceptiveField, receptive_fields
from numpycnn.counting.rows import CONVENTIONS, BlockCount, LayerCount, Parameters, blocks_of, work_of
from numpycnn.counting.sizes import Sizes, dtype_name, elements, sized
from numpycnn.layers.base import Input, Layer, Node, Shape
from numpycnn.models.graph import Graph
from numpycnn.models.model import Model

__all__ = [
    "CONVENTIONS",
    "BlockCount",
    "Count",
    "LayerCount",
    "Memory",
    "Parameters",
    "ReceptiveField",
    "count",
    "count_layer",
]


@dataclass(frozen=True, kw_only=True)
class Count:
    """What a model costs. The rows of `layers` add up to the totals; the model's inputs have rows of their own.

    macs, operations: of one example: multiplications of convolutions and dense layers, and all other arithmetic by
        kind (bias, normalization, activation, pooling, merging, resizing).
    """

    model: str
    batch_size: int
    dtype: str
    optimizer: str | int | None
    params: Parameters
    macs: int
    mac_convention: str
    operations: dict[str, int]
    memory: Memory
    inputs: tuple[LayerCount, ...]
    layers: tuple[LayerCount, ...]

    def work(self, convention: str = "macs") -> int:
        """The arithmetic for one example by one of CONVENTIONS."""
        return work_of(self, convention)

    def blocks(self, parts: int = 1) -> tuple[BlockCount, ...]:
        """The rows of `layers` added up by the first parts of their names, as conv2 (1) or conv2_1 (2)."""
        return blocks_of(self.layers, parts)

    def to_dict(self) -> dict[str, Any]:
        """The same figures by the same names, in plain dicts and tuples."""
        return asdict(self)

    def to_json(self, **options) -> str:
        """`to_dict` as JSON; options go to json.dumps."""
        return json.dumps(self.to_dict(), **options)


def count(
    model: Model,
    *,
    batch_size: int = 1,
    dtype: Any = "float32",
    optimizer: str | int | None = None,
    freeze: str | None = None,
) -> Count:
    """Count a model's parameters, its multiply-accumulates (MACs) and its memory.

    MACs are those of one example: the multiplications of convolutions and dense layers, padded taps included, as
    textbooks count; biases, normalization, activations, pooling and additions are not in them.

    Args:
        model: of any size; its weights are never drawn.
        batch_size: examples at a time; parameters and MACs do not depend on it.
        dtype: of every number: float16, bfloat16, float32 or float64; or mixed_float16, mixed_bfloat16, where weights,
            gradients, what the optimizer keeps and statistics are float32.
        optimizer: None or "sgd", "momentum", "rmsprop", "adam", "adamw", "nadam"; or how many values an optimizer keeps
            for each trainable parameter.
        freeze: "base", as if all layers but the last with weights had trainable=False, or the name of a layer up to
            which they have; None: as they are.

    Returns: a Count; see Memory for what each figure of bytes means.
    Raises: TypeError for what is no model; ValueError for an input with an open size (None), a batch below 1, an
        unknown dtype or optimizer.
    Source: Géron, Hands-On Machine Learning, 3rd ed., chapter 14, "Memory Requirements", for the book's figures.

    >>> from numpycnn.layers import Conv2D, Input
    >>> x = Input((150, 100, 3))
    >>> counted = count(Model(x, Conv2D(200, 5, padding="same")(x)), batch_size=100)
    >>> counted.params.total, counted.macs, counted.memory.output_bytes
    (15200, 225000000, 1200000000)
    """
    sizes = sized(model, batch_size=batch_size, dtype=dtype, optimizer=optimizer, freeze=freeze)
    graph = sizes.graph
    layers = _rows(graph, sizes)
    total, trainable = sum(row.params for row in layers), sum(row.trainable_params for row in layers)
    return Count(
        model=model.name or "model",
        batch_size=sizes.batch_size,
        dtype=dtype_name(dtype),
        optimizer=optimizer,
        params=Parameters(total=total, trainable=trainable, non_trainable=total - trainable),
        macs=sum(row.macs for row in layers),
        mac_convention=CONVENTIONS["macs"],
        operations=dict(sum((Counter(row.operations) for row in layers), Counter())),
        memory=memory(sizes),
        inputs=_input_rows(graph, sizes),
        layers=layers,
    )


def count_layer(layer: Layer, *input_shapes: Shape, **options) -> Count:
    """Count a layer alone, as the model of that one layer.

    Args: input_shapes: of one example, one for each input.   options: as of `count`.

    >>> from numpycnn.layers import Dense
    >>> count_layer(Dense(10), (128,)).params.total
    1290
    """
    inputs = [Input(shape) for shape in input_shapes]
    return count(Model(inputs, layer(inputs)), **options)


def _rows(graph: Graph, sizes: Sizes) -> tuple[LayerCount, ...]:
    rows, seen, sources, fields = [], set(), graph.sources, receptive_fields(graph)
    for node, name in graph.node_names.items():
        shapes = node.output_shapes
        params, trainable = (0, 0) if node.layer in seen else _parameters(node)
        rows.append(
            LayerCount(
                name=name,
                kind=node.layer.keras_class,
                output_shape=shapes[0] if len(shapes) == 1 else shapes,
                params=params,
                trainable_params=trainable,
                macs=int(node.layer.macs(*node.input_shapes)),
                operations={kind: int(size) for kind, size in node.layer.operations(*node.input_shapes).items()},
                output_bytes=sizes.tensors(node.outputs),
                connected_to=tuple(sources[tensor] for tensor in node.inputs),
                receptive_field=fields[node],
            )
        )
        seen.add(node.layer)
    return tuple(rows)


def _input_rows(graph: Graph, sizes: Sizes) -> tuple[LayerCount, ...]:
    sources = graph.sources
    return tuple(
        LayerCount(
            name=sources[tensor],
            kind="InputLayer",
            output_shape=tensor.shape,
            params=0,
            trainable_params=0,
            macs=0,
            operations={},
            output_bytes=sizes.tensors([tensor]),
            connected_to=(),
            receptive_field=None,
        )
        for tensor in graph.inputs
    )


def _parameters(node: Node) -> tuple[int, int]:
    """All parameters of a layer and the trainable ones."""
    specs = node.layer.weight_specs(*node.input_shapes).values()
    trainable = (spec.shape for spec in specs if spec.trainable and node.layer.trainable)
    return elements(*(spec.shape for spec in specs)), elements(*trainable)
