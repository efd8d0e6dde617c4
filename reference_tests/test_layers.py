"""Every layer against Keras's: arguments, shapes, weights, outputs, gradients, statistics; and what it keeps and costs."""

import inspect
from dataclasses import fields, replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given as drawn
from hypothesis import strategies as st

from numpycnn import layers
from numpycnn.layers import Input, InputLayer, Layer
from numpycnn.layers.base import stand_in
from numpycnn.models import Model
from numpycnn.verification.tolerances import scaled_error
from reference_tests.layer_examples import BATCH, CONVOLUTIONS, DROPOUT, EXAMPLES, Example, given

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)
PUBLIC = [kind for kind in vars(layers).values() if inspect.isclass(kind) and issubclass(kind, Layer)]
ABSTRACT = {Layer, InputLayer, layers.ActivatedLayer}
LAYERS = [kind for kind in PUBLIC if kind not in ABSTRACT]
NOT_IN_KERAS = {layers.DepthMaxPooling2D, layers.LocalResponseNormalization, layers.RadialBasis}


def test_every_exported_layer_has_an_example():
    assert {type(example.layer) for example in EXAMPLES} == set(LAYERS)


@pytest.mark.parametrize("kind", [kind for kind in LAYERS if kind not in NOT_IN_KERAS])
def test_arguments_order_and_defaults_are_keras_s(kind):
    """Ours in Keras's order with Keras's defaults; what Keras has besides is left out, never renamed."""
    theirs = inspect.signature(getattr(keras.layers, kind.__name__).__init__).parameters
    own = {f.name: inspect.signature(kind).parameters[f.name].default for f in fields(kind)}
    own = {name: default for name, default in own.items() if name not in ("name", "trainable")}
    assert list(own) == [name for name in theirs if name in own]
    assert own == {name: theirs[name].default for name in own}
    missing = set(theirs) - set(own) - {"self", "kwargs", "name", "dtype"}
    assert not [name for name in missing if not name.endswith(("regularizer", "constraint")) and name not in NOT_OURS]


NOT_OURS = {
    "data_format", "lora_rank", "lora_alpha", "quantization_config", "renorm", "renorm_clipping", "renorm_momentum",
    "synchronized", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode", "fill_value", "antialias",
}  # fmt: skip


@every_example
def test_shapes_and_weights_equal_keras_s(example):
    model, layer = example.model(), example.layer
    theirs = example.keras_layer(model.get_weights())
    expected = theirs(given([keras.Input(shape, dtype="float64") for shape in example.shapes])).shape
    assert (None, *layer.output_shape(*example.shapes)) == tuple(expected)
    assert model.predict(given(example.inputs())).shape == (BATCH, *layer.output_shape(*example.shapes))
    specs = layer.weight_specs(*example.shapes)
    assert [(w.name, tuple(w.shape)) for w in theirs.weights] == [(name, spec.shape) for name, spec in specs.items()]
    prefix = model.names[layer] + "/"
    assert [prefix + w.name for w in theirs.trainable_weights] == [v.name for v in model.trainable_weights]


@every_example
@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_gradients_equal_keras_s(example, training):
    compare_with_keras(example, example.precision, training)


@every_example
@pytest.mark.parametrize("training", [False, True])
def test_float32_is_within_the_scales_that_the_layer_states(example, training):
    compare_with_keras(example, np.float32, training)


def compare_with_keras(example, dtype, training):
    """Ours and Keras's in `dtype`, both against ours in float64; dropout is compared where it does not drop."""
    if training and example.random:
        pytest.skip("see test_dropout_drops_and_scales_as_keras")
    arrays, exact, narrow = example.inputs(), example.model(), example.model(dtype)
    values = exact.get_weights()
    y = exact.forward(given(arrays), training)
    dy = np.float32(np.random.default_rng(2).normal(size=y.shape)).astype(np.float64)
    gradients = exact.backward(dy)
    theirs = keras_run(example, values, arrays, dy, dtype, training)
    ours = {"y": narrow.forward(given(arrays), training), **named(example, narrow.backward(dy))}
    ours |= {variable.name: variable.value for variable in narrow.weights}
    references = {"y": y, **named(example, gradients)}
    references |= {variable.name: variable.value for variable in exact.weights}
    assert set(references) == set(theirs)
    scales, lengths = stated(example, values, arrays, dy, training)
    for name, reference in references.items():
        for side in (ours, theirs):
            assert side[name].shape == reference.shape
            scale, length = scales.get(name, np.abs(reference)), lengths.get(name, 1)
            error = scaled_error(side[name], reference, scale, length=length, dtype=dtype)
            assert error <= 1, f"{name} of {'numpycnn' if side is ours else 'Keras'}: scaled error {error:.3g}"


def keras_run(example, values, arrays, dy, dtype, training):
    """Keras's output, gradients and weights after the call, by the names of `named`."""
    layer = example.keras_layer(values, np.dtype(dtype).name)
    inputs = [tf.constant(x, dtype) for x in arrays]
    trainable = [w.value for w in layer.trainable_weights]

    def run():
        with tf.GradientTape() as tape:
            tape.watch([*inputs, *trainable])
            y = layer(given(inputs), training=training)
        return y, tape.gradient(y, [*inputs, *trainable], output_gradients=tf.constant(dy, y.dtype))

    y, found = tf.function(run, jit_compile=True)() if example.compiled else run()
    prefix = example.model().names[example.layer] + "/"
    names = [f"d{i}" for i in range(len(inputs))] + [f"d{prefix}{w.name}" for w in layer.trainable_weights]
    after = {prefix + w.name: w.numpy() for w in layer.weights}
    return {"y": y.numpy(), **dict(zip(names, map(np.asarray, found), strict=True)), **after}


def named(example, gradients):
    inputs = {f"d{i}": dx for i, dx in enumerate(gradients.inputs)}
    return inputs | {f"d{name}": gradient for name, gradient in gradients.weights.items()}


def stated(example, values, arrays, dy, training):
    """S and K of output and gradients as the layer states them; in training batch statistics sum over the batch."""
    layer, model = example.layer, example.model()
    weights = dict(zip(layer.weight_specs(*example.shapes), values, strict=True))
    length = layer.sum_length(*example.shapes)
    if "moving_mean" in weights and training and layer.trainable:
        length = arrays[0].size // arrays[0].shape[-1]
    scales = {"y": layer.output_scale(weights, arrays, training=training)}
    found = layer.gradient_scales(weights, dy, example.kept(weights, arrays, training))
    prefix = model.names[layer] + "/"
    sizes = dict(zip((f"d{i}" for i in range(len(arrays))), arrays, strict=True))
    sizes |= {f"d{prefix}{name}": value for name, value in weights.items()}
    lengths = {name: max(1, dy.size * length // array.size) for name, array in sizes.items()}
    by_weight = {f"d{prefix}{name}": scale for name, scale in found.weights.items()}
    return scales | {f"d{i}": s for i, s in enumerate(found.inputs)} | by_weight, {"y": length, **lengths}


@every_example
@pytest.mark.parametrize("training", [False, True])
def test_keeps_says_exactly_what_the_backward_reads(example, training):
    """Stand-ins for what is not declared change no bit; a stand-in for anything that is changes a gradient."""
    layer, arrays = example.layer, example.inputs()
    weights = dict(zip(layer.weight_specs(*example.shapes), example.model().get_weights(), strict=True))
    kept = example.kept(weights, arrays, training, np.random.default_rng(3))
    dy = np.random.default_rng(4).normal(size=kept.output.shape)
    whole = gradients_of(layer, weights, dy, kept)
    assert set(layer.keeps) <= {"inputs", "output"}
    declared = replaced(kept, {"inputs", "output"} - set(layer.keeps))
    for name, gradient in gradients_of(layer, weights, dy, declared).items():
        np.testing.assert_array_equal(gradient, whole[name])
    for item in layer.keeps:
        assert changes(layer, weights, dy, replaced(kept, {item}), whole), f"{item} is declared and not read"
    for name in kept.extra:
        extra = {key: np.zeros_like(value) if key == name else value for key, value in kept.extra.items()}
        assert changes(layer, weights, dy, kept._replace(extra=extra), whole), f"{name} is kept and not read"


def replaced(kept, items):
    inputs = tuple(map(stand_in, kept.inputs)) if "inputs" in items else kept.inputs
    outputs = tuple(map(stand_in, kept.outputs)) if "output" in items else kept.outputs
    return kept._replace(inputs=inputs, outputs=outputs)


def gradients_of(layer, weights, dy, kept):
    found = layer.call_backward(weights, (dy,), kept)
    return {**{str(i): dx for i, dx in enumerate(found.inputs)}, **found.weights}


def changes(layer, weights, dy, kept, whole):
    with np.errstate(all="ignore"):
        found = gradients_of(layer, weights, dy, kept)
    return any(not np.array_equal(gradient, whole[name]) for name, gradient in found.items())


@every_example
def test_extra_bytes_are_those_of_a_training_call(example):
    layer, arrays = example.layer, example.inputs(batch=3)
    weights = dict(zip(layer.weight_specs(*example.shapes), example.model().get_weights(), strict=True))
    step = layer.call(weights, arrays, training=True, rng=np.random.default_rng(0))
    expected = sum(value.nbytes for value in step.extra.values())
    assert layer.extra_bytes(*example.shapes, batch_size=3, itemsize=8) == expected


@every_example
@pytest.mark.parametrize("training", [False, True])
def test_results_are_fresh_and_inputs_untouched(example, training):
    model, arrays = example.model(), example.inputs()
    before = [x.copy() for x in arrays]
    y = model.forward(given(arrays), training)
    dy = np.ones_like(y)
    gradients = model.backward(dy)
    for x, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, copy)
        assert not np.shares_memory(x, y)
        assert not any(np.shares_memory(dx, x) or np.shares_memory(dx, dy) for dx in gradients.inputs)
    assert (dy == 1).all()


@every_example
def test_empty_batches(example):
    model = example.model()
    y = model.forward(given(example.inputs(batch=0)))
    assert y.shape == (0, *example.layer.output_shape(*example.shapes))
    gradients = model.backward(y)
    assert [dx.shape for dx in gradients.inputs] == [(0, *shape) for shape in example.shapes]
    assert all((gradient == 0).all() for gradient in gradients.weights.values())


@pytest.mark.parametrize("example", [e for e in DROPOUT if e.random], ids=str)
def test_dropout_drops_and_scales_as_keras(example):
    """The mask drawn by either side, put into the other, gives the same numbers; both drop a share of about rate."""
    layer, arrays = example.layer, example.inputs(batch=400)
    step = layer.call({}, arrays, training=True, rng=np.random.default_rng(5))
    theirs = example.keras_layer([])(arrays[0], training=True).numpy()
    for y in (step.outputs[0], theirs):
        mask = np.any(y != 0, axis=tuple(i for i, n in enumerate(step.extra["mask"].shape) if n == 1), keepdims=True)
        assert mask.shape == step.extra["mask"].shape
        np.testing.assert_allclose(y, np.where(mask, arrays[0] / (1 - layer.rate), 0), rtol=1e-15)
        assert abs(mask.mean() - (1 - layer.rate)) < 5 * np.sqrt(0.24 / mask.size)
    dy = np.ones_like(arrays[0])
    kept = example.kept({}, arrays, True, np.random.default_rng(5))
    (dx,) = layer.call_backward({}, (dy,), kept).inputs
    np.testing.assert_allclose(dx, np.broadcast_to(step.extra["mask"], dx.shape) / (1 - layer.rate), rtol=1e-15)


def test_dropout_draws_anew_at_every_call_and_lets_all_through_without_a_generator():
    example = DROPOUT[0]
    model, (x,) = example.model(), example.inputs()
    first, second = model.forward(x, True), model.forward(x, True)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(model.predict(x), x)
    np.testing.assert_array_equal(example.layer.call({}, (x,), training=True).outputs[0], x)


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (layers.Conv2D(200, 5, padding="same"), (150, 100, 3), 150 * 100 * 200 * 5 * 5 * 3),
        (layers.Conv2D(6, (3, 2), strides=2, groups=3), (9, 8, 12), 4 * 4 * 6 * 3 * 2 * 4),
        (layers.DepthwiseConv2D((3, 2), depth_multiplier=4), (9, 8, 5), 7 * 7 * 5 * 4 * 3 * 2),
        (layers.SeparableConv2D(6, (3, 2), depth_multiplier=4), (9, 8, 5), 7 * 7 * (5 * 4 * 3 * 2 + 20 * 6)),
        (layers.Conv2DTranspose(6, (3, 2), strides=2), (9, 8, 5), 9 * 8 * 5 * 3 * 2 * 6),
        (layers.Dense(10), (128,), 1280),
        (layers.Dense(10), (4, 3, 128), 4 * 3 * 1280),
        (layers.RadialBasis(10), (84,), 840),
        (layers.MaxPooling2D(3), (9, 8, 5), 0),
        (layers.BatchNormalization(), (9, 8, 5), 0),
    ],
)
def test_macs_by_hand(layer, shape, macs):
    assert layer.macs(shape) == macs


def test_a_positional_activation_reads_as_in_keras():
    assert layers.Dense(10, "relu").activation == "relu"
    assert layers.Conv2D(3, 2, 1, "same").padding == "same"
