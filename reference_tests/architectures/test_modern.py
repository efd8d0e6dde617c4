"""Networks from Inception-v3 on: parameters and MACs, equality with keras.applications, and with TensorFlow by layer."""
# ruff: noqa: E501 - the table of parts

import keras
import numpy as np
import pytest
from hypothesis import settings

from numpycnn import models, ops, verify
from numpycnn.layers import Input
from numpycnn.models import Model
from numpycnn.models.blocks import squeeze_excite

RNG = np.random.default_rng(5)


def parameters(model: Model) -> tuple[int, int]:
    """All, and those that train; no weight is drawn."""
    specs = model.weight_specs().values()
    return sum(size(s) for s in specs), sum(size(s) for s in specs if s.trainable)


def size(spec) -> int:
    return int(np.prod(spec.shape))


# Counts. Keras's summaries count the moving statistics, PyTorch's counts of parameters() do not.

KERAS = {
    "inception_v3": 23_851_784,
    "inception_resnet_v2": 55_873_736,
    "xception": 22_910_480,
    "mobilenet": 4_253_864,
    "mobilenet_v2": 3_538_984,
    "densenet121": 8_062_504,
}
"""keras.applications, Model.count_params(), in all tables of its documentation; asked again below."""

TRAINABLE = {
    "inception_v4": 42_679_816,  # timm inception_v4; keras-hub inception_v4_imagenet
    "se_resnet50": 28_088_024,  # Cadene's pretrained-models; osmr/imgclsmob SE-ResNet-50
    "bit_resnet50x1": 25_549_352,  # BiT-R50x1: google-research/big_transfer; timm resnetv2_50x1_bit
    "bit_resnet50x3": 217_319_080,  # BiT-R50x3: the same; timm resnetv2_50x3_bit
    "densenet121": 7_978_856,  # torchvision densenet121
    "mobilenet_v2": 3_504_872,  # torchvision mobilenet_v2
}


@pytest.mark.parametrize(("name", "total"), KERAS.items())
def test_parameters_are_keras_s(name, total):
    assert parameters(getattr(models, name)())[0] == total


@pytest.mark.parametrize(("name", "trainable"), TRAINABLE.items())
def test_trainable_parameters_are_pytorch_s(name, trainable):
    assert parameters(getattr(models, name)())[1] == trainable


def test_what_se_resnet50_is_the_sum_of():
    """ResNet-50 without biases (torchvision 25,557,032), excitations with biases, moving statistics."""
    units = {256: 3, 512: 4, 1024: 6, 2048: 3}
    excitations = sum(count * (2 * c * (c // 16) + c // 16 + c) for c, count in units.items())
    statistics = 2 * (64 + sum(count * (c // 4 + c // 4 + c) for c, count in units.items()) + sum(units))
    assert (excitations, statistics) == (2_530_992, 53_120)
    assert 25_557_032 + excitations + statistics == 28_141_144
    assert parameters(models.se_resnet50()) == (28_141_144, 28_141_144 - statistics)


def test_what_se_inception_is_the_sum_of():
    """osmr/imgclsmob and Cadene: BN-Inception has 11,295,240 with superfluous biases, one for each of 10,016 filters.

    openvinotoolkit/open_model_zoo, se-inception, in Caffe: 11.922 million, normalization folded into such biases.
    """
    total, trainable = parameters(models.se_inception())
    assert trainable - excitations(models.se_inception()) + 10_016 == 11_295_240
    assert trainable - 10_016 == 11_921_606
    assert total == trainable + 2 * 10_016


def excitations(model: Model) -> int:
    dense = ("_reduce/kernel", "_reduce/bias", "_excite/kernel", "_excite/bias")
    return sum(size(s) for path, s in model.weight_specs().items() if path.endswith(dense))


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("mobilenet_v2", 300_774_272),  # the known total
        ("densenet121", 2_834_161_664),  # the known total
        ("mobilenet", 568_740_352),  # table 8 of the paper: 569 million
        ("se_resnet50", 3_857_973_248 + 2_514_944),  # Keras's ResNet50, and the excitations' kernels
        ("bit_resnet50x1", 4_089_184_256),  # torchvision's resnet50, whose convolutions are of the same sizes
    ],
)
def test_macs(name, macs):
    assert getattr(models, name)().macs() == macs


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        # table 1 of arXiv:1512.00567
        ("inception_v3", {"mixed2": (35, 35, 288), "mixed7": (17, 17, 768), "mixed10": (8, 8, 2048)}),
        # figures 3 and 9 of arXiv:1602.07261
        (
            "inception_v4",
            {
                "stem2_relu": (147, 147, 32),
                "stem3_relu": (147, 147, 64),
                "stem4": (73, 73, 160),
                "stem5": (71, 71, 192),
                "stem6": (35, 35, 384),
                "inception_a_4": (35, 35, 384),
                "inception_b_7": (17, 17, 1024),
                "inception_c_3": (8, 8, 1536),
            },
        ),
        # figure 5 of arXiv:1502.03167
        ("se_inception", {"inception_3b": (28, 28, 320), "inception_4d": (14, 14, 608), "inception_5b": (7, 7, 1024)}),
    ],
)
def test_sizes_along_the_way_are_the_papers(name, sizes):
    model = getattr(models, name)()
    shapes = {own: node.output_shapes[0] for node, own in model.node_names.items()}
    assert {own: shapes[own] for own in sizes} == sizes


@pytest.mark.parametrize("name", [*KERAS, *TRAINABLE])
def test_classes_change_the_last_layer_only(name):
    make = getattr(models, name)
    ten, thousand = make(classes=10), make()
    assert ten.outputs[0].shape == (10,)
    features = thousand.weight_specs()["predictions/kernel"].shape[0]
    assert parameters(thousand)[0] - parameters(ten)[0] == 990 * (features + 1)


# Blocks that no other implementation here has, by hand.


def test_squeeze_excite_by_hand():
    x = Input((4, 3, 32))
    model = Model(x, squeeze_excite(x, name="se"), dtype="float64")
    model.set_weights([RNG.normal(size=w.shape) for w in model.weights])
    reduce, reduce_bias, excite, excite_bias = model.get_weights()
    assert reduce.shape == (32, 2)
    image = RNG.normal(size=(2, 4, 3, 32))
    hidden = np.maximum(image.mean(axis=(1, 2)) @ reduce + reduce_bias, 0)
    weight = 1 / (1 + np.exp(-(hidden @ excite + excite_bias)))
    np.testing.assert_allclose(model.predict(image), image * weight[:, None, None], rtol=1e-12)


def test_maps_are_weighed_before_they_are_added_and_after_they_are_put_together():
    """Figures 2 and 3 of arXiv:1709.01507."""
    resnet, inception = models.se_resnet50(), models.se_inception()
    assert reads(resnet, "conv3_1_add") == {"conv3_1_gate_scale", "conv3_1_skip_bn"}
    assert reads(resnet, "conv3_1_gate_scale") == {"conv3_1_3_bn", "conv3_1_gate_excite"}
    assert reads(inception, "inception_3a_scale") == {"inception_3a", "inception_3a_excite"}
    assert reads(inception, "inception_3b_a_conv") == {"inception_3a_scale"}


def reads(model: Model, name: str) -> set[str]:
    """The names of the layers that a layer reads."""
    made = {tensor: own for node, own in model.node_names.items() for tensor in node.outputs}
    return next({made[tensor] for tensor in node.inputs} for node, own in model.node_names.items() if own == name)


@pytest.mark.parametrize("strides", [1, 2])
def test_a_unit_of_bit_by_hand(strides):
    """Normalization before each convolution, the skip after the first; the stride on the 3x3; no biases."""
    network = models.bit_resnet50x1(classes=5, input_shape=(16, 24, 3))
    name = {1: "block1_unit1", 2: "block2_unit1"}[strides]
    before = {1: "root_pool", 2: "block1_unit3_add"}[strides]
    model = stretch(network, before, f"{name}_add").astype("float64")
    model.set_weights([RNG.normal(size=w.shape) for w in model.weights])
    w = {path.removeprefix(f"{name}_"): variable.value for path, variable in model.variables.items()}
    assert not [path for path in w if path.endswith("bias")]

    def norm_relu(x, number):
        gamma, beta = w[f"{number}_gn/gamma"], w[f"{number}_gn/beta"]
        return ops.relu(ops.group_normalization(x, groups=32, gamma=gamma, beta=beta, epsilon=1e-5))

    def conv(x, which, **options):
        return ops.conv2d(x, ops.weight_standardization(w[f"{which}_conv/kernel"], epsilon=1e-10), **options)

    x = RNG.normal(size=(2, *model.inputs[0].shape))
    start = norm_relu(x, 1)
    main = norm_relu(conv(start, 1), 2)
    main = conv(norm_relu(conv(main, 2, strides=strides, padding=1), 3), 3)
    y = main + conv(start, "skip", strides=strides)
    np.testing.assert_allclose(model.predict(x), y, rtol=1e-9, atol=1e-9)


# The same weights in keras.applications.


@pytest.mark.parametrize(
    ("name", "theirs", "shape"),
    [
        ("mobilenet", "MobileNet", (32, 64, 3)),  # at odd sizes Keras pads otherwise
        ("mobilenet_v2", "MobileNetV2", (32, 38, 3)),
        ("densenet121", "DenseNet121", (32, 38, 3)),
        ("xception", "Xception", (71, 75, 3)),
        ("inception_v3", "InceptionV3", (75, 79, 3)),
        ("inception_resnet_v2", "InceptionResNetV2", (75, 79, 3)),
    ],
)
def test_predictions_equal_keras_applications(name, theirs, shape):
    """Keras's weights fit in Keras's own order, and give the same features and predictions."""
    built = getattr(keras.applications, theirs)(weights=None, classes=7, input_shape=shape)
    rng = np.random.default_rng(5)
    values = [lively(rng, w.path, w.shape) for w in built.weights]
    built.set_weights(values)
    x = rng.normal(size=(2, *shape)).astype(np.float32)
    pool = next(layer for layer in reversed(built.layers) if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    features = keras.Model(built.input, pool.output)(x, training=False).numpy().reshape(2, -1)
    values[-2] /= (features**2).mean() ** 0.5  # so that the softmax is not saturated
    head = keras.Model(pool.output, built.output)
    head.set_weights(values[-2:])
    predictions = head(features.reshape(2, *pool.output.shape[1:]), training=False).numpy()
    ours = getattr(models, name)(classes=7, input_shape=shape)
    assert parameters(ours)[0] == built.count_params()
    if name == "mobilenet":
        values[-2] = values[-2][0, 0]
    ours.set_weights(values)
    outputs = ours.activations(x)
    for our, their in ((outputs["avg_pool"], features), (outputs["predictions"], predictions)):
        assert np.abs(their[0] - their[1]).max() > 1e-3 * np.abs(their).max()  # the same for all images tells nothing
        assert np.abs(our - their).max() <= 1e-4 * np.abs(their).max()


def lively(rng, path: str, shape) -> np.ndarray:
    """Kernels that keep signals at their size; batch-norm weights and statistics that are neither 0 nor 1."""
    if len(shape) > 1:
        taps = shape[:2] if shape[-1] == 1 else shape[:-1]  # a depthwise kernel sums over no channels
        return rng.standard_normal(shape, np.float32) * np.float32((2 / np.prod(taps)) ** 0.5)
    return rng.uniform(0.7, 1.3, shape) if path.endswith(("gamma", "variance")) else rng.uniform(-0.3, 0.3, shape)


# Every kind of block, in its place in the network, against TensorFlow: outputs, gradients of inputs and weights.

IMAGE, LARGER = (33, 40, 3), (75, 79, 3)  # "valid" convolutions need more
PARTS = {
    "inception_v3": (LARGER, (None, "mixed0"), ("mixed2", "mixed4"), ("mixed7", "mixed9"), ("mixed10", None)),
    "inception_v4": (LARGER, (None, "inception_a_1"), ("inception_a_4", "inception_b_1"), ("inception_b_7", "inception_c_1"), ("inception_c_3", None)),
    "inception_resnet_v2": (LARGER, ("conv5_relu", "block35_1_relu"), ("block35_10_relu", "block17_1_relu"), ("block17_20_relu", "block8_1_relu"), ("block8_9_relu", None)),
    "xception": ((35, 41, 3), (None, "block3_add"), ("block11_add", "block12_add"), ("block13_add", None)),
    "se_resnet50": (IMAGE, (None, "conv2_2_out"), ("conv3_4_out", "conv4_1_out"), ("conv5_3_out", None)),
    "se_inception": (IMAGE, (None, "inception_3a_scale"), ("inception_3b_scale", "inception_4a_scale"), ("inception_5a_scale", None)),
    "mobilenet": (IMAGE, (None, None)),
    "mobilenet_v2": (IMAGE, (None, None)),
    "densenet121": (IMAGE, (None, "pool2_pool"), ("conv5_14_concat", None)),
    "bit_resnet50x1": (IMAGE, (None, "block2_unit1_add"), ("block3_unit6_add", "block4_unit1_add"), ("block4_unit3_add", None)),
    "bit_resnet50x3": (IMAGE, (None, "block1_unit2_add"), ("block1_unit3_add", "block2_unit1_add")),
}  # fmt: skip
"""The size of the images, then stretches of the network from the output of one layer to that of another."""


@pytest.mark.parametrize(
    ("name", "shape", "first", "last"),
    [(name, shape, *part) for name, (shape, *parts) in PARTS.items() for part in parts],
)
def test_parts_equal_tensorflow(name, shape, first, last):
    network = getattr(models, name)(classes=5, input_shape=shape)
    report = verify(stretch(network, first, last))
    assert report.holds, report.summary


def stretch(model: Model, first: str | None, last: str | None) -> Model:
    """What lies between two layers, which all paths must go through; None is the end of the network."""
    outputs = {name: node.outputs[0] for node, name in model.node_names.items()}
    start = outputs[first] if first else model.inputs[0]
    return Model(start, outputs[last] if last else model.outputs[0], name=model.name)


@pytest.mark.skipif(settings.get_current_profile_name() != "thorough", reason="minutes: --hypothesis-profile=thorough")
@pytest.mark.parametrize("name", [name for name in PARTS if name != "bit_resnet50x3"])
def test_whole_networks_equal_tensorflow(name):
    """All but the one whose gradients in float64 would need 10 GB."""
    report = verify(getattr(models, name)(classes=5, input_shape=PARTS[name][0]))
    assert report.holds, report.summary
