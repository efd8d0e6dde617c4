"""Keras layers for what Keras lacks: local response normalization, pooling over depth, LeNet-5's, BiT's convolution."""

from functools import cache

CUSTOM = ("LocalResponseNormalization", "DepthMaxPooling2D", "RadialBasis", "TakeChannels", "StandardizedConv2D")
"""The classes of layers that Keras lacks, which it knows as "numpycnn>...": those that `custom_layers` makes."""


@cache
def custom_layers() -> dict:
    """Keras classes by the name of our layer; made on first use, since they need TensorFlow."""
    import keras
    import tensorflow as tf

    register = keras.saving.register_keras_serializable("numpycnn")

    class Described(keras.layers.Layer):
        """A layer whose arguments are its attributes, as `options` names them."""

        options: tuple[str, ...] = ()

        def __init__(self, **arguments):
            described = {name: arguments.pop(name) for name in self.options if name in arguments}
            super().__init__(**arguments)
            for name, value in described.items():
                setattr(self, name, value)

        def get_config(self):
            return {**super().get_config(), **{name: getattr(self, name) for name in self.options}}

    @register
    class LocalResponseNormalization(Described):
        options = ("depth_radius", "bias", "alpha", "beta")

        def call(self, inputs):
            options = {name: getattr(self, name) for name in self.options}
            if inputs.dtype != "float64":
                return tf.nn.local_response_normalization(inputs, **options)
            narrow = tf.nn.local_response_normalization(tf.cast(inputs, "float32"), **options)
            return tf.cast(narrow, "float64")  # tf.nn has it in half and single precision only

    @register
    class DepthMaxPooling2D(Described):
        options = ("pool_size", "strides", "padding")

        def call(self, inputs):
            height, width, depth = inputs.shape[1:]
            rows = tf.reshape(inputs, (-1, height * width, depth, 1))
            strides = self.pool_size if self.strides is None else self.strides
            pooled = tf.nn.max_pool2d(rows, (1, self.pool_size), (1, strides), self.padding.upper())
            return tf.reshape(pooled, (-1, height, width, pooled.shape[2]))

    @register
    class RadialBasis(Described):
        options = ("units", "kernel_initializer")

        def build(self, input_shape):
            self.kernel = self.add_weight(
                shape=(input_shape[-1], self.units), initializer=self.kernel_initializer, name="kernel"
            )

        def call(self, inputs):
            return tf.reduce_sum((inputs[..., None] - self.kernel) ** 2, axis=-2)

    @register
    class TakeChannels(Described):
        options = ("channels",)

        def call(self, inputs):
            return tf.gather(inputs, self.channels, axis=-1)

    @register
    class StandardizedConv2D(keras.layers.Conv2D):
        def __init__(self, *arguments, epsilon=1e-10, **options):
            super().__init__(*arguments, **options)
            self.epsilon = epsilon

        def get_config(self):
            return {**super().get_config(), "epsilon": self.epsilon}

        def convolution_op(self, inputs, kernel):
            mean, variance = tf.nn.moments(kernel, (0, 1, 2), keepdims=True)
            return super().convolution_op(inputs, (kernel - mean) * tf.math.rsqrt(variance + self.epsilon))

    made = (LocalResponseNormalization, DepthMaxPooling2D, RadialBasis, TakeChannels, StandardizedConv2D)
    return {kind.__name__: kind for kind in made}
