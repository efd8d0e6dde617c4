"""Every layer against Keras's: arguments, shapes, weights, outputs, gradients, statistics; what it keeps and costs."""

import inspect
from dataclasses import fields

import keras
import numpy as np
import pytest
import tensorflow as tf

from numpycnn import layers, ops
from numpycnn.keras_io.build import keras_class
from numpycnn.layers import InputLayer, Layer
from numpycnn.layers.base import stand_in
from numpycnn.verification.tolerances import scaled_error
from reference_tests.layer_examples import AUGMENTATIONS, BATCH, DROPOUT, EXAMPLES, Example, given

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)
PUBLIC = [kind for kind in vars(layers).values() if inspect.isclass(kind) and issubclass(kind, Layer)]
ABSTRACT = {Layer, InputLayer, layers.ActivatedLayer}
LAYERS = [kind for kind in PUBLIC if kind not in ABSTRACT]
NOT_IN_KERAS = {
    layers.Augmentation,
    layers.DepthMaxPooling2D,
    layers.LocalResponseNormalization,
    layers.RadialBasis,
    layers.StandardizedConv2D,
    layers.TakeChannels,
}


def test_every_exported_layer_has_an_example():
    assert {type(example.layer) for example in EXAMPLES + AUGMENTATIONS} == set(LAYERS)


@pytest.mark.parametrize("kind", [kind for kind in LAYERS if kind not in NOT_IN_KERAS])
def test_arguments_order_and_defaults_are_keras_s(kind):
    """Ours in Keras's order with Keras's defaults; what Keras has besides is left out, never renamed."""
    theirs = inspect.signature(keras_class(kind.__name__).__init__).parameters
    own = {f.name: inspect.signature(kind).parameters[f.name].default for f in fields(kind)}
    own = {name: default for name, default in own.items() if name not in ("name", "trainable")}
    assert list(own) == [name for name in theirs if name in own]
    assert own == {name: theirs[name].default for name in own}
    missing = set(theirs) - set(own) - {"self", "kwargs", "name", "dtype"}
    assert not [name for name in missing if not name.endswith(("regularizer", "constraint")) and name not in NOT_OURS]


@pytest.mark.parametrize(
    ("kind", "op"),
    [
        (layers.LocalResponseNormalization, tf.nn.local_response_normalization),
        (layers.LocalResponseNormalization, ops.local_response_normalization),
        (layers.DepthMaxPooling2D, ops.depth_max_pool),
    ],
)
def test_defaults_of_what_is_not_in_keras_are_those_of_the_op(kind, op):
    defaults = {name: p.default for name, p in inspect.signature(op).parameters.items()}
    own = {f.name: f.default for f in fields(kind) if f.name not in ("name", "trainable", "pool_size")}
    assert own == {name: defaults[name] for name in own}
    assert {layers.RadialBasis(3).kernel_initializer, layers.Dense(3).kernel_initializer} == {"glorot_uniform"}


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
    theirs = keras_run(example, values, arrays, dy, dtype, training)
    ours = {"y": narrow.forward(given(arrays), training), **named(example, narrow.backward(dy))}
    ours |= {variable.name: variable.value for variable in narrow.weights}
    after = {variable.name: variable.value for variable in exact.weights}
    for whose, side in (("numpycnn", ours), ("Keras", theirs)):
        references, scales, lengths = stated(example, values, arrays, side["y"], dy, training)
        references |= {"y": y, **after}
        assert set(references) == set(side)
        for name, reference in references.items():
            assert side[name].shape == reference.shape
            scale, length = scales.get(name, np.abs(reference)), lengths.get(name, 1)
            assert (scale >= (1 - 1e-6) * np.abs(reference)).all(), f"S of {name} must be at least its size"
            error = scaled_error(side[name], reference, scale, length=length, dtype=dtype)
            assert error <= 1, f"{name} of {whose}: scaled error {error:.3g}"


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


def stated(example, values, arrays, y, dy, training):
    """The gradients in float64 at a side's own output y; S and K of output and gradients as the layer states them.

    In training, batch statistics sum over the batch.
    """
    layer, model = example.layer, example.model()
    weights = dict(zip(layer.weight_specs(*example.shapes), values, strict=True))
    length = layer.sum_length(*example.shapes)
    if "moving_mean" in weights and training and layer.trainable:
        length = arrays[0].size // arrays[0].shape[-1]
    scales = {"y": layer.output_scale(weights, arrays, training=training)}
    kept = example.kept(weights, arrays, training)._replace(outputs=(y.astype(np.float64),))
    gradients, found = layer.call_backward(weights, (dy,), kept), layer.gradient_scales(weights, dy, kept)
    prefix = model.names[layer] + "/"
    sizes = dict(zip((f"d{i}" for i in range(len(arrays))), arrays, strict=True))
    sizes |= {f"d{prefix}{name}": value for name, value in weights.items()}
    lengths = {name: max(1, dy.size * length // array.size) for name, array in sizes.items()}
    trained = {variable.name for variable in model.trainable_weights}
    references = {f"d{i}": dx for i, dx in enumerate(gradients.inputs)}
    references |= {f"d{prefix}{k}": dw for k, dw in gradients.weights.items() if prefix + k in trained}
    scales |= {f"d{i}": s for i, s in enumerate(found.inputs)}
    return references, scales | {f"d{prefix}{k}": s for k, s in found.weights.items()}, {"y": length, **lengths}


@pytest.mark.parametrize("activation", ["silu", "gelu", "hard_silu"])
def test_the_scale_of_a_gradient_knows_that_the_preactivation_was_rounded(activation):
    """z is a small difference of large terms, and the slope is taken at the z that float32 has left of it."""
    layer, dy = layers.Dense(1, activation, use_bias=False), np.ones((1, 1))
    x, weights = np.float32([[30000.1, -30000.0]]), {"kernel": np.float32([[1.1], [1.1]])}
    wide = {"kernel": weights["kernel"].astype(np.float64)}
    kept = Example(layer, ((2,),)).kept(wide, [x.astype(np.float64)])
    reference, scale = (of(wide, dy, kept).inputs[0] for of in (layer_backward(layer), layer.gradient_scales))
    narrow = layer_backward(layer)(weights, np.float32(dy), Example(layer, ((2,),)).kept(weights, [x])).inputs[0]
    assert scaled_error(narrow, reference, scale, length=2) <= 1
    assert scaled_error(narrow, reference, np.abs(reference), length=2) > 1


def layer_backward(layer):
    return lambda weights, dy, kept: layer.call_backward(weights, (dy,), kept)


@every_example
def test_keeps_says_exactly_what_the_backward_reads(example):
    """Stand-ins for what is not declared change no bit; a stand-in for what is changes a gradient, in some mode."""
    layer, arrays, needed = example.layer, example.inputs(), set()
    weights = dict(zip(layer.weight_specs(*example.shapes), example.model().get_weights(), strict=True))
    for training in (False, True):
        kept = example.kept(weights, arrays, training, np.random.default_rng(3))
        dy = np.random.default_rng(4).normal(size=kept.output.shape)
        whole = gradients_of(layer, weights, dy, kept)
        declared = replaced(kept, {"inputs", "output"} - set(layer.keeps))
        for name, gradient in gradients_of(layer, weights, dy, declared).items():
            np.testing.assert_array_equal(gradient, whole[name])
        needed |= {item for item in layer.keeps if changes(layer, weights, dy, replaced(kept, {item}), whole)}
        for name in kept.extra:
            extra = {key: np.zeros_like(value) if key == name else value for key, value in kept.extra.items()}
            assert changes(layer, weights, dy, kept._replace(extra=extra), whole), f"{name} is kept and not read"
    assert needed == set(layer.keeps)


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


@pytest.mark.parametrize(
    ("keeps", "kinds"),
    [
        ((), [layers.Add(), layers.Subtract(), layers.Average(), layers.Concatenate(), layers.Flatten()]),
        ((), [layers.Reshape((4,)), layers.ZeroPadding2D(), layers.Cropping2D(), layers.CenterCrop(2, 3)]),
        (
            (),
            [layers.AveragePooling2D(2), layers.GlobalAveragePooling2D(), layers.UpSampling2D(), layers.Resizing(2, 3)],
        ),
        ((), [layers.Dropout(0.5), layers.SpatialDropout2D(0.5), layers.Rescaling(2.0), layers.Activation("linear")]),
        ((), [layers.BatchNormalization(trainable=False), layers.TakeChannels((0,))]),
        (
            ("output",),
            [layers.Activation(name) for name in ("relu", "relu6", "sigmoid", "tanh", "softmax", "elu", "selu")],
        ),
        (("output",), [layers.ReLU(), layers.ReLU(6), layers.LeakyReLU(), layers.ELU(), layers.Softmax()]),
        (("inputs",), [layers.ReLU(1.5), layers.ReLU(threshold=1), layers.ELU(-1), layers.PReLU(), layers.Dense(3)]),
        (("inputs",), [layers.Activation(name) for name in ("gelu", "silu", "hard_sigmoid", "hard_silu")]),
        (
            ("inputs",),
            [layers.Conv2D(3, 2), layers.DepthwiseConv2D(2), layers.SeparableConv2D(3, 2, activation="silu")],
        ),
        (("inputs",), [layers.BatchNormalization(), layers.LayerNormalization(), layers.LocalResponseNormalization()]),
        (("inputs",), [layers.Multiply(), layers.Maximum(), layers.RadialBasis(3)]),
        (("inputs",), [layers.MaxPooling2D(), layers.DepthMaxPooling2D(2)]),
        (("inputs", "output"), [layers.GlobalMaxPooling2D()]),
        (("inputs", "output"), [layers.Conv2DTranspose(3, 2, activation="relu"), layers.Dense(3, "softmax")]),
    ],
)
def test_no_layer_keeps_more_than_it_must(keeps, kinds):
    assert [layer.keeps for layer in kinds] == [keeps] * len(kinds)


@every_example
def test_extra_bytes_are_those_of_a_training_call(example):
    layer, arrays = example.layer, example.inputs(batch=3)
    weights = dict(zip(layer.weight_specs(*example.shapes), example.model().get_weights(), strict=True))
    step = layer.call(weights, arrays, training=True, rng=np.random.default_rng(0))
    expected = sum(value.nbytes for value in step.extra.values())
    assert layer.extra_bytes(*example.shapes, batch_size=3, itemsize=8, variable_size=8) == expected


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


@pytest.mark.parametrize("example", AUGMENTATIONS, ids=str)
def test_augmentations_change_nothing_in_inference_and_do_not_train(example):
    (x,) = example.inputs()
    np.testing.assert_array_equal(example.keras_layer([])(x, training=False), x)
    np.testing.assert_array_equal(example.model().predict(x), x)
    with pytest.raises(ValueError, match=f"{example.layer.kind}: .* runs in inference"):
        example.model().forward(x, training=True)


@pytest.mark.parametrize(
    ("layer", "values"),
    [
        (layers.GaussianNoise(0.3), lambda y: (y.mean(), y.std(), 0, 0.3)),
        (layers.GaussianDropout(0.2), lambda y: ((y - 1).mean(), (y - 1).std(), 0, 0.5)),
    ],
)
def test_noise_has_keras_s_mean_and_deviation(layer, values):
    x = np.full((50, 40, 30), float(isinstance(layer, layers.GaussianDropout)))
    ours = layer.call({}, (x,), training=True, rng=np.random.default_rng(0)).outputs[0]
    config = layer.keras_config()
    theirs = keras_class(layer.keras_class)(**config, dtype="float64")(x, training=True).numpy()
    for y in (ours, theirs):
        mean, deviation, right_mean, right_deviation = values(y)
        assert abs(mean - right_mean) < 5 * right_deviation / np.sqrt(x.size)
        assert abs(deviation - right_deviation) < 5 * right_deviation / np.sqrt(2 * x.size)


def test_alpha_dropout_gives_keras_s_numbers_for_a_mask():
    layer, rng = layers.AlphaDropout(0.3), np.random.default_rng(1)
    x = rng.normal(size=(200, 30))
    step = layer.call({}, (x,), training=True, rng=rng)
    theirs = keras_class("AlphaDropout")(0.3, dtype="float64")(x, training=True).numpy()
    values, counts = np.unique(theirs, return_counts=True)
    dropped, kept = theirs == values[counts.argmax()], step.extra["mask"]
    assert abs(dropped.mean() - 0.3) < 5 * np.sqrt(0.21 / x.size)
    np.testing.assert_allclose(step.outputs[0][~kept], values[counts.argmax()], rtol=1e-12)
    both = kept & ~dropped
    np.testing.assert_allclose(step.outputs[0][both], theirs[both], rtol=1e-12)


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
