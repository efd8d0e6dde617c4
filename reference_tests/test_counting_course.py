"""Memory over time: courses by hand, the best order against all orders, ranges, freezing, the largest batch."""

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from numpycnn import layers, models
from numpycnn.counting import count, largest_batch, timeline
from numpycnn.counting.course import Course, predicting
from numpycnn.counting.order import best_order
from numpycnn.counting.sizes import sized
from numpycnn.layers import (
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    ReLU,
)
from numpycnn.models import Model, Sequential
from reference_tests.test_counting_graphs import models as random_models


def chain() -> Sequential:
    layers = [Conv2D(5, 1, use_bias=False, name="a"), ReLU(name="b"), Conv2D(7, 1, use_bias=False, name="c")]
    return Sequential([Input((2, 3, 4)), *layers])


def test_a_chain_by_hand():
    """In numbers: x 24, a 30, b 30, c 42; kernels 20 and 35, so parameters 55."""
    course = timeline(chain(), optimizer="momentum")
    bytes_of = {(moment.phase, moment.layer): moment.bytes // 4 for moment in course.train_low}
    lasting = 55 + 55
    assert bytes_of == {
        ("start", "input"): lasting + 24,
        ("forward", "a"): lasting + 24 + 30,
        ("forward", "b"): lasting + 24 + 30,  # over a, which no backward reads
        ("forward", "c"): lasting + 24 + 30 + 42,
        ("backward", "c"): lasting + 24 + 30 + 42 + 42,  # until the gradient of c is there, c; then, smaller, that of b
        ("backward", "b"): lasting + 24 + 30 + 30,  # da over db
        ("backward", "a"): lasting + 24 + 30,
        ("update", "optimizer"): lasting + 24 + 2 * 35,  # the largest gradient, and a copy beside it
    }
    high = {(moment.phase, moment.layer): moment.bytes // 4 for moment in course.train_high}
    assert high["forward", "b"] == lasting + 24 + 30 + 30
    assert high["backward", "c"] == lasting + 24 + 30 + 42 + 30 + 35 + 2 * 35  # dc, db, the gradient, two copies
    assert high["backward", "b"] == lasting + 24 + 30 + 30 + 30 + 35
    assert high["backward", "a"] == lasting + 24 + 30 + 35 + 20 + 2 * 20
    assert [moment.bytes // 4 - 55 for moment in course.predict] == [24, 54, 60, 72]


def test_nothing_is_written_over_what_a_backward_reads():
    """Not over the x of batch normalization, which it reads, nor over ReLU's output; but over what ReLU reads."""
    layers = [Conv2D(5, 1, use_bias=False, name="a"), BatchNormalization(name="b"), ReLU(name="c"), LeakyReLU(name="d")]
    model = Sequential([Input((2, 3, 4)), *layers])
    low = {m.layer: m.bytes // 4 for m in timeline(model).train_low if m.phase == "forward"}
    lasting, statistics = 20 + 4 * 5, 2 * 5
    assert low["a"] == lasting + 24 + 30
    assert low["b"] == low["c"] == lasting + 24 + 30 + 30 + statistics
    assert low["d"] == low["c"] + 30


def test_a_residual_unit_shares_the_gradient_of_its_sum():
    """Lean, dy goes to both sides of the addition as it is, and is written over only by the last that needs it."""
    x = Input((2, 3, 4))  # 24, as all that follows
    stem = Conv2D(4, 1, use_bias=False, name="stem")(x)
    main = Conv2D(4, 1, use_bias=False, name="conv")(stem)
    summed = Add(name="add")([main, BatchNormalization(name="bn")(stem)])
    model = Model(x, Dense(1, use_bias=False)(Flatten()(summed)))
    assert [model.names[node.layer] for node in model.nodes][:3] == ["stem", "conv", "bn"]
    low, high = ({m.layer: m.bytes // 4 for m in c if m.phase == "backward"} for c in courses(model))
    still, statistics = 24 + 16 + 16 + 16, 2 * 4  # dense, batch normalization, two convolutions
    kept = 24 + 24 + statistics  # x and the stem
    assert low["flatten"] == low["add"] == still + kept + 24
    assert low["bn"] == still + kept + 24 + 24  # dy is still the convolution's as well
    assert low["conv"] == still + kept - statistics + 24 + 24 + 24  # dy, what came from the other side, and dx
    assert high["add"] == still + kept + 3 * 24 + 24  # dy and two copies of it; the gradient of dense


def courses(model):
    course = timeline(model)
    return course.train_low, course.train_high


@settings(max_examples=60)
@given(model=random_models(), batch=st.integers(1, 3), lean=st.booleans())
def test_every_buffer_is_let_go(model, batch, lean):
    """At the end of a step only the inputs are left."""
    sizes = sized(model, batch_size=batch)
    course = Course(sizes, in_place=lean)
    course.hold(sizes.graph.inputs)
    trained, _ = sizes.graph.differentiated()
    for node in sizes.graph.nodes:
        course.forward(node, keep=node in trained)
    course.turn(trained)
    for node in reversed(sizes.graph.nodes):
        if node in trained:
            course.backward(node, trained, copies=None if lean else 1)
    course.finish(0)
    assert course.alive == sizes.tensors(sizes.graph.inputs)


@settings(max_examples=60)
@given(model=random_models(), batch=st.integers(1, 4), optimizer=st.sampled_from([None, "sgd", "adam"]))
def test_ranges(model, batch, optimizer):
    memory = count(model, batch_size=batch, optimizer=optimizer).memory
    assert memory.inference_low_bytes <= memory.inference_bytes <= memory.inference_in_order_bytes
    assert memory.inference_in_order_bytes <= memory.inference_high_bytes
    assert memory.training_low_bytes <= memory.training_middle_bytes <= memory.training_high_bytes
    assert memory.training_low_bytes >= memory.parameter_bytes + memory.optimizer_bytes + memory.kept_bytes
    low, high = courses(model)
    assert all(a.bytes <= b.bytes for a, b in zip(low[:-1], high[:-1], strict=True))
    assert [m[:2] for m in low] == [m[:2] for m in high]


# The best order.


@settings(max_examples=150)
@given(model=random_models())
def test_no_order_needs_less(model):
    sizes = sized(model)
    assume(len(sizes.graph.nodes) <= 7)  # there are 5,040 orders of seven
    found = peak(predicting(sizes, best_order(sizes)))
    assert sorted(map(id, best_order(sizes))) == sorted(map(id, sizes.graph.nodes))
    assert found == min(peak(predicting(sizes, order)) for order in orders(sizes.graph.nodes))


def peak(course) -> int:
    return max(moment.bytes for moment in course)


def orders(nodes):
    """Every order in which each node comes after those it reads."""

    def grown(done):
        if len(done) == len(nodes):
            yield done
        for node in nodes:
            if node not in done and all(t.node in done or t.node not in nodes for t in node.inputs):
                yield from grown([*done, node])

    return grown([])


def test_the_model_s_order_stands_where_the_search_is_too_long(monkeypatch):
    sizes = sized(models.googlenet(classes=3, input_shape=(64, 96, 3)))
    assert best_order(sizes) != sizes.graph.nodes
    monkeypatch.setattr("numpycnn.counting.order.MOST_STATES", 1)
    assert best_order(sizes) == sizes.graph.nodes


def test_one_branch_is_finished_before_the_other_begins():
    x = Input((4, 3, 2))  # 24
    wide = Conv2D(50, 1, name="wide")(x)  # 600, in the model's order before the other branch
    small = GlobalAveragePooling2D(keepdims=True, name="mean")(Conv2D(40, 1, name="other")(x))  # 480, then 40
    model = Model(x, Add()([Conv2D(40, 1, name="narrow")(wide), small]))  # 480
    memory = count(model).memory
    assert memory.inference_in_order_bytes - memory.parameter_bytes == 4 * (600 + 480 + 480)
    assert memory.inference_bytes - memory.parameter_bytes == 4 * (
        24 + 600 + 480
    )  # wide and narrow first, then other and mean


# Mixed precision, freezing, the largest batch.


def small() -> Sequential:
    layers = [Conv2D(6, 3, name="conv"), BatchNormalization(name="bn"), ReLU(name="relu"), MaxPooling2D(name="pool")]
    return Sequential([*layers, Flatten(name="flat"), Dense(5, name="dense")], input_shape=(9, 8, 3))


def test_mixed_precision_keeps_weights_and_statistics_in_float32():
    single, mixed = (
        count(small(), batch_size=3, dtype=t, optimizer="adam").memory for t in ("float32", "mixed_float16")
    )
    for name in ("parameter_bytes", "gradient_bytes", "optimizer_bytes"):
        assert getattr(mixed, name) == getattr(single, name)
    assert mixed.copy_bytes * 2 == mixed.gradient_bytes
    parts = ("parameter", "gradient", "optimizer", "copy", "kept")
    assert mixed.training_bytes == sum(getattr(mixed, f"{part}_bytes") for part in parts)
    assert single.copy_bytes == 0
    assert 2 * mixed.output_bytes == single.output_bytes
    statistics = 4 * 2 * 6
    assert 2 * (mixed.kept_bytes - statistics) == single.kept_bytes - statistics


def test_freezing_the_base():
    counted = count(small(), batch_size=3, freeze="base")
    assert counted.params.trainable == count(small()).layers[-1].params
    assert count(small()).params.total == counted.params.total
    kept = 4 * 3 * (9 * 8 * 3 + 3 * 3 * 6)  # the input batch, and what dense reads
    assert counted.memory.kept_bytes == kept
    named = count(small(), batch_size=3, freeze="bn")
    assert [row.trainable_params for row in named.layers] == [0, 0, 0, 0, 0, 275]
    assert named.memory.kept_bytes == kept
    first = count(small(), batch_size=3, freeze="conv").memory
    assert first.kept_bytes > kept
    with pytest.raises(ValueError, match=r'until must be "base" or the name of a layer; got until \'cnv\''):
        count(small(), freeze="cnv")
    with pytest.raises(ValueError, match="two layers with weights"):
        count(chain(), freeze="base") and count(Sequential([Dense(3)], input_shape=(4,)), freeze="base")


@pytest.mark.parametrize("options", [{}, {"optimizer": "adam"}, {"dtype": "mixed_float16", "freeze": "base"}])
def test_the_largest_batch_fits_and_one_more_does_not(options):
    limit = 10**6
    fit = largest_batch(small(), limit, **options)
    for batch, name in ((fit.train, "training_high_bytes"), (fit.train_likely, "training_middle_bytes")):
        fits, exceeds = (getattr(count(small(), batch_size=b, **options).memory, name) for b in (batch, batch + 1))
        assert fits <= limit < exceeds
    assert count(small(), batch_size=fit.predict + 1, **options).memory.inference_high_bytes > limit
    assert fit.train <= fit.train_likely
    for what, batch in fit.changes.items():
        assert batch > 0, what
    assert largest_batch(small(), 1000, **options).train == 0


def test_memory_grows_with_the_batch():
    """What bisection relies on."""
    figures = [count(models.densenet121(classes=3, input_shape=(64, 96, 3)), batch_size=b).memory for b in (1, 2, 3, 7)]
    assert all(a.training_high_bytes < b.training_high_bytes for a, b in pairwise(figures))


# Conventions.


def test_what_is_not_counted_is_listed():
    counted = count(small())
    pixels = 7 * 6 * 6
    assert counted.operations == {
        "bias": pixels + 5,
        "normalization": pixels,
        "activation": pixels,
        "pooling": 4 * 3 * 3 * 6,  # the four of each window
    }
    others = sum(counted.operations.values())
    assert counted.work("all") == counted.macs + others
    assert counted.work("operations") == 2 * counted.macs + others
    assert sum(row.work("all") for row in counted.layers) == counted.work("all")
    with pytest.raises(ValueError, match="convention must be one of macs, all, operations"):
        counted.work("flops")


@pytest.mark.parametrize(
    ("layer", "shapes", "operations"),
    [
        (layers.Conv2D(5, 2, use_bias=False), [(4, 3, 2)], {}),
        (layers.Conv2D(5, 2, activation="relu"), [(4, 3, 2)], {"bias": 30, "activation": 30}),
        (layers.StandardizedConv2D(5, 2, use_bias=False), [(4, 3, 2)], {"normalization": 3 * 2 * 2 * 2 * 5}),
        (layers.LocalResponseNormalization(depth_radius=2), [(4, 3, 7)], {"normalization": (5 + 3) * 84}),
        (layers.GroupNormalization(2), [(4, 3, 6)], {"normalization": 3 * 72}),
        (layers.LayerNormalization(), [(4, 3, 6)], {"normalization": 3 * 72}),
        (layers.Softmax(), [(7,)], {"activation": 7}),
        (layers.Activation("linear"), [(7,)], {}),
        (layers.Add(), [(4, 3, 2)] * 3, {"merging": 2 * 24}),
        (layers.MaxPooling2D((2, 3)), [(4, 3, 2)], {"pooling": 6 * 4}),
        (layers.DepthMaxPooling2D(2), [(4, 3, 6)], {"pooling": 2 * 36}),
        (layers.GlobalAveragePooling2D(), [(4, 3, 2)], {"pooling": 24}),
        (layers.UpSampling2D((2, 3), interpolation="bilinear"), [(4, 3, 2)], {"resizing": 4 * 144}),
        (layers.UpSampling2D((2, 3), interpolation="bicubic"), [(4, 3, 2)], {"resizing": 16 * 144}),
        (layers.UpSampling2D((2, 3)), [(4, 3, 2)], {}),
        (layers.Rescaling(2.0), [(4, 3, 2)], {"normalization": 24}),
        (layers.Flatten(), [(4, 3, 2)], {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Layer) else "",
)
def test_operations_of_each_kind(layer, shapes, operations):
    assert layer.operations(*shapes) == operations


def test_a_layer_of_one_s_own_has_no_other_operations():
    class Twice(Layer):
        def output_shape(self, shape):
            return shape

    assert count(Sequential([Twice()], input_shape=(3,))).operations == {}
