"""What a command can be about: layers named like their ops, models by name, and those in Python files."""

import pytest

from numpycnn.cli.layer_targets import find_layer_class, layer_names
from numpycnn.cli.targets import model_functions
from reference_tests.library.command_line import figures, refused

# Layers by the names of their ops.


@pytest.mark.parametrize(
    ("command", "shape", "parameters", "macs"),
    [
        ("conv2d --filters 8 --kernel-size 3x2 --strides 2x1 --groups 2 --no-bias --input 9x8x4", [4, 7, 8], 96, 2_688),
        ("conv2d --filters 5 --kernel-size 3 --dilation-rate 2x3 --input 9x8x2", [5, 2, 5], 95, 900),
        ("depthwise_conv2d --kernel-size 3 --depth-multiplier 2 --padding same --input 9x8x4", [9, 8, 8], 80, 5_184),
        ("separable_conv2d --filters 5 --kernel-size 3 --input 9x8x4", [7, 6, 5], 61, 42 * 56),
        ("conv2d_transpose --filters 3 --kernel-size 2 --strides 2 --input 5x6x4", [10, 12, 3], 51, 1_440),
        ("max_pool2d --input 9x8x4", [4, 4, 4], 0, 0),
        ("avg_pool2d --pool-size 3x2 --strides 1x2 --padding same --input 9x8x4", [9, 4, 4], 0, 0),
        ("dense --units 10 --activation relu --input 128", [10], 1_290, 1_280),
        ("batch_normalization --input 9x8x4", [9, 8, 4], 16, 0),
        ("Conv2D --filters 1 --kernel-size 1 --input 3x2x1", [3, 2, 1], 2, 6),
        ("zero_padding2d --padding 2x3 --input 3x5x7", [7, 11, 7], 0, 0),
        ("up_sampling2d --set size=2x3 --input 3x5x7", [6, 15, 7], 0, 0),
        ("dropout --set rate=0.5 --input 3x5x7", [3, 5, 7], 0, 0),
        ("up_sampling2d --set interpolation=bilinear --input 3x5x7", [6, 10, 7], 0, 0),
    ],
)
def test_layers(command, shape, parameters, macs):
    found = figures(f"count {command}")
    assert found["layers"][0]["output_shape"] == shape
    assert (found["params"]["total"], found["macs"]) == (parameters, macs)


def test_every_layer_is_named_like_its_op():
    import numpycnn.ops

    for name, kind in layer_names().items():
        assert find_layer_class(name) is find_layer_class(kind.__name__) is kind
    names = set(layer_names())
    expected = (
        "conv2d depthwise_conv2d separable_conv2d conv2d_transpose max_pool2d avg_pool2d depth_max_pool flatten "
        "global_avg_pool2d global_max_pool2d batch_normalization layer_normalization local_response_normalization "
        "dense zero_padding2d cropping2d up_sampling2d dropout add multiply concatenate relu leaky_relu prelu elu "
        "softmax"
    )
    assert names >= set(expected.split())
    assert {name for name in names if hasattr(numpycnn.ops, name)} >= set(expected.split())


def test_models_are_found_by_what_they_return():
    names = list(model_functions())
    assert {"fashion_mnist", "resnet18", "resnet34"} <= set(names)
    assert names == sorted(names)
    assert not {"Model", "Sequential", "residual_unit"} & set(names)


# Models in Python files and modules.

MODEL_FILE = """
from numpycnn.layers import Conv2D, Input
from numpycnn.models import Sequential
from beside import FILTERS

layer = Conv2D(FILTERS, 3)
number = 3

def build(classes=5, input_shape=(8, 7, 3)):
    return Sequential([Conv2D(classes, 3)], input_shape=input_shape)

class Holder:
    model = build()

def none():
    return None

def breaks():
    return 1 / 0
"""


@pytest.fixture
def model_file(tmp_path):
    (tmp_path / "mine.py").write_text(MODEL_FILE)
    (tmp_path / "beside.py").write_text("FILTERS = 7\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    return tmp_path / "mine.py"


@pytest.mark.parametrize(
    ("target", "parameters"),
    [
        ("build", 140),
        ("build --classes 2 --input 6x5x1", 20),
        ("Holder.model", 140),
        ("layer --input 8x7x3", 196),
    ],
)
def test_python_targets(model_file, target, parameters):
    assert figures(f"count {model_file}:{target}")["params"]["total"] == parameters


def test_modules():
    assert figures("count numpycnn.models:resnet34 --classes 10")["params"]["total"] == 21_306_826


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("biuld", "has no 'biuld'; did you mean build?"),
        ("number", "must be a model, a layer or a function that makes one; got int"),
        ("none", "must make a model; it made NoneType"),
        ("breaks", "division by zero"),
        ("layer", "a layer alone (Conv2D) needs the size of its input: --input HxWxC"),
        ("Holder.model --classes 3", "is built already: --classes cannot change it"),
        ("layer --classes 3 --input 8x7x3", "is built already: --classes cannot change it"),
        ("build --filters 3", "--filters is for a layer named like its op"),
    ],
)
def test_unusable_python_targets(model_file, target, message):
    refused(f"count {model_file}:{target}", message)


def test_unusable_files(model_file):
    refused(f"count {model_file.parent / 'broken.py'}:f", "invalid syntax")
    refused(f"count {model_file.parent / 'nowhere.py'}:f", "nowhere.py: there is no such file")
    refused("count no_such_module_anywhere:f", "No module named 'no_such_module_anywhere'")
