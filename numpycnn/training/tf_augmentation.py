"""`Augmentation` in TensorFlow, for a tf.data pipeline: the same numbers give the same pictures."""

from typing import Any

from numpycnn.data.augmentation import Augmentation

__all__ = ["tf_apply"]


def tf_apply(augmentation: Augmentation, images: Any, numbers: Any) -> Any:
    """`augmentation.apply` on tensors, batches of a known or unknown length.

    Args: images: (n, height, width, channels), uint8 or a float; numbers: of `augmentation.draw`, float32 (n, 8).

    Returns: a float32 tensor of the same shape, off from NumPy's by rounding only.

    Used as `dataset.map(lambda x, numbers: tf_apply(augmentation, x, numbers))`.
    """
    import tensorflow as tf

    most = 255.0 if images.dtype == tf.uint8 else 1.0
    x = tf.cast(images, tf.float32)
    if augmentation.moves:
        moved = tf.raw_ops.ImageProjectiveTransformV3(
            images=x,
            transforms=tf.pad(numbers[:, :6], [[0, 0], [0, 2]]),  # no perspective
            output_shape=tf.shape(x)[1:3],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode=augmentation.fill.upper(),
        )
        x = tf.ensure_shape(moved, x.shape)
    if augmentation.contrast or augmentation.brightness:
        mean = tf.reduce_mean(x, axis=(1, 2), keepdims=True)
        light = numbers[:, 6:, None, None, None]
        x = (x - mean) * light[:, 0] + mean + light[:, 1] * most
    return tf.clip_by_value(x, 0.0, most)
