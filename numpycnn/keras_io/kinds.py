"""Layers from Keras configurations: one closed table of kinds, and how each reads its arguments.

A kind of layer has Keras's class name, and its fields are Keras's arguments. What Keras has besides either changes
nothing about the layer's numbers, and is dropped, or is refused.
"""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpycnn.layers
from numpycnn.keras_io.errors import ModelFileError
from numpycnn.layers import Augmentation, Layer
from numpycnn.layers.initializers import Initializer, initializer_from

__all__ = ["KINDS", "read_layer"]

KINDS: dict[str, type[Layer]] = {
    name: kind
    for name, kind in vars(numpycnn.layers).items()
    if inspect.isclass(kind) and issubclass(kind, Layer) and "__dataclass_fields__" in vars(kind)
    if kind not in (Layer, numpycnn.layers.InputLayer, Augmentation)
}
"""Every kind of layer that a file can name, by its class name in Keras."""

AUGMENTATIONS = {
    *("RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomElasticTransform"),
    *("RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHeight", "RandomHue"),
    *("RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation"),
    *("RandomSharpness", "RandomShear", "RandomTranslation", "RandomWidth", "RandomZoom"),
    *("AugMix", "CutMix", "MixUp", "RandAugment"),
}
"""Keras's layers that change pictures at random in training and not at all in inference. RandomCrop is none of them."""

RENAMED = {
    ("LeakyReLU", "alpha"): "negative_slope",
}
"""Arguments of Keras 2 by their names since."""

WITHOUT_EFFECT = {
    *("dtype", "data_format", "batch_input_shape", "batch_shape", "input_dtype", "autocast"),
    *("fused", "synchronized", "virtual_batch_size", "renorm_clipping", "renorm_momentum", "implementation"),
    *("fill_mode", "fill_value", "seed", "value_range"),
}
"""Arguments that change no number, besides those of regularizers, constraints and initializers, which act on training
alone. What data_format means is in channels_first.py."""

NEUTRAL = {
    "groups": (1,),
    **dict.fromkeys(("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias", "renorm", "rms_scaling"), (False,)),
    **dict.fromkeys(("lora_rank", "lora_alpha", "quantization_config", "adjustment"), (None,)),
}
"""Arguments with the values at which they change nothing; any other value is refused."""


def read_layer(class_name: str, config: Mapping[str, Any], kinds: Mapping[str, type[Layer]]) -> Layer:
    """The layer of this class and configuration.

    Args: kinds: what can be built, by class name: KINDS, and what the reader's caller supplies.

    Raises: ModelFileError for an unknown class or an argument that numpycnn has no equal of; ValueError or TypeError
        where the layer refuses its arguments.
    """
    if class_name in AUGMENTATIONS and class_name not in kinds:
        return _augmentation(class_name, config)
    if class_name not in kinds:
        raise ModelFileError(_unknown(class_name))
    kind, given = kinds[class_name], {}
    known = {f.name: f for f in fields(kind) if f.init}
    for key, value in config.items():
        name = RENAMED.get((class_name, key), key)
        if name in known:
            given[name] = _argument(name, value, known[name].type)
        elif not _changes_nothing(key, value):
            raise ModelFileError(f"{class_name} takes no {key} other than Keras's default; got {key} {value!r}")
    return kind(**given)


def _unknown(class_name: str) -> str:
    reasons = {
        "Lambda": "a Lambda holds a Python function, which is never run from a file",
        "TFOpLambda": "a TFOpLambda names a TensorFlow function, which is never run from a file",
        "TFSMLayer": "a TFSMLayer holds a TensorFlow graph, which is never run from a file",
    }
    return reasons.get(class_name) or (
        f"there is no layer of class {class_name!r}; "
        f"give one of your own, as load_model(path, layers={{{class_name!r}: ...}})"
    )


def _augmentation(class_name: str, config: Mapping[str, Any]) -> Layer:
    own = ("name", "trainable", "dtype", "data_format")
    arguments = {key: value for key, value in config.items() if key not in own and value is not None}
    return Augmentation(class_name, arguments, name=config.get("name"), trainable=config.get("trainable") is not False)


def _changes_nothing(key: str, value) -> bool:
    if key in WITHOUT_EFFECT or key.endswith(("_regularizer", "_constraint", "_initializer")):
        return True
    return key in NEUTRAL and value in NEUTRAL[key]


def _argument(name: str, value, annotation) -> Any:
    if name.endswith("_initializer"):
        return _initializer(value)
    if isinstance(value, Mapping) and name == "activation":
        raise ModelFileError(f"activation must be one of Keras's by name; got a function object, {value!r}")
    if annotation is bool and not isinstance(value, bool):
        raise ModelFileError(f"{name} must be true or false; got {value!r}")
    value = plain(value)
    return value[0] if name == "axis" and isinstance(value, tuple) and len(value) == 1 else value


def plain(value) -> Any:
    """JSON lists as tuples, and Keras's descriptions of tuples and arrays as what they describe."""
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    if not isinstance(value, Mapping):
        return value
    if value.get("class_name") == "__tuple__":
        return plain(value.get("items", ()))
    if value.get("class_name") in ("__numpy__", "__tensor__"):
        return plain(_described(value).get("value", ()))
    raise ModelFileError(f"an object where a value was expected; got class_name {value.get('class_name')!r}")


def _described(value: Mapping[str, Any]) -> Mapping[str, Any]:
    config = value.get("config", {})
    if not isinstance(config, Mapping):
        raise ModelFileError(f"the config of an object must be an object; got {config!r}")
    return config


def _initializer(value) -> str | Initializer:
    """Only its description matters for a layer whose weights are read; that of an unknown kind is refused."""
    if not isinstance(value, Mapping):
        return value
    config = {key: plain(own) for key, own in _described(value).items() if key != "dtype"}
    return initializer_from({"class_name": value.get("class_name"), "config": config})
