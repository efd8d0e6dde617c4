"""Residual networks, their second version and wide ones: the tables of their papers, and where strides stand."""

import numpy as np
import pytest

from numpycnn import models, ops
from numpycnn.layers import Conv2D, Dropout, Input
from numpycnn.models import Model
from numpycnn.models.blocks import conv, max_pool
from reference_tests.architectures.shared import SEED, built, shapes

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
