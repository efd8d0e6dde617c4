"""What TensorFlow trains on: one device, all of a machine, or several machines."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numpycnn.ops.arguments import fail

__all__ = ["check_devices", "is_chief", "mended", "strategy_for"]


def check_devices(devices: str) -> list[Any]:
    """The GPUs that TensorFlow sees; ValueError for "gpu" where there is none."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if devices == "gpu" and not gpus:
        fail("devices", "TensorFlow sees no GPU; pip install numpycnn-reference[gpu] brings CUDA", devices=devices)
    return gpus


def strategy_for(devices: str) -> Any:
    """The tf.distribute strategy of `devices`; call it before TensorFlow has done anything else.

    With TF_CONFIG set, all workers named in it train together (MultiWorkerMirroredStrategy), whatever each of them has.

    Args: devices: "cpu"; "gpu", the first; "all": every GPU, or where there is none every logical CPU device.

    Raises: ValueError for "gpu" where TensorFlow sees none.
    """
    import tensorflow as tf

    gpus = check_devices(devices)
    if devices == "cpu" and gpus:
        tf.config.set_visible_devices([], "GPU")
    for gpu in gpus if devices != "cpu" else ():
        tf.config.experimental.set_memory_growth(gpu, True)
    if _cluster():
        return tf.distribute.MultiWorkerMirroredStrategy()
    if devices == "gpu":
        return tf.distribute.OneDeviceStrategy("/gpu:0")
    if devices == "all":
        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in found])
    return tf.distribute.get_strategy()


@contextmanager
def mended(strategy: Any) -> Iterator[None]:
    """Keras so that its fit works with several workers.

    Keras 3.15 takes the mean of each metric over the workers along an axis, which a number does not have.
    """
    if not _cluster():
        yield
        return
    from keras.src.backend.tensorflow import trainer
    from keras.src.tree import map_structure

    before = trainer.reduce_per_replica

    def mean(values, strategy, reduction):
        if reduction not in ("auto", "mean"):
            return before(values, strategy, reduction)
        return map_structure(lambda value: strategy.reduce("MEAN", value, axis=None), values)

    trainer.reduce_per_replica = mean
    try:
        yield
    finally:
        trainer.reduce_per_replica = before


def is_chief() -> bool:
    """Whether this process keeps the run's folder: the only one, or the first worker of several."""
    task = _tf_config().get("task", {})
    if not _cluster() or task.get("type") == "chief":
        return True
    return "chief" not in _cluster() and task.get("type") == "worker" and task.get("index") == 0


def _cluster() -> dict[str, Any]:
    return _tf_config().get("cluster", {})


def _tf_config() -> dict[str, Any]:
    try:
        return json.loads(os.environ.get("TF_CONFIG", "{}"))
    except ValueError as error:
        raise ValueError(f"TF_CONFIG must be JSON, as tf.distribute has it: {error}.") from error
