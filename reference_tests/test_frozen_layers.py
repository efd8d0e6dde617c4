"""What a backward leaves out: gradients of frozen weights, and of inputs that nobody asks for."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from numpycnn.counting import count
from numpycnn.layers import (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Input,
    LayerScale,
    SeparableConv2D,
    StandardizedConv2D,
)
from numpycnn.models import Model, Sequential
from reference_tests.layer_examples import EXAMPLES
from reference_tests.test_counting_graphs import kept_by_forward

WITH_WEIGHTS = [example for example in EXAMPLES if example.layer.is_trained(*example.shapes)]


@pytest.mark.parametrize("example", WITH_WEIGHTS, ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_what_is_left_out_changes_no_bit_of_the_rest(example, training):
    """The weights' gradients without those of the inputs; dx of a frozen layer, of batch norm that of inference."""
    arrays, layer = example.inputs(), example.layer
    weights = dict(zip(layer.weight_specs(*example.shapes), example.model().get_weights(), strict=True))
    kept = example.kept(weights, arrays, training)
    dy = np.random.default_rng(4).normal(size=kept.output.shape).astype(arrays[0].dtype)
    whole = layer.call_backward(weights, (dy,), kept)
    for name, gradient in layer.call_backward(weights, (dy,), kept._replace(input_gradients=False)).weights.items():
        np.testing.assert_array_equal(gradient, whole.weights[name])
    frozen = replace(layer, trainable=False)
    still = frozen.call(weights, arrays, training=training)
    if not isinstance(layer, BatchNormalization) or not training:
        kept = kept._replace(extra=still.extra)
        dx = frozen.call_backward(weights, (dy,), kept).inputs
        for own, expected in zip(dx, whole.inputs, strict=True):
            np.testing.assert_array_equal(own, expected)


KINDS = {
    "conv": Conv2D(4, 3),
    "standardized": StandardizedConv2D(4, 3, use_bias=False),
    "grouped": Conv2D(4, 3, groups=4, activation="relu"),
    "depthwise": DepthwiseConv2D(3, activation="gelu"),
    "separable": SeparableConv2D(4, 3),
    "transposed": Conv2DTranspose(4, 3),
    "dense": Dense(4, activation="relu"),
    "normalized": BatchNormalization(),
    "scaled": LayerScale(init_values=0.5, projection_dim=4),
}

TO_INPUT = {"correlate_to_input", "depthwise_to_input", "dense_to_input", "scaled_back", "_through_statistics"}
TO_WEIGHTS = {"correlate_to_kernel", "depthwise_to_kernel", "dense_to_kernel", "dense_to_bias", "sum_per_channel"}
TO_WEIGHTS |= {"sums_backward", "multiply_backward"}


def made_by(backward) -> set[str]:
    """The functions of the package, of those named above, that are called."""
    called = set()

    def note(frame, event, argument):
        if event == "call" and "numpycnn" in frame.f_code.co_filename:
            called.add(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        backward()
    finally:
        sys.setprofile(before)
    return called & (TO_INPUT | TO_WEIGHTS)


def run_back(model: Model, **options):
    x = np.random.default_rng(0).normal(size=(2, *model.inputs[0].shape)).astype(np.float32)
    y = model.forward(x, training=True, **options)
    return lambda: model.backward(np.ones_like(y))


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_layer_makes_no_gradient_of_its_weights(kind):
    """Between two trained layers it passes dx on; alone before a trained one nothing is made and nothing kept."""
    layer, head = replace(KINDS[kind], trainable=False), LayerScale(init_values=1.0, projection_dim=4)
    frozen = Sequential([layer], input_shape=(7, 6, 4))
    assert not made_by(run_back(frozen)) & TO_WEIGHTS
    before = Sequential([layer, head], input_shape=(7, 6, 4))
    assert made_by(run_back(before, input_gradients=False)) == {"multiply_backward"}
    assert [record.node.layer for record in before._kept.extra["tape"]] == [head]


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_layer_makes_no_gradient_of_the_images(kind):
    model = Sequential([KINDS[kind]], input_shape=(7, 6, 4))
    whole = run_back(model)().weights
    alone = run_back(model, input_gradients=False)
    assert alone().inputs == ()
    assert not made_by(alone) & (TO_INPUT if kind != "separable" else {"depthwise_to_input"})
    for path, gradient in alone().weights.items():
        np.testing.assert_array_equal(gradient, whole[path])


@pytest.mark.parametrize("frozen", [False, True])
def test_kept_bytes_of_frozen_layers_are_those_on_the_tape(frozen):
    """A trained stem, one of each kind, frozen or not, and a trained head."""
    layers = [Conv2D(4, 1), *(replace(layer, trainable=not frozen) for layer in KINDS.values()), Flatten(), Dense(3)]
    x = Input((19, 17, 4))
    y = x
    for layer in layers:
        y = layer(y)
    model = Model(x, y)
    assert kept_by_forward(model, 2, with_inputs=True) == count(model, batch_size=2).memory.kept_bytes
    held = {kind: record.kept for record, kind in zip(model._kept.extra["tape"][1:], KINDS, strict=False)}
    for kind, kept in held.items():
        assert any(kept.input.strides) != frozen, kind
