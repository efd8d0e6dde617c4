"""Dropout layers, which do nothing but in training. Source of names and defaults: Keras 3, keras.layers."""

from dataclasses import dataclass
from math import prod

from numpycnn import ops
from numpycnn.layers.base import Gradients, Layer, Shape, Step, check_image
from numpycnn.ops.arguments import fail
from numpycnn.ops.scalars import real

__all__ = ["Dropout", "SpatialDropout2D"]


class RandomMask(Layer):
    """A layer that in training drops what a random mask says, by `ops.dropout`, and passes everything on otherwise.

    The numbers come from the generator that the model hands over; `seed` only goes with the layer to Keras. Without a
    generator nothing is dropped.
    """

    in_place = True

    rate: float

    def __post_init__(self):
        real(self.keras_class, "rate", self.rate, rule="a number in [0, 1)", low=0, high=1, open_high=True)

    def mask_shape(self, shape: Shape) -> Shape:
        """The shape of the mask for arrays of this shape, both with the batch axis."""
        return shape

    def output_shape(self, shape):
        return shape

    def forward(self, weights, x):
        return x.copy()

    def call(self, weights, inputs, *, training=False, rng=None):
        (x,) = inputs
        if not training or rng is None or self.rate == 0:
            return Step((self.forward(weights, x),))
        y, mask = ops.dropout(x, self.rate, mask=rng.random(self.mask_shape(x.shape)) >= self.rate)
        return Step((y,), {"mask": mask})

    def backward(self, weights, dy, kept):
        mask = kept.extra.get("mask")
        return Gradients((dy.copy() if mask is None else ops.dropout_backward(dy, self.rate, mask=mask),), {})

    def extra_bytes(self, *input_shapes, batch_size, itemsize, variable_size):
        return 0 if self.rate == 0 else prod(self.mask_shape((batch_size, *input_shapes[0])))


@dataclass(frozen=True, eq=False)
class Dropout(RandomMask):
    """Each value is dropped by itself. noise_shape: the shape of the mask, batch axis included; None: as the input."""

    rate: float
    noise_shape: tuple[int | None, ...] | None = None
    seed: int | None = None

    def mask_shape(self, shape):
        if self.noise_shape is None:
            return shape
        return tuple(n if size is None else size for n, size in zip(shape, self.noise_shape, strict=True))

    def output_shape(self, shape):
        sizes = (None, *shape)
        if self.noise_shape is not None and (
            len(self.noise_shape) != len(sizes)
            or any(size not in (None, 1, n) for n, size in zip(sizes, self.noise_shape, strict=True))
        ):
            rule = "each size of noise_shape must be None, 1 or the input's, the first None or 1"
            fail("Dropout", rule, noise_shape=self.noise_shape, input_shape=shape)
        return shape


@dataclass(frozen=True, eq=False)
class SpatialDropout2D(RandomMask):
    """Whole maps are dropped: one draw for each channel of each example. Source: Tompson et al., arXiv:1411.4280."""

    rate: float
    seed: int | None = None

    def mask_shape(self, shape):
        return shape[0], 1, 1, shape[-1]

    def output_shape(self, shape):
        return check_image("SpatialDropout2D", shape)

    def keras_config(self):
        config = super().keras_config()
        del config["trainable"]  # the only layer of Keras that does not take it
        return config
