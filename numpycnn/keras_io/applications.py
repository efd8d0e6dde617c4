"""The networks of keras.applications, without their heads, with the weights of a file or with those that Keras has."""

import sys
from contextlib import redirect_stdout
from types import FunctionType
from typing import Any, NoReturn

from numpycnn.keras_io.build import import_keras
from numpycnn.keras_io.errors import ModelFileError
from numpycnn.keras_io.from_keras import from_keras
from numpycnn.models import Model
from numpycnn.ops.arguments import fail

__all__ = ["application", "application_family"]


def application(name: str, *, weights=None, input_shape: tuple[int, ...] | None = None) -> Model:
    """A network of keras.applications without its head, as `from_keras` reads it.

    Args:
        name: as "MobileNetV2".
        weights: a file of its weights (.weights.h5, .h5 or .keras), with those of the head or without; None: those of
            ImageNet, from Keras's cache, or downloaded where there is a network.
        input_shape: None for the network's own, in which height and width may be open.

    Raises: ImportError where TensorFlow is not installed; ValueError for an unknown name or an input that the network
        cannot take; ModelFileError for a file with other weights; OSError where there is no file, or where weights are
        neither in the cache nor can be downloaded.
    """
    import_keras()
    make = _maker(name)
    if weights is None:
        return from_keras(_with_imagenet(name, make, input_shape))
    wrong: ModelFileError | None = None
    for top in ({"include_top": False}, {"include_top": True, "classifier_activation": None}):
        model = from_keras(_built(name, make, weights=None, input_shape=input_shape, **top))
        try:
            model.load_weights(weights)
            return model
        except ModelFileError as error:
            wrong = wrong or error
    raise wrong or AssertionError


def application_family(name: str) -> str | None:
    """The module of keras.applications that a network is from, a word of `data.FAMILIES`; None where it has none."""
    import_keras()
    return _families().get(name)


def _maker(name: str) -> Any:
    if name not in (known := _families()):
        fail("keras.applications", f"the network must be one of {', '.join(sorted(known))}", name=name)
    import keras

    return getattr(keras.applications, name)


def _families() -> dict[str, str]:
    """Every network by its name, with the module that it is from."""
    import keras

    found = vars(keras.applications).items()
    return {name: made.__module__.rpartition(".")[2] for name, made in found if isinstance(made, FunctionType)}


def _built(name: str, make, **options) -> Any:
    try:
        return make(**options)
    except ValueError as error:
        shape = options["input_shape"]
        fail(f"keras.applications.{name}", f"it cannot be built for this input ({error})", input_shape=shape)


def _with_imagenet(name: str, make, input_shape) -> Any:
    """Built by Keras with its weights of ImageNet; what it prints while it downloads goes to stderr."""
    with redirect_stdout(sys.stderr):
        try:
            return make(include_top=False, weights="imagenet", input_shape=input_shape)
        except ValueError as error:
            fail(f"keras.applications.{name}", f"it cannot be built for this input ({error})", input_shape=input_shape)
        except Exception as error:  # Keras raises nothing more precise
            _not_there(name, error)


def _not_there(name: str, error: Exception) -> NoReturn:
    raise OSError(
        f"keras.applications.{name}: its weights are not in Keras's cache and cannot be downloaded ({error}): give a"
        f" file of them with --weights (weights=), or a saved model as the base"
    ) from error
