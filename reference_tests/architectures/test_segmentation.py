"""FCN-32s, 16s and 8s, U-Net and the mask head of Mask R-CNN: counts, the same network written in Keras, TensorFlow."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers as K

from numpycnn import models
from numpycnn.layers.bilinear import Bilinear
from numpycnn.segmentation import bilinear_kernel
from reference_tests.architectures.shared import agrees, enliven

FCN = {"fcn32s": (models.fcn32s, ()), "fcn16s": (models.fcn16s, (4,)), "fcn8s": (models.fcn8s, (4, 3))}
SMALL = {
    "unet": lambda: models.unet(3, (8, 12, 2), filters=4, depth=2),
    "mask_rcnn_head": lambda: models.mask_rcnn_head(5, (4, 3, 6)),
    **{name: partial(make, 5, (64, 96, 3), filters=3, units=24) for name, (make, _) in FCN.items()},
}


@pytest.mark.parametrize("name", SMALL)
def test_outputs_and_gradients_equal_tensorflow(name):
    agrees(SMALL[name]())


@pytest.mark.parametrize("name", FCN)
@pytest.mark.slow
def test_outputs_and_gradients_of_whole_networks_equal_tensorflow(name):
    agrees(FCN[name][0](21, (64, 96, 3)))


@pytest.mark.parametrize("name", SMALL)
def test_what_relu_follows_starts_as_he_did_and_what_enlarges_scores_bilinear(name):
    layers = SMALL[name]().layers
    he = [layer for layer in layers if getattr(layer, "activation", None) == "relu" or layer.name in ("up1", "up2")]
    assert {layer.kernel_initializer for layer in he} == {"he_normal"}
    assert all(layer.kernel_initializer == Bilinear() for layer in layers if layer.name.startswith("upscore"))


# The same networks, written in Keras from their papers, with the same weights.


def gives_the_same(ours, theirs) -> None:
    """Weights go over by the names of layers; what comes out differs from pixel to pixel, and is equal."""
    enliven(ours, np.random.default_rng(2))
    given = [layer for layer in theirs.layers if layer.weights]
    for layer in given:
        layer.set_weights([ours.variables[f"{layer.name}/{weight.name}"].value for weight in layer.weights])
    assert sum(len(layer.weights) for layer in given) == len(ours.weights)
    x = np.random.default_rng(3).normal(size=(2, *ours.inputs[0].shape)).astype(np.float32)
    found, wanted = ours.predict(x), theirs(x, training=False).numpy()
    assert wanted.std(axis=(1, 2)).mean() > 1e-3
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("name", FCN)
def test_fcn_is_its_papers(name):
    """VGG-16's convolutions, fc6 as 7x7 and fc7 as 1x1; of each skip the scores, added to those enlarged twice."""
    skips, convolution = FCN[name][1], partial(K.Conv2D, padding="same", activation="relu")
    enlarged = partial(K.Conv2DTranspose, 5, padding="same", use_bias=False)
    images = x = keras.Input((64, 96, 3))
    pools = {}
    for stage, (count, filters) in enumerate(((2, 3), (2, 6), (3, 12), (3, 24), (3, 24)), 1):
        for number in range(1, count + 1):
            x = convolution(filters, 3, name=f"conv{stage}_{number}")(x)
        x = pools[stage] = K.MaxPooling2D(2)(x)
    x = K.Conv2D(5, 1, name="score")(convolution(24, 1, name="fc7")(convolution(24, 7, name="fc6")(x)))
    for stage in skips:
        twice = enlarged(kernel_size=4, strides=2, name=f"upscore_pool{stage}")(x)
        x = K.Add()([twice, K.Conv2D(5, 1, name=f"score_pool{stage}")(pools[stage])])
    factor = {"fcn32s": 32, "fcn16s": 16, "fcn8s": 8}[name]
    x = K.Softmax()(enlarged(kernel_size=2 * factor, strides=factor, name="upscore")(x))
    ours = SMALL[name]()
    gives_the_same(ours, keras.Model(images, x))
    assert [ours.get_layer(f"fc{k}_dropout").rate for k in (6, 7)] == [0.5, 0.5]


def test_unet_is_its_papers():
    """Figure 1 with 4 maps and two levels: what was seen on the way down is laid before what comes up."""
    convolution = partial(K.Conv2D, kernel_size=3, padding="same", activation="relu")
    images = keras.Input((8, 12, 2))
    first = convolution(4, name="down1_conv2")(convolution(4, name="down1_conv1")(images))
    second = convolution(8, name="down2_conv2")(convolution(8, name="down2_conv1")(K.MaxPooling2D(2)(first)))
    x = convolution(16, name="bottom_conv2")(convolution(16, name="bottom_conv1")(K.MaxPooling2D(2)(second)))
    x = K.Concatenate()([second, K.Conv2DTranspose(8, 2, 2, name="up2")(x)])
    x = convolution(8, name="up2_conv2")(convolution(8, name="up2_conv1")(x))
    x = K.Concatenate()([first, K.Conv2DTranspose(4, 2, 2, name="up1")(x)])
    x = convolution(4, name="up1_conv2")(convolution(4, name="up1_conv1")(x))
    gives_the_same(SMALL["unet"](), keras.Model(images, K.Conv2D(3, 1, activation="softmax", name="probabilities")(x)))


def test_the_mask_head_is_its_papers():
    convolutions = [K.Conv2D(256, 3, padding="same", activation="relu", name=f"mask_conv{k}") for k in range(1, 5)]
    doubled = K.Conv2DTranspose(256, 2, 2, activation="relu", name="mask_deconv")
    masks = K.Conv2D(5, 1, activation="sigmoid", name="masks")
    theirs = keras.Sequential([keras.Input((4, 3, 6)), *convolutions, doubled, masks])
    gives_the_same(SMALL["mask_rcnn_head"](), theirs)


# Counts of the networks as they are by default.


def vgg_parameters():
    sizes, total = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 512)], 0
    for a, b in [*sizes, *[(512, 512)] * 5]:
        total += 9 * a * b + b
    return total


def test_parameters_are_the_sums_of_their_parts():
    def count(model):
        return sum(int(np.prod(spec.shape)) for spec in model.weight_specs().values())

    heads = vgg_parameters() + 49 * 512 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 21 + 21
    assert count(models.fcn32s()) == heads + 64**2 * 21**2
    assert count(models.fcn16s()) == heads + (32**2 + 4**2) * 21**2 + 512 * 21 + 21
    assert count(models.fcn8s()) == heads + (16**2 + 2 * 4**2) * 21**2 + (512 + 256 + 2) * 21
    down = sum(9 * a * b + b + 9 * b * b + b for a, b in ((1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)))
    up = sum(4 * 2 * b * b + b + 9 * 2 * b * b + b + 9 * b * b + b for b in (512, 256, 128, 64))
    assert count(models.unet()) == down + up + 64 * 2 + 2
    assert count(models.mask_rcnn_head()) == 4 * (9 * 256**2 + 256) + 4 * 256**2 + 256 + 256 * 80 + 80


def test_fcn_has_a_distribution_for_every_pixel_and_starts_bilinear():
    model = models.fcn8s(3, (32, 64, 3))
    assert model.outputs[0].shape == (32, 64, 3)
    upscore = next(spec for path, spec in model.weight_specs().items() if path == "upscore/kernel")
    drawn = upscore.initializer.draw(upscore.shape, None)
    np.testing.assert_array_equal(drawn, bilinear_kernel(8, 3))
    assert upscore.shape == (16, 16, 3, 3)
