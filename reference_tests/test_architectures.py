"""Networks from LeNet-5 to ResNet v2: counts, the tables of their papers, keras.applications, TensorFlow by layer."""

from functools import partial

import keras
import numpy as np
import pytest

from numpycnn import count, models, ops, verify
from numpycnn.layers import Conv2D, Dropout, Input
from numpycnn.models import Model
from numpycnn.models.blocks import (
    bottleneck_unit,
    conv,
    inception_module,
    max_pool,
    preactivation_bottleneck,
    preactivation_unit,
    residual_unit,
)
from numpycnn.models.lenet import squashed

SEED = 5

# Counts. Keras's summaries count the moving statistics, PyTorch's counts of parameters() do not.

PARAMETERS = [
    ("lenet5", {}, 61_706, 61_706),  # the known total
    ("lenet5_original", {}, 60_840, 60_000),  # LeCun et al., section II.B: "60,000 trainable free parameters"
    ("alexnet", {}, 62_378_344, 62_378_344),  # the known total
    ("alexnet", {"groups": 2}, 60_965_224, 60_965_224),  # the known total
    ("googlenet", {}, 6_998_552, 6_998_552),  # Caffe's bvlc_googlenet, in netscope and other tables
    ("googlenet", {"auxiliary": True}, 13_378_280, 13_378_280),  # bvlc_googlenet: 53,533,754 bytes, 4 for each
    ("vgg16", {}, 138_357_544, 138_357_544),  # keras.applications
    ("vgg19", {}, 143_667_240, 143_667_240),  # keras.applications
    ("resnet18", {}, 11_699_112, 11_689_512),  # torchvision: 11,689,512
    ("resnet34", {}, 21_814_696, 21_797_672),  # torchvision: 21,797,672
    ("resnet50", {}, 25_636_712, 25_583_592),  # keras.applications
    ("resnet101", {}, 44_707_176, 44_601_832),  # keras.applications
    ("resnet152", {}, 60_419_944, 60_268_520),  # keras.applications
    ("resnet50", {"version": "v1.5"}, 25_610_152, 25_557_032),  # torchvision: 25,557,032
    ("resnet101", {"version": "v1.5"}, 44_654_504, 44_549_160),  # torchvision: 44,549,160
    ("resnet152", {"version": "v1.5"}, 60_344_232, 60_192_808),  # torchvision: 60,192,808
    ("wide_resnet28_10", {}, 36_497_146, 36_479_194),  # table 5 of the paper: 36.5 million
    ("wide_resnet50_2", {}, 68_951_464, 68_883_240),  # torchvision: 68,883,240
    ("resnet50_v2", {}, 25_613_800, 25_568_360),  # keras.applications
    ("resnet101_v2", {}, 44_675_560, 44_577_896),  # keras.applications
    ("resnet152_v2", {}, 60_380_648, 60_236_904),  # keras.applications
]

MACS = [
    ("alexnet", {"groups": 2}, 724_406_816),  # netscope, bvlc_alexnet: 724 million
    ("googlenet", {}, 1_582_671_872),  # netscope, bvlc_googlenet: 1.58 thousand million
    ("vgg16", {}, 15_470_264_320),  # torchvision: 15.47
    ("vgg19", {}, 19_632_062_464),  # torchvision: 19.632
    ("resnet34", {}, 3_663_761_408),  # torchvision: 3.664
    ("resnet50", {}, 3_857_973_248),  # the known total
    ("resnet50", {"version": "v1.5"}, 4_089_184_256),  # torchvision: 4.089
    ("resnet101", {"version": "v1.5"}, 7_801_405_440),  # torchvision: 7.801
    ("resnet152", {"version": "v1.5"}, 11_513_626_624),  # torchvision: 11.514
    ("wide_resnet50_2", {}, 11_398_021_120),  # torchvision: 11.398
]


def called(row) -> str:
    return "-".join([row[0], *map(str, row[1].values())])


def built(name, options, **sizes) -> Model:
    return getattr(models, name)(**sizes, **options)


@pytest.mark.parametrize("row", PARAMETERS, ids=called)
def test_parameters(row):
    name, options, total, trainable = row
    counted = count(built(name, options)).params
    assert (counted.total, counted.trainable) == (total, trainable)


@pytest.mark.parametrize("row", MACS, ids=called)
def test_macs(row):
    name, options, macs = row
    assert count(built(name, options)).macs == macs


@pytest.mark.parametrize("row", PARAMETERS, ids=called)
def test_classes_change_what_is_read_off_and_nothing_before(row):
    name, options, *_ = row
    some, more = built(name, options, classes=7), built(name, options, classes=11)
    assert {tensor.shape for tensor in some.outputs} == {(7,)}
    by_path = more.weight_specs()
    differing = [path for path, spec in some.weight_specs().items() if spec.shape != by_path[path].shape]
    assert {path.split("/")[0] for path in differing} == {some.names[t.node.layer] for t in some.outputs}


@pytest.mark.parametrize("name", ["VGG19", "ResNet101", "ResNet152", "ResNet101V2", "ResNet152V2"])
@pytest.mark.slow
def test_parameters_are_keras_s(name):
    ours = getattr(models, name.lower().replace("v2", "_v2"))()
    assert count(ours).params.total == getattr(keras.applications, name)(weights=None).count_params()


# The tables of the papers, row by row: the layer that ends a row, its output, its parameters.


def shapes(model: Model) -> dict[str, tuple]:
    return {name: node.output_shapes[0] for node, name in model.node_names.items()}


def layer_parameters(model: Model) -> dict[str, int]:
    return {row.name: row.params for row in count(model).layers}


LENET5 = [
    ("C1", (28, 28, 6), 156, {"kernel_size": 5, "activation": "tanh"}),
    ("S2", (14, 14, 6), 0, {"pool_size": 2}),
    ("C3", (10, 10, 16), 2_416, {"kernel_size": 5, "activation": "tanh"}),
    ("S4", (5, 5, 16), 0, {"pool_size": 2}),
    ("C5", (1, 1, 120), 48_120, {"kernel_size": 5, "activation": "tanh"}),
    ("F6", (84,), 10_164, {"activation": "tanh"}),
    ("out", (10,), 850, {"activation": "softmax"}),
]

ALEXNET = [
    ("C1", (55, 55, 96), 34_944, {"kernel_size": 11, "strides": 4, "padding": "valid", "activation": "relu"}),
    ("S2", (27, 27, 96), 0, {"pool_size": 3, "strides": 2, "padding": "valid"}),
    ("C3", (27, 27, 256), 614_656, {"kernel_size": 5, "strides": (1, 1), "padding": "same", "activation": "relu"}),
    ("S4", (13, 13, 256), 0, {"pool_size": 3, "strides": 2, "padding": "valid"}),
    ("C5", (13, 13, 384), 885_120, {"kernel_size": 3, "strides": (1, 1), "padding": "same", "activation": "relu"}),
    ("C6", (13, 13, 384), 1_327_488, {"kernel_size": 3, "strides": (1, 1), "padding": "same", "activation": "relu"}),
    ("C7", (13, 13, 256), 884_992, {"kernel_size": 3, "strides": (1, 1), "padding": "same", "activation": "relu"}),
    ("S8", (6, 6, 256), 0, {"pool_size": 3, "strides": 2, "padding": "valid"}),
    ("F9", (4096,), 37_752_832, {"activation": "relu"}),
    ("F10", (4096,), 16_781_312, {"activation": "relu"}),
    ("out", (1000,), 4_097_000, {"activation": "softmax"}),
]


CHAPTER = {"lenet5": ((32, 32, 1), LENET5), "alexnet": ((227, 227, 3), ALEXNET)}


@pytest.mark.parametrize(
    ("network", "inputs", "row"),
    [
        pytest.param(network, inputs, row, id=f"{network}-{row[0]}")
        for network, (inputs, table) in CHAPTER.items()
        for row in table
    ],
)
def test_the_chapter_s_tables(network, inputs, row):
    """Géron, Hands-On Machine Learning, 3rd ed., tables 14-1 and 14-2."""
    name, shape, params, arguments = row
    model = getattr(models, network)()
    layer = model.get_layer(name)
    assert model.inputs[0].shape == inputs
    assert shapes(model)[name] == shape
    assert layer_parameters(model)[name] == params
    assert {argument: getattr(layer, argument) for argument in arguments} == arguments


def test_alexnet_normalizes_after_c1_and_c3_and_drops_after_f9_and_f10():
    model = models.alexnet()
    order = [model.names[layer] for layer in model.layers]
    for conv_name in ("C1", "C3"):
        layer = model.get_layer(f"{conv_name}_normalization")
        assert order.index(f"{conv_name}_normalization") == order.index(conv_name) + 1
        assert 2 * layer.depth_radius + 1 == 5, "the paper's n: five maps, the own one in the middle"
        assert (layer.alpha, layer.beta, layer.bias) == (1e-4, 0.75, 2)
    for dense_name in ("F9", "F10"):
        assert order[order.index(dense_name) + 1] == f"{dense_name}_dropout"
        assert model.get_layer(f"{dense_name}_dropout").rate == 0.5
    assert len(order) == len(ALEXNET) + 2 + 2 + 1  # and what flattens


def test_alexnet_in_two_groups_is_the_paper_s():
    """Figure 2: kernels of C3 see 48 maps, C5 256, C6 and C7 192."""
    model = models.alexnet(groups=2)
    seen = {name: model.weight_specs()[f"{name}/kernel"].shape[2] for name in ("C1", "C3", "C5", "C6", "C7")}
    assert seen == {"C1": 3, "C3": 48, "C5": 256, "C6": 192, "C7": 192}


# LeNet-5 of 1998.

TABLE_I = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""
"""LeCun et al.: an X where a map of C3 (columns) sees a map of S2 (rows)."""


@pytest.mark.parametrize(
    ("names", "params", "shape"),
    [
        (["C1"], 156, (28, 28, 6)),
        (["S2"], 12, (14, 14, 6)),
        (["C3_of_3_maps", "C3_of_4_maps", "C3_of_6_maps", "C3"], 1_516, (10, 10, 16)),
        (["S4"], 32, (5, 5, 16)),
        (["C5"], 48_120, (1, 1, 120)),
        (["F6"], 10_164, (84,)),
        (["out"], 840, (10,)),
    ],
)
def test_lenet5_of_1998_by_layer(names, params, shape):
    """Section II.B of the paper says each of these counts."""
    model = models.lenet5_original()
    assert sum(layer_parameters(model)[name] for name in names) == params
    assert shapes(model)[names[-1]] == shape


def test_lenet5_of_1998_has_the_paper_s_connections():
    """Section II.B counts the products and the bias of each unit: 340,908 in all, 5 for each unit of S2 and S4."""
    model = models.lenet5_original()
    connections, size_of = 0, shapes(model)
    for node, name in model.node_names.items():
        biases = np.prod(size_of[name]) if "bias" in node.layer.weight_specs(*node.input_shapes) else 0
        per_unit = 4 if name.startswith("S") else 1
        connections += per_unit * node.layer.macs(*node.input_shapes) + biases
    assert connections == 340_908


def test_maps_of_c3_see_what_table_i_says():
    """Each map of C3 changes with exactly the maps of S2 that are crossed; its own bias changes it alone."""
    model = models.lenet5_original()
    crossed = np.array([[cell == "X" for cell in line.split()] for line in TABLE_I.split("\n") if line])
    assert crossed.sum(axis=0).tolist() == [3] * 6 + [4] * 9 + [6]
    start = next(node.inputs[0] for node, name in model.node_names.items() if name == "C3_from_3_maps")
    end = next(node.outputs[0] for node, name in model.node_names.items() if name == "C3")
    c3 = Model(start, end)
    x = np.random.default_rng(SEED).normal(size=(1, 14, 14, 6))
    y = c3.predict(x)
    for s2_map in range(6):
        other = x.copy()
        other[..., s2_map] += 1
        assert np.any(c3.predict(other) != y, axis=(0, 1, 2)).tolist() == crossed[s2_map].tolist()


def test_the_squashing_function_is_the_paper_s():
    """Appendix A: f(1) = 1 and f(-1) = -1, and 1.7159 is as far as it goes."""
    inputs = Input((5,))
    y = Model(inputs, squashed(inputs, name="f"), dtype="float64").predict([[1.0, -1.0, 0.0, 50.0, 0.3]])
    np.testing.assert_allclose(y, [[1, -1, 0, 1.7159, 1.7159 * np.tanh(0.2)]], atol=2e-5)


def test_subsampling_adds_multiplies_shifts_and_squashes():
    """S2 at one pixel by hand, the coefficient being that of the average."""
    model = models.lenet5_original().astype("float64")
    model.variables["S2/kernel"].assign(np.arange(1.0, 7).reshape(1, 1, 6, 1))
    model.variables["S2/bias"].assign(np.arange(6.0) / 10)
    seen = model.activations(np.random.default_rng(SEED).normal(size=(2, 32, 32, 1)))
    four = seen["C1_amplitude"][:, 4:6, 10:12].sum(axis=(1, 2))
    expected = 1.7159 * np.tanh(2 / 3 * (four / 4 * np.arange(1, 7) + np.arange(6) / 10))
    np.testing.assert_allclose(seen["S2_amplitude"][:, 2, 5], expected, rtol=1e-12)


def test_the_least_distance_is_the_answer():
    model = models.lenet5_original()
    points = model.variables["out/kernel"]
    assert not points.trainable
    seen = model.activations(np.random.default_rng(SEED).normal(size=(2, 32, 32, 1)))
    expected = [[np.sum((f6 - points.value[:, k]) ** 2) for k in range(10)] for f6 in seen["F6_amplitude"]]
    np.testing.assert_allclose(seen["out"], expected, rtol=1e-5)


# GoogLeNet.

GOOGLENET = [
    ("conv1", (112, 112, 64)),
    ("pool1", (56, 56, 64)),
    ("norm1", (56, 56, 64)),
    ("conv2", (56, 56, 192)),
    ("norm2", (56, 56, 192)),
    ("pool2", (28, 28, 192)),
    ("inception_3a_concat", (28, 28, 256)),
    ("inception_3b_concat", (28, 28, 480)),
    ("pool3", (14, 14, 480)),
    ("inception_4a_concat", (14, 14, 512)),
    ("inception_4b_concat", (14, 14, 512)),
    ("inception_4c_concat", (14, 14, 512)),
    ("inception_4d_concat", (14, 14, 528)),
    ("inception_4e_concat", (14, 14, 832)),
    ("pool4", (7, 7, 832)),
    ("inception_5a_concat", (7, 7, 832)),
    ("inception_5b_concat", (7, 7, 1024)),
    ("pool5", (1024,)),
    ("predictions", (1000,)),
]


def test_googlenet_s_table_1():
    """With the two normalizations of figure 3, which table 1 leaves out."""
    model = models.googlenet()
    found = shapes(model)
    assert [name for name in found if name in dict(GOOGLENET)] == [name for name, _ in GOOGLENET]
    assert [found[name] for name, _ in GOOGLENET] == [shape for _, shape in GOOGLENET]
    alexnet = models.alexnet().get_layer("C1_normalization").arguments
    assert model.get_layer("norm1").arguments == model.get_layer("norm2").arguments == alexnet


def test_googlenet_lays_its_branches_one_behind_the_other():
    """Module 3a: 64 maps of the 1x1, 128 of the 3x3, 32 of the 5x5, 32 of what is pooled, each pixel's 3x3 largest."""
    model = models.googlenet(classes=3, input_shape=(32, 40, 3))
    seen = model.activations(np.random.default_rng(SEED).normal(size=(2, 32, 40, 3)))
    kernels = model.weight_specs()
    parts = {"1x1": (0, 64, 1), "3x3": (64, 192, 3), "5x5": (192, 224, 5), "pool_proj": (224, 256, 1)}
    for branch, (start, stop, size) in parts.items():
        np.testing.assert_array_equal(seen["inception_3a_concat"][..., start:stop], seen[f"inception_3a_{branch}"])
        assert kernels[f"inception_3a_{branch}/kernel"].shape[:2] == (size, size)
    reads = {name: [model.node_names.get(t.node) for t in node.inputs] for node, name in model.node_names.items()}
    assert reads["inception_3a_pool_proj"] == ["inception_3a_pool"]
    assert reads["inception_3a_pool"] == reads["inception_3a_1x1"] == ["pool2"]
    np.testing.assert_array_equal(
        seen["inception_3a_pool"], ops.max_pool2d(seen["pool2"], 3, strides=1, padding="same")
    )


def test_googlenet_s_auxiliary_classifiers():
    """Section 5: after 4a and 4d, 5x5 pooling with stride 3 to 4x4, 128 maps, 1024 units, 70% dropped, softmax."""
    plain, model = models.googlenet(), models.googlenet(auxiliary=True)
    found, names = shapes(model), model.node_names
    assert [model.names[t.node.layer] for t in model.outputs] == [
        "predictions",
        "auxiliary_4a_predictions",
        "auxiliary_4d_predictions",
    ]
    for module, maps in (("4a", 512), ("4d", 528)):
        node = next(node for node, name in names.items() if name == f"auxiliary_{module}_pool")
        assert names[node.inputs[0].node] == f"inception_{module}_concat"
        assert found[f"auxiliary_{module}_pool"] == (4, 4, maps)
        assert found[f"auxiliary_{module}_conv"] == (4, 4, 128)
        assert found[f"auxiliary_{module}_fc"] == (1024,)
        assert model.get_layer(f"auxiliary_{module}_dropout").rate == 0.7
    assert model.get_layer("dropout").rate == 0.4
    assert plain.weight_specs().items() <= model.weight_specs().items()


# VGG.


@pytest.mark.parametrize(
    ("make", "counts"), [(models.vgg16, (2, 2, 3, 3, 3)), (models.vgg19, (2, 2, 4, 4, 4))], ids=["vgg16", "vgg19"]
)
def test_vgg_s_table_1(make, counts):
    model = make()
    found = shapes(model)
    for stage, (convolutions, filters) in enumerate(zip(counts, (64, 128, 256, 512, 512), strict=True), 1):
        size = 224 // 2 ** (stage - 1)
        assert [name for name in found if name.startswith(f"conv{stage}")] == [
            f"conv{stage}_{number}" for number in range(1, convolutions + 1)
        ]
        assert {found[f"conv{stage}_{n}"] for n in range(1, convolutions + 1)} == {(size, size, filters)}
        assert found[f"pool{stage}"] == (size // 2, size // 2, filters)
    assert [found[name] for name in ("fc6", "fc7", "fc8")] == [(4096,), (4096,), (1000,)]
    assert [layer.rate for layer in model.layers if isinstance(layer, Dropout)] == [0.5, 0.5]
    assert sum(bool(node.layer.weight_specs(*node.input_shapes)) for node in model.nodes) == sum(counts) + 3


# Residual networks.

BASIC, BOTTLENECK = (64, 128, 256, 512), (256, 512, 1024, 2048)


@pytest.mark.parametrize(
    ("name", "options", "units", "filters"),
    [
        ("resnet18", {}, (2, 2, 2, 2), BASIC),
        ("resnet34", {}, (3, 4, 6, 3), BASIC),
        ("resnet50", {}, (3, 4, 6, 3), BOTTLENECK),
        ("resnet50", {"version": "v1.5"}, (3, 4, 6, 3), BOTTLENECK),
        ("resnet101", {}, (3, 4, 23, 3), BOTTLENECK),
        ("resnet152", {}, (3, 8, 36, 3), BOTTLENECK),
        ("wide_resnet50_2", {}, (3, 4, 6, 3), BOTTLENECK),
    ],
)
def test_table_1_of_the_residual_networks(name, options, units, filters):
    """conv1 112x112, then four stages: how many units, and what each unit of a stage gives."""
    model = built(name, options)
    found = shapes(model)
    assert found["conv1_relu"] == (112, 112, 64)
    assert found["pool1"] == (56, 56, 64)
    for stage, (number, maps) in enumerate(zip(units, filters, strict=True), 2):
        outputs = [shape for layer, shape in found.items() if layer.startswith(f"conv{stage}_") and "_out" in layer]
        assert outputs == [(224 // 2**stage, 224 // 2**stage, maps)] * number
    assert found["pool5"] == filters[-1:]
    assert found["predictions"] == (1000,)
    convolutions = [layer for layer in model.layers if isinstance(layer, Conv2D)]
    depth = len([layer for layer in convolutions if "skip" not in model.names[layer]]) + 1
    assert depth == sum(units) * (2 if filters == BASIC else 3) + 2
    assert str(depth) in name


def test_epsilon_and_padding_of_both_versions():
    """Keras's 1.001e-5, PyTorch's 1e-5 (trap 22). Where the stride stands is in traps/test_models.py."""
    for version, epsilon in (("v1", 1.001e-5), ("v1.5", 1e-5)):
        model = models.resnet50(version=version)
        assert {layer.epsilon for layer in model.layers if hasattr(layer, "epsilon")} == {epsilon}
        assert [model.get_layer(f"{name}_pad").padding for name in ("conv1_conv", "pool1")] == [3, 1]


def test_resnet_v2_strides_in_the_last_unit_of_a_stage():
    model = models.resnet50_v2()
    found = shapes(model)
    strided = {model.names[layer] for layer in model.layers if isinstance(layer, Conv2D) and layer.strides == 2}
    assert strided == {"conv1_conv", "conv2_3_2_conv", "conv3_4_2_conv", "conv4_6_2_conv"}
    assert [found[f"conv{s}_{u}_add"] for s, u in ((2, 2), (2, 3), (3, 4), (4, 6), (5, 3))] == [
        (56, 56, 256),
        (28, 28, 256),
        (14, 14, 512),
        (7, 7, 1024),
        (7, 7, 2048),
    ]


@pytest.mark.parametrize("make", [models.resnet50_v2, models.wide_resnet28_10])
def test_nothing_stands_on_the_way_of_a_skip_connection(make):
    """Figure 4 (e): from one sum to the next there is nothing, or what changes the size.

    A convolution there reads what is normalized and activated already, as the first one beside it, pooling the sum.
    """
    model = make()
    names = model.node_names
    reads = {name: [names.get(tensor.node, "input") for tensor in node.inputs] for node, name in names.items()}
    for name in reads:
        if name.endswith("_add"):
            skip, main = reads[name]
            assert main.endswith("_conv")
            assert skip.endswith(("_add", "_skip_conv", "_skip_pool")) or skip == "pool1"
        if name.endswith("_skip_conv"):
            assert reads[name] == [name.replace("_skip_conv", "_1_relu")]
        if name.endswith("_skip_pool"):
            assert reads[name][0].endswith("_add")


def test_wide_resnet_s_table_1():
    """WRN-28-10: 16 maps, then 160, 320 and 640 in four units each; dropout between the convolutions of each."""
    model = models.wide_resnet28_10()
    found, names = shapes(model), model.node_names
    assert found["conv1"] == (32, 32, 16)
    for stage, (size, maps) in enumerate(((32, 160), (16, 320), (8, 640)), 2):
        assert [found[f"conv{stage}_{unit}_add"] for unit in range(1, 5)] == [(size, size, maps)] * 4
    assert found["pool"] == (640,)
    dropouts = {node: name for node, name in names.items() if isinstance(node.layer, Dropout)}
    assert len(dropouts) == 12
    for node, name in dropouts.items():
        unit = name.removesuffix("_dropout")
        readers = [names[other] for other in model.nodes if node.outputs[0] in other.inputs]
        assert names[node.inputs[0].node] == f"{unit}_2_relu"
        assert readers == [f"{unit}_2_conv"]
        assert node.layer.rate == 0.3
    assert models.wide_resnet28_10(dropout=0.4).get_layer("conv4_4_dropout").rate == 0.4


def test_even_padding_is_pytorch_s():
    """Trap 1: windows of an image of even size start at -3 and at -1, as with padding=3 and padding=1 in PyTorch."""
    inputs, rng = Input((10, 8, 3)), np.random.default_rng(SEED)
    x = rng.normal(size=(2, 10, 8, 3)).astype(np.float32)
    even = Model(inputs, conv(inputs, 4, 7, strides=2, padding="even", name="c"))
    same = Model(inputs, conv(inputs, 4, 7, strides=2, padding="same", name="c"))
    same.set_weights(even.get_weights())
    expected = ops.conv2d(x, even.get_weights()[0], strides=2, padding=3)
    np.testing.assert_array_equal(even.predict(x), expected)
    assert not np.allclose(same.predict(x), expected, atol=1e-2)
    pooled = Model(inputs, max_pool(inputs, 3, strides=2, padding="even", name="p"))
    np.testing.assert_array_equal(pooled.predict(abs(x)), ops.max_pool2d(abs(x), 3, strides=2, padding=1))


@pytest.mark.parametrize("make", [models.resnet50, models.resnet101, models.resnet152])
def test_another_version_is_one_clear_error(make):
    with pytest.raises(ValueError, match=rf"{make.__name__}: version must be one of v1, v1.5; got version 'v2'"):
        make(version="v2")


# The same weights in keras.applications.


@pytest.mark.parametrize(
    ("name", "theirs", "last"),
    [("vgg16", "VGG16", "fc7_dropout"), ("resnet50", "ResNet50", "pool5"), ("resnet50_v2", "ResNet50V2", "pool5")],
)
def test_features_and_predictions_equal_keras_applications(name, theirs, last):
    """Weights fit in Keras's own order, and what they give is equal. The sides differ in length."""
    shape = (46, 38, 3)
    application = getattr(keras.applications, theirs)(weights=None, classes=7, input_shape=shape)
    ours, rng = getattr(models, name)(classes=7, input_shape=shape), np.random.default_rng(SEED)
    enliven(ours, rng)
    application.set_weights(ours.get_weights())
    x = rng.normal(size=(2, *shape)).astype(np.float32)
    features, predictions = keras.Model(application.input, [application.layers[-1].input, application.output])(x)
    found, largest = ours.activations(x), np.abs(features).max()
    assert np.abs(features[0] - features[1]).max() > 0.05 * largest, "two images that are alike would tell nothing"
    np.testing.assert_allclose(found[last], features, atol=1e-5 * largest)
    np.testing.assert_allclose(found[ours.names[ours.layers[-1]]], predictions, atol=1e-3)


def enliven(model: Model, rng) -> None:
    """Put something else in the place of zeros and ones, which errors could hide behind."""
    for variable in model.weights:
        if variable.name.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.7, 1.3, variable.shape))
        if variable.name.endswith(("beta", "moving_mean", "bias")):
            variable.assign(rng.uniform(-0.3, 0.3, variable.shape))


# Every layer and gradient against TensorFlow.

VERIFIED = [
    ("lenet5", {}, (32, 33, 1)),
    ("lenet5_original", {}, (32, 33, 1)),
    ("alexnet", {"groups": 2}, (67, 75, 3)),
    ("googlenet", {"auxiliary": True}, (80, 81, 3)),
    ("resnet50", {"version": "v1.5"}, (32, 33, 3)),
    ("resnet50_v2", {}, (32, 33, 3)),
]

LARGE = [
    ("alexnet", {}, (67, 75, 3)),
    ("vgg16", {}, (32, 33, 3)),
    ("vgg19", {}, (32, 33, 3)),
    ("resnet18", {}, (33, 41, 3)),
    ("resnet50", {}, (33, 41, 3)),
    ("resnet101", {}, (33, 32, 3)),
    ("resnet152", {}, (33, 32, 3)),
    ("resnet101", {"version": "v1.5"}, (33, 32, 3)),
    ("resnet152", {"version": "v1.5"}, (33, 32, 3)),
    ("wide_resnet28_10", {}, (8, 5, 3)),
    ("wide_resnet50_2", {}, (33, 32, 3)),
    ("resnet101_v2", {}, (33, 32, 3)),
    ("resnet152_v2", {}, (33, 32, 3)),
]


@pytest.mark.parametrize("row", VERIFIED, ids=called)
def test_outputs_and_gradients_equal_tensorflow(row):
    agrees_with_tensorflow(*row)


@pytest.mark.parametrize("row", LARGE, ids=called)
@pytest.mark.slow
def test_outputs_and_gradients_of_large_networks_equal_tensorflow(row):
    agrees_with_tensorflow(*row)


def agrees_with_tensorflow(name, options, shape):
    agrees(built(name, options, classes=5, input_shape=shape))


BLOCKS = {
    "residual": (residual_unit, {"filters": 5}),
    "residual, smaller": (residual_unit, {"filters": 7, "strides": 2}),
    "bottleneck": (bottleneck_unit, {"filters": 3, "widening": 2}),
    "bottleneck, smaller": (bottleneck_unit, {"filters": 3, "strides": 2}),
    "bottleneck, smaller in the middle": (bottleneck_unit, {"filters": 3, "strides": 2, "stride_on_3x3": True}),
    "pre-activation": (preactivation_unit, {"filters": 12, "dropout": 0.3}),
    "pre-activation, smaller": (preactivation_unit, {"filters": 7, "strides": 2}),
    "pre-activation bottleneck": (preactivation_bottleneck, {"filters": 3}),
    "pre-activation bottleneck, smaller": (preactivation_bottleneck, {"filters": 3, "strides": 2}),
    "pre-activation bottleneck, wider": (preactivation_bottleneck, {"filters": 5, "strides": 2}),
    "inception": (partial(inception_module, f_1x1=2, reduce_3x3=3, f_3x3=4, reduce_5x5=5, f_5x5=6, pool=7), {}),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_equal_tensorflow(name):
    """Between two layers, so that what comes in has a gradient; 12 channels are 4 times 3 filters."""
    block, options = BLOCKS[name]
    inputs = Input((9, 8, 3))
    x = conv(inputs, 12, 3, name="before")
    agrees(Model(inputs, conv(block(x, name="block", **options), 5, 1, name="after")))


def agrees(model: Model):
    rng = np.random.default_rng(SEED)
    enliven(model, rng)
    report = verify(model, rng.normal(size=(2, *model.inputs[0].shape)))
    assert report.holds, report.summary
    assert sum(row.quantity == "output" for row in report.rows) == len(model.nodes)
