"""Parameters and MACs of the networks from LeNet-5 to ResNet v2, as published or as other libraries count them."""

import keras
import pytest

from numpycnn import count, models
from reference_tests.architectures.shared import built, called

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
