"""Examples of every layer, and the Keras layer that each one describes."""

from dataclasses import dataclass

import numpy as np

from numpycnn import layers
from numpycnn.keras_io.build import import_keras, keras_class
from numpycnn.layers import Input, Layer
from numpycnn.layers.base import Kept
from numpycnn.layers.initializers import HeNormal
from numpycnn.models import Model

BATCH = 2


@dataclass(frozen=True)
class Example:
    """A layer with the shapes of one example's inputs, all axes of their own size, and not that of the batch.

    precision: the widest dtype that TensorFlow computes the layer in.
    compiled: TensorFlow's CPU kernels lack something of this layer that its compiler has.
    """

    layer: Layer
    shapes: tuple[tuple[int, ...], ...]
    precision: type = np.float64
    compiled: bool = False

    def __str__(self):
        own = {k: v for k, v in self.layer.keras_config().items() if v != getattr(type(self.layer), k, None)}
        given = ",".join(f"{k}={v}" for k, v in own.items())
        return f"{type(self.layer).__name__}({given})"

    @property
    def random(self) -> bool:
        """Whether a training call draws numbers."""
        return (
            isinstance(self.layer, layers.Augmentation)
            or max(getattr(self.layer, name, 0) for name in ("rate", "stddev")) > 0
        )

    def model(self, dtype=np.float64, seed=0) -> Model:
        """The layer alone as a model, with weights at which nothing is 0 and no two are alike."""
        inputs = [Input(shape) for shape in self.shapes]
        model = Model(given(inputs), self.layer(*inputs), dtype="float64")
        rng = np.random.default_rng(seed)
        for variable in model.weights:
            drawn = rng.normal(size=variable.shape) if variable.shape else np.round(10 * rng.random())
            variable.assign(np.abs(drawn) + 0.5 if variable.name.endswith("variance") else drawn)
        return model if dtype is np.float64 else model.astype(dtype)

    def inputs(self, seed=1, batch=BATCH) -> list[np.ndarray]:
        """Numbers that float32 holds too, many beyond the kinks of the activations."""
        rng = np.random.default_rng(seed)
        return [np.float32(2 * rng.normal(size=(batch, *shape))).astype(np.float64) for shape in self.shapes]

    def keras_layer(self, values, dtype="float64"):
        """Keras's layer of the same class from `keras_config`, built, with these weights."""
        keras = import_keras()
        config = {
            k: v.keras_config() if hasattr(v, "keras_config") else v for k, v in self.layer.keras_config().items()
        }
        built = keras_class(self.layer.keras_class)(**{**config, "dtype": dtype})
        built(given([keras.Input(shape, dtype=dtype) for shape in self.shapes]))
        built.set_weights(values)
        if hasattr(built, "finalize_state"):  # Normalization computes with copies of its weights
            built.finalize_state()
        for weight, name in zip(built.weights, self.layer.weight_specs(*self.shapes), strict=True):
            if weight.name.startswith("variable"):  # the one of LayerScale has no name of its own
                weight._name = name
        return built

    def kept(self, weights, arrays, training=False, rng=None) -> Kept:
        """All of a call, nothing replaced by a stand-in."""
        step = self.layer.call(weights, arrays, training=training, rng=rng)
        return Kept(tuple(arrays), step.outputs, step.extra)


def given(arrays):
    """As Keras takes inputs: one alone, several as a list."""
    return arrays[0] if len(arrays) == 1 else list(arrays)


def one(layer: Layer, *shape: int, **options) -> Example:
    return Example(layer, (shape,), **options)


def several(layer: Layer, *shapes, **options) -> Example:
    return Example(layer, shapes, **options)


IMAGE = (9, 8, 5)

CONVOLUTIONS = [
    one(layers.Conv2D(7, (3, 4)), *IMAGE),
    one(layers.Conv2D(7, (3, 2), (2, 3), "same", activation="relu", use_bias=False), *IMAGE),
    one(
        layers.Conv2D(4, 3, dilation_rate=(2, 1), activation="gelu", bias_initializer="ones"),
        *IMAGE,
        precision=np.float32,
    ),
    one(layers.Conv2D(6, (2, 3), groups=3, activation="softmax", kernel_initializer=HeNormal(seed=3)), 7, 8, 12),
    one(layers.Conv2D(4, (1, 3), padding="same", activation="silu", trainable=False), *IMAGE),
    one(layers.StandardizedConv2D(7, (3, 2), (2, 1), "same"), *IMAGE),
    one(layers.StandardizedConv2D(4, 2, activation="relu", use_bias=False, epsilon=0.5), *IMAGE),
    one(layers.StandardizedConv2D(6, (2, 3), groups=3, activation="silu"), 7, 8, 12),
    one(layers.DepthwiseConv2D((3, 4)), *IMAGE),
    one(layers.DepthwiseConv2D((3, 2), 2, "same", 3, activation="tanh", use_bias=False), *IMAGE),
    one(layers.DepthwiseConv2D(2, dilation_rate=(3, 3), depthwise_initializer="he_uniform"), *IMAGE),
    one(layers.DepthwiseConv2D((3, 2), (2, 1), dilation_rate=(1, 3)), *IMAGE),
    one(layers.SeparableConv2D(7, (3, 4)), *IMAGE),
    one(layers.SeparableConv2D(4, (2, 3), (1, 2), "same", dilation_rate=(3, 2), depth_multiplier=2), *IMAGE),
    one(layers.SeparableConv2D(4, (3, 2), 2, "same", depth_multiplier=3, activation="elu", use_bias=False), *IMAGE),
    one(layers.SeparableConv2D(4, 2, dilation_rate=2, pointwise_initializer="lecun_normal"), *IMAGE),
    one(layers.Conv2DTranspose(7, (3, 4)), *IMAGE),
    one(
        layers.Conv2DTranspose(4, (3, 2), (2, 3), "same", activation="leaky_relu", use_bias=False),
        *IMAGE,
        precision=np.float32,
    ),
    one(layers.Conv2DTranspose(4, (2, 3), (3, 2), output_padding=(1, 0)), *IMAGE),
    one(layers.Conv2DTranspose(4, 3, dilation_rate=(2, 1)), *IMAGE, compiled=True),
]

DENSE = [
    one(layers.Dense(7), 5),
    one(layers.Dense(7, "relu", False), 4, 3, 5),
    one(layers.Dense(7, "log_softmax", kernel_initializer="orthogonal"), 3, 5),
    one(layers.RadialBasis(7), 5),
    one(layers.Flatten(), *IMAGE),
    one(layers.Flatten(), 6),
    one(layers.Reshape((4, -1)), 6, 10),
    one(layers.Reshape((5, 3, 4)), 6, 10),
    one(layers.Permute((3, 1, 2)), *IMAGE),
    one(layers.Permute((2, 1)), 6, 10),
]

POOLING = [
    one(layers.MaxPooling2D(), *IMAGE),
    one(layers.MaxPooling2D((3, 2), strides=(2, 1), padding="same"), *IMAGE),
    one(layers.MaxPooling2D(4, 3), *IMAGE),
    one(layers.AveragePooling2D((3, 4)), *IMAGE),
    one(layers.AveragePooling2D((3, 2), strides=(2, 1), padding="same"), *IMAGE),
    one(layers.DepthMaxPooling2D(3), 4, 3, 10),
    one(layers.DepthMaxPooling2D(4, 3, "same"), 4, 3, 11),
    *(
        one(kind(keepdims=keepdims), *IMAGE)
        for kind in (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
        for keepdims in (False, True)
    ),
]

NORMALIZATION = [
    one(layers.BatchNormalization(), 6, 5, 4),
    one(layers.BatchNormalization(axis=3, momentum=0.8, epsilon=0.1, gamma_initializer="zeros"), 6, 5, 4),
    one(layers.BatchNormalization(center=False), 7),
    one(layers.BatchNormalization(scale=False), 3, 4),
    one(layers.BatchNormalization(center=False, scale=False), 6, 5, 4),
    one(layers.BatchNormalization(trainable=False), 6, 5, 4),
    one(layers.BatchNormalization(trainable=False, scale=False), 6, 5, 4),
    one(layers.LayerNormalization(), 6, 5, 4),
    one(layers.LayerNormalization(axis=(-2, -3), epsilon=0.1), 6, 5, 4),
    one(layers.LayerNormalization(axis=[3, 1], center=False, gamma_initializer="zeros"), 6, 5, 4),
    one(layers.LayerNormalization(axis=1, scale=False), 7),
    one(layers.LayerNormalization(center=False, scale=False), 3, 4),
    one(layers.GroupNormalization(2), 6, 5, 4),
    one(layers.GroupNormalization(), 3, 64),
    one(layers.GroupNormalization(-1, center=False, epsilon=0.1), 6, 5, 4),
    one(layers.GroupNormalization(1, axis=3, scale=False, beta_initializer="ones"), 6, 5, 4),
    one(layers.GroupNormalization(3, center=False, scale=False), 6),
    one(layers.LocalResponseNormalization(), 4, 3, 7, precision=np.float32),
    one(layers.LocalResponseNormalization(2, 1.5, 0.3, 0.75), 4, 3, 9, precision=np.float32),
]

PRECISION = {"leaky_relu": np.float32, "gelu": np.float32}  # whose constants TensorFlow holds in float32

ACTIVATIONS = [
    *(one(layers.Activation(name), 6, 5, 4, precision=PRECISION.get(name, np.float64)) for name in layers.ACTIVATIONS),
    one(layers.ReLU(), 6, 5, 4),
    one(layers.ReLU(6), 6, 5, 4),
    one(layers.ReLU(1.5), 6, 5, 4),
    one(layers.ReLU(6.0, negative_slope=0.2), 6, 5, 4),
    one(layers.ReLU(1.5, 0.3, 0.5), 6, 5, 4),
    one(layers.ReLU(threshold=0.7), 6, 5, 4),
    one(layers.LeakyReLU(), 6, 5, 4, precision=np.float32),
    one(layers.LeakyReLU(0.25), 7),
    one(layers.PReLU(), 6, 5, 4),
    one(layers.PReLU("he_normal", shared_axes=(1, 2)), 6, 5, 4),
    one(layers.PReLU(shared_axes=2), 6, 5, 4),
    one(layers.ELU(), 6, 5, 4),
    one(layers.ELU(0.4), 7),
    one(layers.ELU(-0.4), 7),
    one(layers.Softmax(), 6, 5, 4),
    one(layers.Softmax(axis=1), 6, 5, 4),
    one(layers.Softmax(axis=-2), 6, 5, 4),
]

MERGING = [
    several(layers.Add(), (6, 5, 4), (6, 5, 4), (6, 5, 4)),
    several(layers.Add(), (6, 5, 4), (4,), (1, 5, 1)),
    several(layers.Subtract(), (6, 5, 4), (5, 1)),
    several(layers.Multiply(), (6, 5, 4), (6, 5, 4)),
    several(layers.Multiply(), (1, 1, 4), (6, 5, 4), (5, 4)),
    several(layers.Maximum(), (6, 5, 4), (6, 5, 4), (6, 1, 4)),
    several(layers.Average(), (6, 5, 4), (6, 5, 4), (4,)),
    several(layers.Concatenate(), (6, 5, 4), (6, 5, 3), (6, 5, 7)),
    several(layers.Concatenate(axis=1), (6, 5, 4), (3, 5, 4)),
    several(layers.Concatenate(axis=-2), (6, 5, 4), (6, 3, 4)),
    several(layers.Concatenate(), (7,), (3,)),
    one(layers.TakeChannels((3, 0, 3, 1)), 6, 5, 4),
    one(layers.TakeChannels((2,)), 5, 4),
]

SHAPING = [
    one(layers.ZeroPadding2D(), *IMAGE),
    one(layers.ZeroPadding2D(2), *IMAGE),
    one(layers.ZeroPadding2D((3, 0)), *IMAGE),
    one(layers.ZeroPadding2D(((1, 0), (3, 2))), *IMAGE),
    one(layers.Cropping2D(), *IMAGE),
    one(layers.Cropping2D(2), *IMAGE),
    one(layers.Cropping2D((3, 0)), *IMAGE),
    one(layers.Cropping2D(((1, 0), (3, 2))), *IMAGE),
    one(layers.CenterCrop(4, 3), *IMAGE),
    one(layers.CenterCrop(6, 11), *IMAGE, precision=np.float32),
    one(layers.UpSampling2D(), 4, 3, 5),
    one(layers.UpSampling2D((3, 1)), 4, 3, 5),
    one(layers.UpSampling2D(2, "bilinear"), 4, 3, 5, precision=np.float32),
    one(layers.UpSampling2D((3, 2), "bicubic"), 4, 3, 5, precision=np.float32),
    one(layers.Resizing(5, 9, "bicubic"), 4, 6, 3, precision=np.float32),
    one(layers.Resizing(6, 11), *IMAGE, precision=np.float32),
    one(layers.Resizing(4, 3, interpolation="nearest"), *IMAGE),
    one(layers.Rescaling(1 / 127.5, -1), 6, 5, 4, precision=np.float32),
    one(layers.Rescaling([0.5, -2.0, 3.0], offset=[1.0, 0.0, -4.0]), 6, 5, 3),
    one(layers.Normalization(), 6, 5, 4),
    one(layers.Normalization(axis=(3, 1)), 6, 5, 4),
    one(layers.Normalization(axis=None, invert=True), 6, 5, 4),
    one(layers.Normalization(axis=-1, mean=[3.0, -1.0, 0.5], variance=[4.0, 0.0, 2.5]), 6, 5, 3, precision=np.float32),
    one(
        layers.Normalization(axis=(2, -1), mean=[1.0, 3.0, -2.0], variance=[1.0, 4.0, 9.0], invert=True),
        6,
        5,
        3,
        precision=np.float32,
    ),
    one(layers.Normalization(axis=1, mean=0.5, variance=0.04), 7, precision=np.float32),
    one(layers.LayerScale(0.3, 4), 6, 5, 4),
    one(layers.LayerScale(1e-6, 7), 7),
    several(layers.CustomScaleLayer(0.17), (6, 5, 4), (6, 5, 4), precision=np.float32),
]

DROPOUT = [
    one(layers.Dropout(0.4), 6, 5, 4),
    one(layers.Dropout(0.4, noise_shape=(None, 1, None, 1), seed=3), 6, 5, 4),
    one(layers.Dropout(0.0), 6, 5, 4),
    one(layers.SpatialDropout2D(0.4), 6, 5, 4),
]

NOISE = [
    one(layers.Identity(), 6, 5, 4),
    one(layers.ActivityRegularization(0.1, l2=0.2), 6, 5, 4),
    one(layers.GaussianNoise(0.3), 6, 5, 4),
    one(layers.GaussianNoise(0.0), 6, 5, 4),
    one(layers.GaussianDropout(0.3, seed=5), 6, 5, 4),
    one(layers.AlphaDropout(0.3), 6, 5, 4),
    one(layers.AlphaDropout(0.3, noise_shape=(None, 1, 1, None)), 6, 5, 4),
    one(layers.StochasticDepth(0.1), 6, 5, 4),
]

AUGMENTATIONS = [
    one(layers.Augmentation("RandomFlip", {"mode": "horizontal"}), 6, 5, 3),
    one(layers.Augmentation("RandomRotation", {"factor": [-0.2, 0.3]}), 6, 5, 3),
    one(layers.Augmentation("RandomContrast", {"factor": 0.2}), 6, 5, 3),
]
"""Layers that run in inference alone."""

EXAMPLES = [
    *CONVOLUTIONS, *DENSE, *POOLING, *NORMALIZATION, *ACTIVATIONS, *MERGING, *SHAPING, *DROPOUT, *NOISE,
]  # fmt: skip
