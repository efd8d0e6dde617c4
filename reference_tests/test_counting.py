"""Counting: the book's numbers, graphs counted by hand, options and errors."""

import json

import numpy as np
import pytest

from numpycnn.counting import count, count_layer
from numpycnn.layers import (
    Add,
    BatchNormalization,
    Conv2D,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Layer,
    ReLU,
)
from numpycnn.models import Model, Sequential, fashion_mnist, resnet34

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
        ("inner.conv:1", 0, 30 * 81),
    ]
    assert counted.params.total == 84


def test_several_outputs_are_held_to_the_end():
    x = Input((4, 3, 2))  # 24
    first = Conv2D(5, 1)(x)  # 60
    second = Conv2D(7, 1)(x)  # 84
    third = Conv2D(1, 1)(second)  # 12
    counted = count(Model(x, [first, third]))
    assert counted.memory.inference_in_order_bytes == counted.memory.parameter_bytes + 4 * (24 + 60 + 84)
    assert counted.memory.inference_bytes == counted.memory.parameter_bytes + 4 * (24 + 84 + 12)  # the first comes last


def test_an_output_that_nobody_reads_is_let_go():
    inner_input = Input((4, 3, 2))
    inner = Model(inner_input, [Conv2D(1, 1, name="read")(inner_input), Conv2D(9, 1, name="unread")(inner_input)])
    x = Input((4, 3, 2))  # 24
    read, _ = inner(x)  # 12 and 108
    counted = count(Model(x, Conv2D(10, 1)(read)))  # 120
    assert counted.memory.inference_in_order_bytes == counted.memory.parameter_bytes + 4 * (24 + 12 + 108)
    assert counted.memory.inference_bytes == counted.memory.parameter_bytes + 4 * (24 + 108)


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
    sizes = {"float16": 1_806_800, "bfloat16": 1_806_800, "float32": 3_613_600, "float64": 7_227_200}
    assert counted.params.bytes == sizes
    assert data["macs"] == counted.macs
    assert data["memory"]["training_book_bytes"] == 565_613_600
    assert data["layers"][0]["output_shape"] == [100, 150, 100]
    assert (data["batch_size"], data["dtype"], data["optimizer"]) == (50, "float32", "adam")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "count: batch_size must be at least 1; got batch_size 0."),
        ({"batch_size": -3}, "count: batch_size must be at least 1; got batch_size -3."),
        (
            {"dtype": "int8"},
            "count: dtype must be one of float16, bfloat16, float32, float64, mixed_float16, mixed_bfloat16;"
            " got dtype 'int8'.",
        ),
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
