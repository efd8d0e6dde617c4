"""Darknet and YOLO: counts against papers and the files of weights, shapes, and TensorFlow by layer."""

import numpy as np
import pytest
import tensorflow as tf

from numpycnn import count, models, verify
from numpycnn.layers import Conv2D, Dense, Input, LeakyReLU
from numpycnn.models import Model
from numpycnn.models.darknet import conv_bn_leaky, darknet53_stages
from numpycnn.models.yolo import predictions, space_to_depth, upsampled

PARAMETERS = [
    # all, and those that train
    ("yolo_v1", {}, 271_703_550, 271_703_550),  # PyTorch's forms of figure 3, biases and no normalization
    ("yolo_v2", {"classes": 80}, 50_983_561, 50_962_889),  # yolov2.weights: 203,934,260 bytes
    ("yolo_v2_tiny", {}, 15_867_885, 15_861_773),  # Keras's forms of tiny-yolo-voc
    ("yolo_v3", {}, 62_001_757, 61_949_149),  # yolov3.weights: 248,007,048 bytes
    ("yolo_v3_tiny", {}, 8_858_734, 8_852_366),  # AlexeyAB/darknet, issue 6022: 8.86 million
    ("darknet19", {}, 20_856_776, 20_842_376),  # PyTorch's forms, which count those that train
    ("darknet53", {}, 41_645_640, 41_609_928),  # osmr/imgclsmob: 41,609,928
]
HEADERS = {"yolo_v2": (203_934_260, 4), "yolo_v3": (248_007_048, 5)}
"""Bytes of darknet's file, and how many words of four bytes stand before the weights (AlexeyAB/darknet, issue 1910)."""

OPERATIONS = [
    # thousand million, two for a MAC; pjreddie.com/darknet/yolo and /imagenet unless said otherwise
    ("yolo_v2", {"classes": 80, "input_shape": (608, 608, 3)}, 62.94),
    ("yolo_v2_tiny", {}, 6.97),
    ("yolo_v3", {"input_shape": (320, 320, 3)}, 38.97),
    ("yolo_v3", {}, 65.86),
    ("yolo_v3", {"input_shape": (608, 608, 3)}, 140.69),
    ("yolo_v3_tiny", {}, 5.56),
    ("darknet19", {}, 5.58),  # section 3 of arXiv:1612.08242
    ("darknet19", {"input_shape": (256, 256, 3)}, 7.29),
    ("darknet53", {}, 18.57),
]


def called(row) -> str:
    return "-".join([row[0], *map(str, row[1].values())])


@pytest.mark.parametrize("row", PARAMETERS, ids=called)
def test_parameters(row):
    name, options, total, trainable = row
    counted = count(getattr(models, name)(**options)).params
    assert (counted.total, counted.trainable) == (total, trainable)
    if name in HEADERS:
        size, words = HEADERS[name]
        assert 4 * (total + words) == size


@pytest.mark.parametrize("row", OPERATIONS, ids=called)
def test_operations(row):
    name, options, operations = row
    assert round(2 * count(getattr(models, name)(**options)).macs / 1e9, 2) == operations


def of_kind(model: Model, kind) -> int:
    return sum(isinstance(node.layer, kind) for node in model.nodes)


def test_how_many_layers_their_names_and_papers_say():
    v1 = models.yolo_v1()
    assert (of_kind(v1, Conv2D), of_kind(v1, Dense)) == (24, 2)
    assert of_kind(models.darknet19(), Conv2D) == 19
    darknet53 = models.darknet53()
    assert (of_kind(darknet53, Conv2D), of_kind(darknet53, Dense)) == (52, 1)
    assert {layer.negative_slope for layer in v1.layers if isinstance(layer, LeakyReLU)} == {0.1}


def test_sizes_along_the_way_of_v1():
    """Figure 3: 224 after the first convolution, halved by four poolings and one stride, 7x7x30 at the end."""
    model = models.yolo_v1()
    shapes = {name: node.output_shapes[0] for node, name in model.node_names.items()}
    stages = {"conv1_1": (224, 64), "conv2_1": (112, 192), "conv3_4": (56, 512), "conv4_10": (28, 1024)}
    stages |= {"conv5_5": (14, 1024), "conv5_6": (7, 1024), "conv5_8": (7, 1024)}
    assert {name: shapes[f"{name}_conv" if f"{name}_conv" in shapes else name] for name in stages} == {
        name: (size, size, maps) for name, (size, maps) in stages.items()
    }
    assert shapes["grid"] == (7, 7, 30)


def test_grids_that_come_out():
    assert models.yolo_v2().outputs[0].shape == (13, 13, 5, 25)
    assert [y.shape for y in models.yolo_v3().outputs] == [(13, 13, 3, 85), (26, 26, 3, 85), (52, 52, 3, 85)]
    assert [y.shape for y in models.yolo_v3_tiny(classes=4).outputs] == [(13, 13, 3, 9), (26, 26, 3, 9)]
    assert models.yolo_small(version="v1", input_shape=(64, 96, 3)).outputs[0].shape == (8, 12, 20)
    with pytest.raises(ValueError, match="yolo_small: version must be one of v1, v2, v3; got version 'v4'"):
        models.yolo_small(version="v4")


def test_four_neighbours_lie_behind_each_other_as_in_tensorflow():
    inputs = Input((6, 4, 3))
    x = np.random.default_rng(0).normal(size=(2, 6, 4, 3)).astype(np.float32)
    ours = Model(inputs, space_to_depth(inputs, name="depth")).predict(x)
    np.testing.assert_array_equal(ours, tf.nn.space_to_depth(x, 2))


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_the_small_one_equals_tensorflow(version):
    report = verify(models.yolo_small(classes=4, input_shape=(24, 40, 2), version=version, filters=5))
    assert report.holds, report.summary


def test_a_fine_grid_joined_by_a_coarse_one_equals_tensorflow():
    inputs = Input((4, 6, 5))
    coarse = conv_bn_leaky(inputs, 7, 3, strides=2, name="coarse")
    grids = [coarse, upsampled(coarse, 3, inputs, name="up")]
    report = verify(Model(inputs, [predictions(x, 2, 4, name=f"grid{i}") for i, x in enumerate(grids)]))
    assert report.holds, report.summary


def test_darknets_units_equal_tensorflow():
    inputs = Input((17, 22, 3))
    report = verify(Model(inputs, darknet53_stages(inputs)[1]))
    assert report.holds, report.summary


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["yolo_v1", "yolo_v2", "yolo_v2_tiny", "yolo_v3", "yolo_v3_tiny", "darknet19", "darknet53"]
)
def test_whole_networks_equal_tensorflow(name):
    report = verify(getattr(models, name)(classes=4, input_shape=(64, 128, 3)))
    assert report.holds, report.summary
