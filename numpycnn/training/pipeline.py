"""The batches of `batches` as a tf.data pipeline: the same order, augmentation and numbers, prepared ahead."""

from typing import Any

import numpy as np

from numpycnn.data import Split
from numpycnn.data.preprocessing import PREPROCESSING
from numpycnn.training.batches import augmentation_numbers, order_of
from numpycnn.training.problem import Problem
from numpycnn.training.tf_augmentation import tf_apply

__all__ = ["trained_on", "validated_on"]


def trained_on(problem: Problem, start: int) -> Any:
    """All batches of the epochs from `start` on, one epoch after the other, as a tf.data.Dataset."""
    import tensorflow as tf

    config, split = problem.config, problem.data.train
    width = 0 if config.augmentation is None else 8

    def drawn(epoch):
        return (
            order_of(config, int(epoch), len(split)),
            augmentation_numbers(config, int(epoch), len(split), split.shape),
        )

    def examples(epoch):
        order, numbers = tf.numpy_function(drawn, [epoch], [tf.int64, tf.float32])
        order, numbers = tf.ensure_shape(order, [len(split)]), tf.ensure_shape(numbers, [len(split), width])
        return tf.data.Dataset.from_tensor_slices((order, numbers)).batch(config.batch_size)

    epochs = tf.data.Dataset.range(start, config.epochs).flat_map(examples)
    return _loaded(problem, split, epochs, config.augmentation, problem.class_weight)


def validated_on(problem: Problem, split: Split) -> Any:
    """One pass over a split in its own order, as it is."""
    import tensorflow as tf

    order = (np.arange(len(split)), np.zeros((len(split), 0), np.float32))
    return _loaded(problem, split, tf.data.Dataset.from_tensor_slices(order).batch(problem.config.batch_size), None)


def _loaded(problem: Problem, split: Split, indices, augmentation, weights=None) -> Any:
    """Indices as (x, y) or (x, y, weights of the examples), x as the network takes it."""
    import tensorflow as tf

    x, y = split.batch(np.arange(1))
    single, ys = not isinstance(y, tuple), (y,) if not isinstance(y, tuple) else y
    dtype = problem.config.dtype

    def read(chosen):
        try:
            x, y = split.batch(chosen)
        except Exception as error:
            problem.unreadable.append(error)
            raise
        return x, *((y,) if single else y)

    def load(chosen, numbers):
        arrays = tf.numpy_function(read, [chosen], [x.dtype, *(own.dtype for own in ys)])
        for array, example in zip(arrays, (x, *ys), strict=True):
            array.set_shape((None, *example.shape[1:]))
        images, targets = arrays[0], tuple(arrays[1:])
        if augmentation is not None:
            images = tf_apply(augmentation, images, numbers)
        if x.dtype == np.uint8:
            images = tf.cast(images, tf.float32) / 255
        images = tf.cast(PREPROCESSING[problem.config.preprocessing](images), dtype)
        if weights is None:
            return images, targets[0] if single else targets
        return images, targets[0], tf.gather(tf.constant(weights, dtype), targets[0])

    return indices.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
