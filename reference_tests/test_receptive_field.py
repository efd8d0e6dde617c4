"""Receptive fields: published figures, and every pixel that an output really depends on."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn import layers, models
from numpycnn.counting import count
from numpycnn.layers import Add, AveragePooling2D, Concatenate, Conv2D, Conv2DTranspose, Input, MaxPooling2D
from numpycnn.models import Model
from numpycnn.models.blocks import bottleneck_unit, conv_bn, max_pool
from numpycnn.ops.windows import Reach
from numpycnn.testing.strategies import distinct


def field(model: Model, name: str):
    (row,) = (row for row in count(model).layers if row.name == name)
    return row.receptive_field


def slim_resnet(*units: int) -> Model:
    """TF-Slim's resnet_v1: "same" pooling, and the stride in the last unit of a stage."""
    evenly = partial(conv_bn, padding="even")
    x = Input((224, 224, 3))
    y = conv_bn(x, 64, 7, strides=2, padding="even", name="conv1")
    y = max_pool(y, 3, strides=2, name="pool1")
    for stage, (repeats, filters) in enumerate(zip(units, (64, 128, 256, 512), strict=True), 1):
        for unit in range(1, repeats + 1):
            strides = 2 if unit == repeats and stage < 4 else 1
            name = f"block{stage}_{unit}"
            y = bottleneck_unit(y, filters, strides=strides, stride_on_3x3=True, conv_bn=evenly, name=name)
    return Model(x, y)


@pytest.mark.parametrize(
    ("make", "last", "size", "stride", "padding"),
    [
        (models.vgg16, "pool5", 212, 32, 90),
        (lambda: slim_resnet(3, 4, 6, 3), "block4_3_out", 483, 32, 239),
        (lambda: slim_resnet(3, 4, 23, 3), "block4_3_out", 1027, 32, 511),
        (models.inception_v3, "mixed10", 1311, 32, 618),
        (models.mobilenet, "separable13_pointwise_relu", 315, 32, 126),
        (models.alexnet, "S8", 195, 32, 64),
        (models.resnet50, "conv5_3_out", 483, 32, 241),  # zeros before the pooling begin the field two pixels earlier
    ],
    ids=["VGG-16", "ResNet-50", "ResNet-101", "Inception-v3", "MobileNet-v1", "AlexNet-v2", "our ResNet-50"],
)
def test_published_fields(make, last, size, stride, padding):
    """Araujo, Norris & Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019; TF-Slim's."""
    found = field(make(), last)
    assert (found.size, found.stride, found.padding) == ((size, size), (stride, stride), (padding, padding))
    assert found.centre == ((size - 1) / 2 - padding,) * 2


@st.composite
def networks(draw) -> Model:
    """Two to four layers over images, some of them beside each other."""
    height, width = draw(distinct((9, 14), (9, 14)))
    x = y = Input((height, width, 2))
    for _ in range(draw(st.integers(1, 4))):
        y = draw(st.sampled_from(LAYERS))(y)
        if draw(st.booleans()):
            y = draw(st.sampled_from(BRANCHES))(y)
    return Model(x, y, dtype="float64")


LAYERS = [
    lambda y: Conv2D(3, (3, 2), padding="same", kernel_initializer="ones")(y),
    lambda y: Conv2D(2, (1, 3), strides=(2, 1), padding="same", kernel_initializer="ones")(y),
    lambda y: Conv2D(3, 2, dilation_rate=(2, 1), padding="same", kernel_initializer="ones")(y),
    lambda y: MaxPooling2D((2, 3), strides=(1, 2), padding="same")(y),
    lambda y: AveragePooling2D((3, 2), strides=2, padding="same")(y),
    lambda y: layers.ZeroPadding2D(((1, 2), (0, 3)))(y),
    lambda y: layers.ReLU()(y),
    lambda y: layers.UpSampling2D((2, 3))(y),
    lambda y: layers.UpSampling2D((3, 2), interpolation="bilinear")(y),
    lambda y: layers.UpSampling2D((1, 2), interpolation="bicubic")(y),
    lambda y: Conv2DTranspose(2, (3, 2), strides=(2, 1), padding="same", kernel_initializer="ones")(y),
    lambda y: layers.DepthwiseConv2D((2, 3), depthwise_initializer="ones", padding="same")(y),
]
BRANCHES = [
    lambda y: Add()([y, Conv2D(y.shape[-1], (1, 3), padding="same", kernel_initializer="ones")(y)]),
    lambda y: Concatenate()([MaxPooling2D((3, 1), strides=1, padding="same")(y), y]),
]


@settings(max_examples=100)
@given(model=networks(), data=st.data())
def test_an_output_depends_on_pixels_of_its_field_and_no_others(model, data):
    """A pixel is made infinite; wherever that shows, the pixel must lie in the field of that output."""
    found = count(model).layers[-1].receptive_field
    height, width, channels = model.inputs[0].shape
    p, q = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    x = np.ones((1, height, width, channels))
    x[0, p, q] = np.inf
    touched = ~np.isfinite(model.predict(x)[0]).all(axis=-1)
    for i, j in np.argwhere(touched):
        for place, pixel, axis in ((i, p, 0), (j, q, 1)):
            first = place * found.stride[axis] - found.padding[axis]
            assert first - 1 < pixel < first + found.size[axis] + 1 - (found.stride[axis] >= 1)


def test_the_ends_of_a_field_are_reached():
    """Without padding and with kernels of ones: the first output depends on exactly the pixels of its field."""
    x = Input((23, 19, 1))
    y = Conv2D(1, (3, 2), strides=(2, 1), kernel_initializer="ones", name="first")(x)
    y = MaxPooling2D((2, 3), name="pool")(y)
    y = Add(name="sum")([layers.Cropping2D(((0, 1), (2, 0)))(y), Conv2D(1, (2, 3), kernel_initializer="ones")(y)])
    model = Model(x, y, dtype="float64")
    found = field(model, "sum")
    assert found.padding == (0, 0)
    x = np.ones((1, 23, 19, 1))
    seen = [np.isinf(model.predict(with_infinity(x, p, q))[0, 0, 0, 0]) for p in range(23) for q in range(19)]
    rows, columns = np.nonzero(np.reshape(seen, (23, 19)))
    assert (rows.max() + 1, columns.max() + 1) == found.size
    assert (rows.min(), columns.min()) == (0, 0)
    assert found.centre == ((found.size[0] - 1) / 2, (found.size[1] - 1) / 2)
    assert found.size[0] != found.size[1]


def with_infinity(x, p, q):
    changed = x.copy()
    changed[0, p, q] = np.inf
    return changed


def test_borders_shift_what_is_read():
    rows, columns = layers.Cropping2D(((1, 2), (3, 4))).reach((9, 12, 2))
    assert (rows, columns) == (Reach(1, 1, 1), Reach(1, 3, 3))
    rows, columns = layers.ZeroPadding2D(((1, 2), (3, 4))).reach((9, 12, 2))
    assert (rows, columns) == (Reach(1, -1, -1), Reach(1, -3, -3))


def test_what_has_no_field():
    x = Input((9, 8, 3))
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name="pooled")(x)
    gated = layers.Multiply(name="gated")([Conv2D(3, 3, padding="same")(x), pooled])
    uneven = layers.Concatenate(axis=1, name="joined")([gated, x])
    model = Model(x, layers.Flatten(name="flat")(uneven))
    assert [field(model, name) for name in ("pooled", "gated", "joined", "flat")] == [None] * 4
    assert field(model, "conv2d").size == (3, 3)
    slow, fast = Conv2D(3, 1, strides=2)(x), layers.Cropping2D(((4, 0), (0, 4)))(x)
    assert field(Model(x, Add(name="out of step")([slow, fast])), "out of step") is None
