"""Counting: the book's numbers, hand-computed graphs, and random ones against what NumPy really makes and keeps."""

import json
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn.counting import Count, count, count_layer
from numpycnn.layers import (
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Layer,
    MaxPooling2D,
    Multiply,
    ReLU,
    SpatialDropout2D,
)
from numpycnn.models import Model, Sequential, fashion_mnist, resnet34
from reference_tests.library.strategies import distinct

# The book's numbers: Géron, Hands-On Machine Learning, 3rd ed., chapter 14.


@pytest.mark.parametrize(("batch", "output_bytes"), [(1, 12_000_000), (100, 1_200_000_000)])
def test_one_convolution(batch, output_bytes):
    counted = count_layer(Conv2D(200, 5, padding="same"), (150, 100, 3), batch_size=batch)
    assert counted.params.total == counted.params.trainable == 15_200
    assert counted.params.non_trainable == 0
    assert counted.macs == 225_000_000
    assert counted.memory.output_bytes == output_bytes


def three_layers() -> Sequential:
    layers = [Conv2D(filters, 3, strides=2, padding="same") for filters in (100, 200, 400)]
    return Sequential([Input((200, 300, 3)), *layers])


def test_three_layer_exercise():
    assert count(three_layers()).params.total == 903_400
    assert count(three_layers()).memory.inference_book_bytes == 12_613_600
    assert count(three_layers(), batch_size=50).memory.training_book_bytes == 565_613_600


def test_fashion_mnist():
    assert count(fashion_mnist()).params.total == 1_413_834


def test_resnet34_totals():
    small = count(resnet34(classes=10)).params
    assert (small.total, small.trainable, small.non_trainable) == (21_306_826, 21_289_802, 17_024)
    assert count(resnet34()).macs == 3_663_761_408


RESNET34_ROWS = {  # name: output shape, parameters, MACs, at 224x224 with 1000 classes; He et al., table 1
    "conv1_conv": ((112, 112, 64), 9_408, 118_013_952),
    "conv1_bn": ((112, 112, 64), 256, 0),
    "pool1": ((56, 56, 64), 0, 0),
    **{f"conv2_{i}_{j}_conv": ((56, 56, 64), 36_864, 115_605_504) for i in (1, 2, 3) for j in (1, 2)},
    "conv3_1_1_conv": ((28, 28, 128), 73_728, 57_802_752),
    "conv3_1_skip_conv": ((28, 28, 128), 8_192, 6_422_528),
    **{f"conv3_{i}_2_conv": ((28, 28, 128), 147_456, 115_605_504) for i in (1, 2, 3, 4)},
    "conv4_1_1_conv": ((14, 14, 256), 294_912, 57_802_752),
    "conv4_1_skip_conv": ((14, 14, 256), 32_768, 6_422_528),
    **{f"conv4_{i}_2_conv": ((14, 14, 256), 589_824, 115_605_504) for i in (1, 2, 3, 4, 5, 6)},
    "conv5_1_1_conv": ((7, 7, 512), 1_179_648, 57_802_752),
    "conv5_1_skip_conv": ((7, 7, 512), 131_072, 6_422_528),
    **{f"conv5_{i}_2_conv": ((7, 7, 512), 2_359_296, 115_605_504) for i in (1, 2, 3)},
    "conv5_3_out": ((7, 7, 512), 0, 0),
    "pool5": ((512,), 0, 0),
    "predictions": ((1000,), 513_000, 512_000),
}


def test_resnet34_row_by_row():
    rows = {row.name: row for row in count(resnet34()).layers}
    found = {name: (rows[name].output_shape, rows[name].params, rows[name].macs) for name in RESNET34_ROWS}
    assert found == RESNET34_ROWS
    units = [sum(name.startswith(f"conv{stage}_") and name.endswith("_add") for name in rows) for stage in (2, 3, 4, 5)]
    assert units == [3, 4, 6, 3]


# Graphs counted by hand. Sizes in numbers, four bytes each.


def test_a_branch_is_held_until_it_is_added():
    x = Input((2, 3, 5))  # 30
    skip = ReLU(name="skip")(x)  # 30
    wide = Conv2D(7, 1, name="wide")(skip)  # 42
    wider = Conv2D(11, 1, name="wider")(wide)  # 66
    narrow = Conv2D(5, 1, name="narrow")(wider)  # 30
    counted = count(Model(x, Add(name="add")([narrow, skip])))
    parameters = (5 * 7 + 7) + (7 * 11 + 11) + (11 * 5 + 5)
    assert counted.params.total == parameters
    assert counted.macs == 6 * (5 * 7 + 7 * 11 + 11 * 5)
    assert counted.memory.output_bytes == 4 * (30 + 42 + 66 + 30 + 30)
    assert counted.memory.inference_bytes == 4 * (parameters + 30 + 42 + 66)  # "wider" runs while skip waits
    assert counted.memory.inference_book_bytes == 4 * (parameters + 42 + 66)
    kept = 30 + 30 + 42 + 66  # the input batch; skip, which ReLU and conv share; wide; wider; add keeps nothing
    assert counted.memory.kept_bytes == 4 * kept
    assert counted.memory.training_bytes == 4 * (2 * parameters + kept)
    assert counted.memory.training_book_bytes == 4 * (parameters + 30 + 198)


def test_the_book_counts_the_input_as_a_layer():
    counted = count(Sequential([Conv2D(1, 3, strides=2), Conv2D(1, 1)], input_shape=(21, 11, 3)))
    assert counted.memory.inference_book_bytes == 4 * (28 + 2 + 21 * 11 * 3 + 10 * 5)


def test_a_shared_layer_counts_once_and_works_twice():
    shared = Conv2D(5, (3, 2), padding="same", name="shared")
    a, b = Input((7, 6, 3), name="a"), Input((7, 6, 3), name="b")
    counted = count(Model([a, b], Add(name="add")([shared(a), shared(b)])))
    parameters = 3 * 2 * 3 * 5 + 5
    assert counted.params.total == parameters
    assert counted.macs == 2 * 7 * 6 * 90
    rows = [(row.name, row.params, row.macs, row.connected_to) for row in counted.layers]
    assert rows == [
        ("shared", parameters, 3780, ("a",)),
        ("shared:1", 0, 3780, ("b",)),
        ("add", 0, 0, ("shared", "shared:1")),
    ]
    assert counted.memory.input_bytes == 4 * 2 * 126
    assert counted.memory.inference_bytes == 4 * (
        parameters + 3 * 210
    )  # the three arrays of add: more than 2 * 126 + 210
    assert [row.name for row in counted.inputs] == ["a", "b"]


def test_nested_models_are_counted_as_if_written_out():
    inner_input = Input((8, 7, 3))
    hidden = Conv2D(5, 3, name="conv")(inner_input)
    inner = Model(inner_input, [ReLU(name="relu")(hidden), GlobalAveragePooling2D(name="mean")(hidden)], name="inner")
    x = Input((8, 7, 3), name="x")
    maps, means = inner(x)
    nested = count(Model(x, [Flatten(name="flat")(maps), means]))
    y = Input((8, 7, 3), name="x")
    hidden = Conv2D(5, 3)(y)
    plain = count(Model(y, [Flatten()(ReLU()(hidden)), GlobalAveragePooling2D()(hidden)]))
    assert (nested.params, nested.macs) == (plain.params, plain.macs)
    assert nested.memory.output_bytes == plain.memory.output_bytes
    assert nested.memory.training_bytes == plain.memory.training_bytes
    assert sorted(row.name for row in nested.layers) == ["flat", "inner.conv", "inner.mean", "inner.relu"]
    assert {row.name: row.connected_to for row in nested.layers}["flat"] == ("inner.relu",)


def test_a_nested_model_used_twice_counts_its_parameters_once():
    inner = Sequential([Conv2D(3, 3, padding="same", name="conv")], input_shape=(6, 5, 3), name="inner")
    x = Input((6, 5, 3))
    counted = count(Model(x, inner(inner(x))))
    assert [(row.name, row.params, row.macs) for row in counted.layers] == [
        ("inner.conv", 84, 30 * 81),
        ("inner:1.conv", 0, 30 * 81),
    ]
    assert counted.params.total == 84


def test_several_outputs_are_held_to_the_end():
    x = Input((4, 3, 2))  # 24
    first = Conv2D(5, 1)(x)  # 60
    second = Conv2D(7, 1)(x)  # 84
    third = Conv2D(1, 1)(second)  # 12
    counted = count(Model(x, [first, third]))
    assert counted.memory.inference_bytes == counted.memory.parameter_bytes + 4 * (24 + 60 + 84)


def test_an_output_that_nobody_reads_is_let_go():
    inner_input = Input((4, 3, 2))
    inner = Model(inner_input, [Conv2D(1, 1, name="read")(inner_input), Conv2D(9, 1, name="unread")(inner_input)])
    x = Input((4, 3, 2))  # 24
    read, _ = inner(x)  # 12 and 108
    counted = count(Model(x, Conv2D(10, 1)(read)))  # 120
    assert counted.memory.inference_bytes == counted.memory.parameter_bytes + 4 * (24 + 12 + 108)


def test_frozen_layers_have_no_gradients():
    model = Sequential([Conv2D(5, 3, trainable=False), Conv2D(2, 1), BatchNormalization()], input_shape=(8, 7, 3))
    counted = count(model, optimizer="adam")
    assert (counted.params.total, counted.params.trainable) == (140 + 12 + 8, 12 + 4)
    assert counted.memory.gradient_bytes == 4 * 16
    assert counted.memory.optimizer_bytes == 2 * 4 * 16
    assert [row.trainable_params for row in counted.layers] == [0, 12, 4]


@pytest.mark.parametrize(
    ("optimizer", "slots"),
    [(None, 0), ("sgd", 0), ("momentum", 1), ("rmsprop", 1), ("adam", 2), ("adamw", 2), ("nadam", 2)],
)
def test_optimizer_slots(optimizer, slots):
    plain, counted = count(three_layers()), count(three_layers(), optimizer=optimizer)
    assert counted.memory.optimizer_bytes == slots * 4 * 903_400
    assert counted.memory.training_bytes == plain.memory.training_bytes + slots * 4 * 903_400
    assert counted.memory.inference_bytes == plain.memory.inference_bytes


@pytest.mark.parametrize(
    ("dtype", "itemsize"),
    [("float16", 2), ("bfloat16", 2), (np.float16, 2), ("float32", 4), (np.dtype("float64"), 8)],
)
def test_dtype(dtype, itemsize):
    single, counted = count(three_layers()), count(three_layers(), dtype=dtype)
    assert counted.memory.training_bytes * 4 == single.memory.training_bytes * itemsize
    assert counted.memory.inference_bytes * 4 == single.memory.inference_bytes * itemsize
    assert counted.params == single.params


def test_counts_are_exact_at_any_size():
    side = 10**9 + 7
    counted = count_layer(Conv2D(10**7 + 1, 3, padding="same"), (side, side + 2, 10**6 + 3), batch_size=10**6)
    weights = 9 * (10**6 + 3) * (10**7 + 1)
    assert counted.params.total == weights + 10**7 + 1
    assert counted.macs == side * (side + 2) * weights
    assert counted.memory.output_bytes == 4 * 10**6 * side * (side + 2) * (10**7 + 1)


def test_weights_are_never_drawn():
    model = three_layers()
    count(model)
    assert model._variables is None


def test_json_has_the_same_names():
    counted = count(three_layers(), batch_size=50, optimizer="adam")
    data = json.loads(counted.to_json())
    assert data == json.loads(json.dumps(counted.to_dict()))
    assert data["params"] == {"total": 903_400, "trainable": 903_400, "non_trainable": 0}
    assert data["macs"] == counted.macs
    assert data["memory"]["training_book_bytes"] == 565_613_600
    assert data["layers"][0]["output_shape"] == [100, 150, 100]
    assert (data["batch_size"], data["dtype"], data["optimizer"]) == (50, "float32", "adam")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "count: batch_size must be at least 1; got batch_size 0."),
        ({"batch_size": -3}, "count: batch_size must be at least 1; got batch_size -3."),
        ({"dtype": "int8"}, "count: dtype must be one of float16, bfloat16, float32, float64; got dtype 'int8'."),
        (
            {"optimizer": "adm"},
            "count: optimizer must be one of sgd, momentum, rmsprop, adam, adamw, nadam or None; got optimizer 'adm'.",
        ),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        count(three_layers(), **options)


def test_bad_types():
    with pytest.raises(TypeError, match="model must be a Model; got Conv2D"):
        count(Conv2D(3, 3))
    with pytest.raises(TypeError, match="batch_size must be an integer"):
        count(three_layers(), batch_size=1.5)


def test_any_layer_can_be_counted():
    """Counting asks a layer's protocol and nothing else."""

    class Kernel(Layer):
        keeps = ("inputs",)

        def output_shape(self, shape):
            return (*shape, 2)

        def macs(self, shape):
            return 17

    counted = count_layer(Kernel(), (3, 5))
    assert (counted.params.total, counted.macs, counted.memory.output_bytes) == (0, 17, 4 * 30)


# Random graphs against what NumPy really does.


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
    assert memory.inference_bytes == memory.parameter_bytes + 4 * batch * peak


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
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


def kept_by_forward(model: Model, batch: int, with_inputs: bool = False) -> int:
    """The bytes of all distinct arrays on the model's tape that are no stand-ins."""
    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=(batch, *tensor.shape)).astype(model.dtype) for tensor in model.inputs]
    model.forward(arrays[0] if model.single[0] else arrays, training=True)
    found = {id(array): array.nbytes for array in tape_arrays(model._kept)}
    if with_inputs:
        found |= {id(array): array.nbytes for array in arrays}
    return sum(found.values())


def tape_arrays(kept):
    if "tape" in kept.extra:
        for _, own in kept.extra["tape"]:
            yield from tape_arrays(own)
        return
    for array in (*kept.inputs, *kept.outputs, *kept.extra.values()):
        if any(array.strides):  # a stand-in has no strides: it is one element, repeated
            yield array
