"""Networks from Inception-v3 on: parameters and MACs, equality with keras.applications, and with TensorFlow by layer."""

import keras
import numpy as np
import pytest

from numpycnn import models, verify
from numpycnn.layers import Dense
from numpycnn.models import Model

RNG = 5


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
        ("mobilenet_v2", 300_774_272),  # issue 3
        ("densenet121", 2_834_161_664),  # issue 3
        ("mobilenet", 568_740_352),  # table 8 of the paper: 569 million
        ("inception_v4", 12_253_974_624),  # timm's table: 12.28 thousand million
    ],
)
def test_macs(name, macs):
    assert getattr(models, name)().macs() == macs


@pytest.mark.parametrize("name", [*KERAS, *TRAINABLE])
def test_classes_change_the_last_layer_only(name):
    make = getattr(models, name)
    ten, thousand = make(classes=10), make()
    assert ten.outputs[0].shape == (10,)
    features = thousand.weight_specs()["predictions/kernel"].shape[0]
    assert parameters(thousand)[0] - parameters(ten)[0] == 990 * (features + 1)


# The same weights in keras.applications.


@pytest.mark.parametrize(
    ("name", "theirs", "pixels"),
    [
        ("mobilenet", "MobileNet", 32),
        ("mobilenet_v2", "MobileNetV2", 32),
        ("densenet121", "DenseNet121", 32),
        ("xception", "Xception", 71),
        ("inception_v3", "InceptionV3", 75),
        ("inception_resnet_v2", "InceptionResNetV2", 75),
    ],
)
def test_predictions_equal_keras_applications(name, theirs, pixels):
    """Keras's weights fit in Keras's own order; features and predictions are equal. The sides differ in length."""
    shape = (pixels, pixels + 6, 3)
    built = getattr(keras.applications, theirs)(weights=None, classes=7, input_shape=shape)
    rng = np.random.default_rng(RNG)
    built.set_weights([lively(rng, w.path, w.numpy()) for w in built.weights])
    ours = getattr(models, name)(classes=7, input_shape=shape)
    assert parameters(ours)[0] == built.count_params()
    values = built.get_weights()
    if name == "mobilenet":
        values[-2] = values[-2][0, 0]
    ours.set_weights(values)
    x = rng.normal(size=(2, *shape)).astype(np.float32)
    pool = next(layer for layer in reversed(built.layers) if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    features, predictions = keras.Model(built.input, [pool.output, built.output])(x, training=False)
    close(ours.activations(x)["avg_pool"], np.asarray(features).reshape(2, -1))
    close(ours.predict(x), np.asarray(predictions))


def lively(rng, path: str, value: np.ndarray) -> np.ndarray:
    """Batch-norm weights and statistics that are neither 0 nor 1; everything else as Keras drew it."""
    if path.endswith(("gamma", "moving_variance")):
        return rng.uniform(0.7, 1.3, value.shape)
    if path.endswith(("beta", "moving_mean", "bias")):
        return rng.uniform(-0.3, 0.3, value.shape)
    return value


def close(ours, theirs) -> None:
    assert ours.shape == theirs.shape
    assert theirs.std(axis=-1).min() > 1e-3 * np.abs(theirs).max()  # a constant would tell nothing
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
