"""The shapes of layers over many drawn options against Keras's, and the messages for what does not fit."""

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpycnn import layers
from numpycnn.testing.strategies import distinct


@st.composite
def sliding_layers(draw):
    """A convolution or pooling layer and a shape, some of which do not fit."""
    height, width, kh, kw = draw(distinct((1, 12), (1, 12), (1, 5), (1, 5)))
    channels, filters, multiplier = draw(distinct((1, 4), (1, 4), (1, 4)))
    strides, dilation = ((draw(st.integers(1, 4)), draw(st.integers(1, 4))) for _ in "ab")
    kind = draw(st.sampled_from(["conv", "groups", "depthwise", "separable", "transpose", "max", "average"]))
    if kind not in ("depthwise", "separable"):  # the only ones that may have both
        strides, dilation = draw(st.sampled_from([(strides, (1, 1)), ((1, 1), dilation)]))
    options = {"strides": strides, "padding": draw(st.sampled_from(["valid", "same"]))}
    size = {"kernel_size": draw(st.sampled_from([(kh, kw), kh])), "dilation_rate": dilation, **options}
    if kind == "conv":
        layer = layers.Conv2D(filters, **size)
    elif kind == "groups":
        groups = draw(st.integers(1, 3))
        layer, channels = layers.Conv2D(filters * groups, **size, groups=groups), channels * groups
    elif kind == "depthwise":
        layer = layers.DepthwiseConv2D(**size, depth_multiplier=multiplier)
    elif kind == "separable":
        layer = layers.SeparableConv2D(filters, **size, depth_multiplier=multiplier)
    elif kind == "transpose":
        layer = layers.Conv2DTranspose(filters, **size, output_padding=draw(output_paddings(strides)))
    else:
        pool = layers.MaxPooling2D if kind == "max" else layers.AveragePooling2D
        layer = pool(size["kernel_size"], **{**options, "strides": draw(st.sampled_from([None, strides, strides[0]]))})
    return layer, (height, width, channels)


def output_paddings(strides):
    return st.none() | st.tuples(*(st.integers(0, stride - 1) for stride in strides))


@given(sliding_layers())
def test_output_shapes_equal_keras_s(case):
    layer, shape = case
    config = layer.keras_config()
    theirs = getattr(keras.layers, layer.keras_class)(**config)
    try:
        expected = theirs.compute_output_shape((None, *shape))
        if min(expected[1:]) < 1:
            raise ValueError("Keras gives sizes below 1 for a kernel larger than its image")
    except ValueError:
        with pytest.raises(ValueError, match=layer.keras_class):
            layer.output_shape(shape)
    else:
        assert (None, *layer.output_shape(shape)) == tuple(expected)


@given(st.data())
def test_output_shapes_of_shaping_layers_equal_keras_s(data):
    height, width, channels, rows, columns = data.draw(distinct((1, 9), (1, 9), (1, 5), (1, 9), (1, 9)))
    side = st.integers(0, 4)
    border = data.draw(side | st.tuples(side, side) | st.tuples(st.tuples(side, side), st.tuples(side, side)))
    layer = data.draw(
        st.sampled_from(
            [
                layers.ZeroPadding2D(border), layers.Cropping2D(border), layers.CenterCrop(rows, columns),
                layers.Resizing(rows, columns), layers.UpSampling2D((rows, columns)), layers.Flatten(),
                layers.Reshape((-1, channels)), layers.Reshape((channels, width, -1, height)),
            ]
        )
    )  # fmt: skip
    theirs = getattr(keras.layers, layer.keras_class)(**layer.keras_config())
    try:
        expected = theirs.compute_output_shape((None, height, width, channels))
    except ValueError:
        with pytest.raises(ValueError, match=layer.keras_class):
            layer.output_shape((height, width, channels))
    else:
        assert (None, *layer.output_shape((height, width, channels))) == tuple(expected)


@pytest.mark.parametrize(
    ("make", "shapes", "words"),
    [
        (lambda: layers.Conv2D(4, 3), [(8, 5)], r"Conv2D: the input must have the axes \(batch, height, w"),
        (lambda: layers.Conv2D(4, 3), [(2, 9, 5)], r"Conv2D: the kernel must fit the padded height: .*3 must be .* 2"),
        (lambda: layers.Conv2D(0, 3), [(9, 8, 5)], "Conv2D: filters must be at least 1; got filters 0"),
        (lambda: layers.Conv2D(4, 3, groups=2), [(9, 8, 5)], r"Conv2D: groups \(2\) must divide the channels \(5\)"),
        (lambda: layers.Conv2D(4, 3, padding="full"), [], 'Conv2D: padding must be "valid" or "same"; got padding'),
        (lambda: layers.Conv2D(4, 3, activation="rely"), [], "Conv2D: activation must be one of linear, .*got .*rely"),
        (lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=2), [(9, 8, 5)], "Conv2DTranspose: output_padding"),
        (lambda: layers.Dense(0), [(5,)], "Dense: units must be at least 1; got units 0"),
        (lambda: layers.Dense(3), [()], r"Dense: the input must have the axes \(batch, ..., features\)"),
        (lambda: layers.RadialBasis(3), [(4, 5)], r"RadialBasis: the input must have the axes \(batch, features\)"),
        (lambda: layers.Reshape((4, -1)), [(3, 5)], "Reshape: target_shape must hold the 15 values of one example"),
        (lambda: layers.MaxPooling2D(4), [(9, 3, 5)], "MaxPooling2D: the kernel must fit the padded width"),
        (lambda: layers.MaxPooling2D(2, 0), [(9, 3, 5)], "MaxPooling2D: strides must be at least 1"),
        (lambda: layers.AveragePooling2D(2, padding=1), [], 'AveragePooling2D: padding must be "valid" or "same"'),
        (lambda: layers.DepthMaxPooling2D(6), [(9, 3, 5)], "DepthMaxPooling2D: pool_size .6. must be at most"),
        (lambda: layers.GlobalMaxPooling2D(), [(9, 5)], "GlobalMaxPooling2D: the input must have the axes"),
        (lambda: layers.BatchNormalization(axis=1), [(9, 8, 5)], "BatchNormalization: axis must be the last, -1 or 3"),
        (lambda: layers.BatchNormalization(momentum=1.5), [(5,)], "BatchNormalization: momentum must .* in .0, 1.*got"),
        (lambda: layers.LayerNormalization(axis=0), [(9, 8, 5)], "LayerNormalization: axis .* none the batch axis"),
        (lambda: layers.LayerNormalization(axis=(1, 1)), [(9, 8, 5)], "LayerNormalization: axis .* all different"),
        (lambda: layers.LayerNormalization(axis=(-1, 1)), [(9, 8, 5)], "LayerNormalization: axis .* from one end"),
        (lambda: layers.LayerNormalization(axis=4), [(9, 8, 5)], r"LayerNormalization: axis must lie in \[-4, 4\)"),
        (lambda: layers.LayerNormalization(epsilon=-1), [(5,)], "LayerNormalization: epsilon must .* got epsilon -1"),
        (lambda: layers.ReLU(-1), [], "ReLU: max_value must be a number, at least 0; got max_value -1"),
        (lambda: layers.ReLU(negative_slope=-0.1), [], "ReLU: negative_slope must be a number, at least 0; got"),
        (lambda: layers.LeakyReLU(-0.1), [], "LeakyReLU: negative_slope must be a number, at least 0; got"),
        (lambda: layers.PReLU(shared_axes=4), [(9, 8, 5)], r"PReLU: shared_axes must lie in \[1, 3\]; got"),
        (lambda: layers.PReLU(shared_axes=(0, 1)), [(9, 8, 5)], "PReLU: shared_axes must be at least 1; got"),
        (lambda: layers.Softmax(axis=0), [(9, 8, 5)], "Softmax: axis must not be the batch axis; got axis 0"),
        (lambda: layers.Softmax(axis=4), [(9, 8, 5)], r"Softmax: axis must lie in \[-4, 4\)"),
        (lambda: layers.Dropout(1.0), [], r"Dropout: rate must be a number in \[0, 1\); got rate 1.0"),
        (lambda: layers.Dropout(0.5, (None, 2)), [(9,)], "Dropout: each size of noise_shape must be None, 1"),
        (lambda: layers.Dropout(0.5, (1,)), [(9,)], "Dropout: each size of noise_shape"),
        (lambda: layers.SpatialDropout2D(0.5), [(9, 5)], "SpatialDropout2D: the input must have the axes"),
        (lambda: layers.Add(), [(9, 8, 5), (9, 5)], r"Add: the inputs must have the same sizes .* got .*\(9, 8, 5"),
        (lambda: layers.Add(), [], "Add: there must be at least one input"),
        (lambda: layers.Subtract(), [(5,), (5,), (5,)], "Subtract: there must be two inputs"),
        (lambda: layers.Concatenate(), [(9, 8, 5), (9, 7, 5)], "Concatenate: the inputs may differ along the axis"),
        (lambda: layers.Concatenate(), [(9, 5), (5,)], "Concatenate: the inputs may differ along the axis only"),
        (lambda: layers.Concatenate(axis=0), [(9,), (5,)], "Concatenate: axis must not be the batch axis; got axis 0"),
        (lambda: layers.Concatenate(), [], "Concatenate: there must be at least one input"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), [(9, 8, 5)], "ZeroPadding2D: padding must be an integer, .height"),
        (lambda: layers.ZeroPadding2D(-1), [(9, 8, 5)], "ZeroPadding2D: padding must be at least 0"),
        (lambda: layers.Cropping2D((0, 4)), [(9, 8, 5)], "Cropping2D: a pixel must stay of 9 x 8; got cropping .0, 4."),
        (lambda: layers.CenterCrop(0, 4), [(9, 8, 5)], "CenterCrop: height must be at least 1; got height 0"),
        (lambda: layers.UpSampling2D(0), [(9, 8, 5)], "UpSampling2D: size must be at least 1; got size 0"),
        (lambda: layers.UpSampling2D(interpolation="area"), [], "UpSampling2D: interpolation must be .* 'area'"),
        (lambda: layers.Resizing(4, 3, "area"), [], "Resizing: interpolation must be .*; got interpolation 'area'"),
        (lambda: layers.Rescaling([1.0, 2.0]), [(9, 8, 5)], "Rescaling: scale must be a number or one for each"),
        (lambda: layers.LocalResponseNormalization(), [(8, 5)], "LocalResponseNormalization: the input must have the"),
    ],
)  # fmt: skip
def test_messages_name_the_layer_and_its_rule(make, shapes, words):
    """As soon as the layer is made, or else as soon as its output's shape is asked for, before any array."""
    with pytest.raises((ValueError, TypeError), match=words):
        make().output_shape(*shapes)
