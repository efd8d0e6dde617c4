"""Counts of random graphs against what NumPy really makes, holds and keeps."""

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn.counting import Count, count
from numpycnn.layers import (
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
    Multiply,
    ReLU,
    SpatialDropout2D,
)
from numpycnn.models import Model
from numpycnn.testing.strategies import distinct

KINDS = [
    "conv", "conv gelu", "shared", "nested", "half read", "normalized", "relu", "dropout", "spatial dropout", "pool",
    "add", "multiply", "concatenate",
]  # fmt: skip


@st.composite
def models(draw) -> Model:
    """A small graph of images of one height and width; several inputs and outputs, shared and nested layers."""
    height, width = draw(distinct((3, 6), (3, 6)))
    channels = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
    inputs = [Input((height, width, c)) for c in channels]
    tensors, shared = list(inputs), {}
    for _ in range(draw(st.integers(1, 8))):
        x = draw(st.sampled_from(tensors))
        kind = draw(st.sampled_from(KINDS))
        tensors.append(grown(draw, kind, x, tensors, shared))
    read = {tensor for made in tensors for tensor in made.node.inputs}
    used_inputs = [tensor for tensor in inputs if tensor in read]
    outputs = [tensor for tensor in tensors if tensor not in read and tensor not in inputs]
    also_given_back = [tensor for tensor in tensors if tensor in read and tensor not in inputs and draw(st.booleans())]
    return Model(used_inputs, [*outputs, *also_given_back])


def grown(draw, kind, x, tensors, shared):
    """One more tensor, made from x and perhaps another."""
    filters = draw(st.integers(1, 4))
    alike = draw(st.sampled_from([tensor for tensor in tensors if tensor.shape == x.shape]))
    if kind == "shared":
        return shared.setdefault(x.shape, Conv2D(filters, 3, padding="same"))(x)
    if kind == "nested":
        inner = Input(x.shape)
        hidden = Conv2D(filters, 1, activation="relu")(inner)
        return shared.setdefault((x.shape, "nested"), Model(inner, Concatenate()([hidden, inner])))(x)
    if kind == "half read":
        inner = Input(x.shape)
        return Model(inner, [Conv2D(filters, 2, padding="same")(inner), ReLU()(inner)])(x)[draw(st.integers(0, 1))]
    if kind in ("add", "multiply", "concatenate"):
        return {"add": Add(), "multiply": Multiply(), "concatenate": Concatenate()}[kind]([x, alike])
    layers = {
        "conv": Conv2D(filters, (3, 2), padding="same", use_bias=draw(st.booleans()), trainable=draw(st.booleans())),
        "conv gelu": Conv2D(filters, 1, activation="gelu"),
        "normalized": BatchNormalization(trainable=draw(st.booleans())),
        "relu": ReLU(),
        "dropout": Dropout(0.5),
        "spatial dropout": SpatialDropout2D(0.3),
        "pool": MaxPooling2D((2, 3), strides=1, padding="same"),
    }
    return layers[kind](x)


@settings(max_examples=100)
@given(model=models(), batch=st.integers(1, 4), optimizer=st.sampled_from([None, "momentum", "adam"]))
def test_random_models(model, batch, optimizer):
    counted = count(model, batch_size=batch, optimizer=optimizer)
    memory = counted.memory
    assert counted.params.total == sum(v.size for v in model.weights)
    assert counted.params.trainable == sum(v.size for v in model.trainable_weights)
    assert counted.params.non_trainable == sum(v.size for v in model.non_trainable_weights)
    assert counted.macs == model.macs()
    assert_rows_add_up(counted)
    assert memory.output_bytes == batch * count(model).memory.output_bytes
    assert memory.input_bytes == batch * 4 * sum(prod(tensor.shape) for tensor in model.inputs)
    assert memory.training_bytes == (
        memory.parameter_bytes + memory.gradient_bytes + memory.optimizer_bytes + memory.kept_bytes
    )
    assert memory.kept_bytes >= memory.input_bytes
    assert memory.parameter_bytes <= memory.inference_bytes <= memory.training_book_bytes
    assert memory.inference_book_bytes <= memory.training_book_bytes


def assert_rows_add_up(counted: Count) -> None:
    assert sum(row.params for row in counted.layers) == counted.params.total
    assert sum(row.trainable_params for row in counted.layers) == counted.params.trainable
    assert sum(row.macs for row in counted.layers) == counted.macs
    assert sum(row.output_bytes for row in counted.layers) == counted.memory.output_bytes
    assert sum(row.output_bytes for row in counted.inputs) == counted.memory.input_bytes
    names = [row.name for row in (*counted.inputs, *counted.layers)]
    assert len(set(names)) == len(names)
    assert all(set(row.connected_to) <= set(names[: names.index(row.name)]) for row in counted.layers)


@settings(max_examples=100)
@given(model=models(), batch=st.integers(1, 4))
def test_peak_is_that_of_a_simulation(model, batch):
    """At every step: all that exists by then and is read in that step or later, or given back."""
    inputs = [Piece(tensor.shape) for tensor in model.inputs]
    steps, outputs = steps_of(model, inputs)
    peak = sum(piece.size for piece in inputs)
    for now in range(len(steps)):
        made = {*inputs, *(piece for _, writes in steps[: now + 1] for piece in writes)}
        needed = {*outputs, *steps[now][1], *(piece for reads, _ in steps[now:] for piece in reads)}
        peak = max(peak, sum(piece.size for piece in made & needed))
    memory = count(model, batch_size=batch).memory
    assert memory.inference_in_order_bytes == memory.parameter_bytes + 4 * batch * peak


class Piece:
    """The numbers of one tensor."""

    def __init__(self, shape):
        self.size = prod(shape)


def steps_of(model: Model, inputs: list[Piece]):
    """(what it reads, what it writes) for every layer that runs, and the outputs."""
    pieces, steps = dict(zip(model.inputs, inputs, strict=True)), []
    for node in model.nodes:
        reads, writes = [pieces[tensor] for tensor in node.inputs], [Piece(shape) for shape in node.output_shapes]
        if isinstance(node.layer, Model):
            inner, writes = steps_of(node.layer, reads)
            steps += inner
        else:
            steps.append((reads, writes))
        pieces |= dict(zip(node.outputs, writes, strict=True))
    return steps, [pieces[tensor] for tensor in model.outputs]


# What training keeps.


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_kept_bytes_are_what_forward_keeps(dtype):
    x = Input((12, 10, 3))
    hidden = ReLU()(BatchNormalization()(Conv2D(5, 3, padding="same")(x)))
    main = BatchNormalization()(Conv2D(5, 3, padding="same")(hidden))
    hidden = MaxPooling2D(2)(ReLU()(Add()([main, hidden])))
    hidden = Dropout(0.5)(Dense(11, activation="relu")(Flatten()(hidden)))
    model = Model(x, Dense(7, activation="softmax")(hidden), dtype=dtype)
    assert kept_by_forward(model, batch=4) == count(model, batch_size=4, dtype=dtype).memory.kept_bytes


@settings(max_examples=60)
@given(model=models(), batch=st.integers(1, 3))
def test_kept_bytes_of_random_models(model, batch):
    found = kept_by_forward(model, batch, with_inputs=True)
    assert count(model, batch_size=batch).memory.kept_bytes == found


def test_a_graph_within_passes_on_only_the_gradients_that_are_asked():
    """What it makes of its input without weights needs no gradient, though others of its layers are trained."""
    inner = Input((5, 4, 3))
    within = Model(inner, [Conv2D(2, 1)(inner), ReLU()(inner)])
    x = Input((5, 4, 3))
    trained, plain = within(x)
    model = Model(x, [ReLU()(trained), ReLU()(plain)])
    assert kept_by_forward(model, 2, with_inputs=True) == 4 * 2 * 20 * (3 + 2)  # x, and what the first ReLU gives
    assert count(model, batch_size=2).memory.kept_bytes == 4 * 2 * 20 * (3 + 2)


def kept_by_forward(model: Model, batch: int, with_inputs: bool = False) -> int:
    """The bytes of all distinct arrays on the model's tape that are no stand-ins."""
    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=(batch, *tensor.shape)).astype(model.dtype) for tensor in model.inputs]
    model.forward(arrays[0] if model.single[0] else arrays, training=True, input_gradients=False)
    found = {id(array): array.nbytes for array in tape_arrays(model._kept)}
    if with_inputs:
        found |= {id(array): array.nbytes for array in arrays}
    return sum(found.values())


def tape_arrays(kept):
    if "tape" in kept.extra:
        for _, own, _ in kept.extra["tape"]:
            yield from tape_arrays(own)
        return
    for array in (*kept.inputs, *kept.outputs, *kept.extra.values()):
        if any(array.strides):  # a stand-in has no strides: it is one element, repeated
            yield array
