"""What a command is about: a model by its name, in a Keras file, or built in somebody's Python file or module."""

import inspect
import re
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module, util
from operator import attrgetter
from pathlib import Path
from typing import Any

from numpycnn.cli.errors import Unusable, usable
from numpycnn.keras_io import load_model
from numpycnn.layers import Input, Layer
from numpycnn.models import Model
from numpycnn.models.topology import snake_case

__all__ = [
    "is_model_file",
    "layer_as_model",
    "load_attribute",
    "model_functions",
    "number_or_pair",
    "resolve_model",
    "sizes",
    "suggestion",
]


def resolve_model(target: str, classes: int | None = None, input_shape: tuple[int, ...] | None = None) -> Model:
    """The model that `target` names.

    Args:
        target: a function of numpycnn.models ("resnet34"), a Keras file (.keras, .h5), or "module:attribute" or
            "file.py:attribute" naming a model, a layer (which needs input_shape), or a function that makes one.
        classes, input_shape: handed to the function that makes the model; None leaves its own default. A file's model
            takes another input_shape where no weight depends on it.

    Raises: Unusable where there is no such model or it cannot be built so.
    """
    options = {"classes": classes, "input_shape": input_shape}
    given = {name: value for name, value in options.items() if value is not None}
    if is_model_file(target):
        return _model_file(target, given)
    if ":" in target:
        return _python_object(target, given)
    functions = model_functions()
    if target not in functions:
        own = "a model of your own is a Keras file, module:attribute or file.py:attribute"
        known = f"models are {', '.join(functions)}; {own}"
        raise Unusable(f"unknown model {target!r}; {suggestion(target, functions) or known}")
    with usable(about=target):
        return functions[target](**given)


def is_model_file(target: str) -> bool:
    """Whether the target names a Keras file rather than a model of numpycnn.models or of Python code."""
    return target.endswith((".keras", ".h5", ".hdf5"))


def _model_file(path: str, given: dict[str, Any]) -> Model:
    if "classes" in given:
        raise Unusable(f"{path} is built already: --classes cannot change it")
    if not Path(path).is_file():
        raise Unusable(f"there is no file {path}")
    with usable(ValueError, OSError):
        model = load_model(path)
    with usable(about=path):
        return model.with_input_shapes(given["input_shape"]) if given else model


def model_functions() -> dict[str, Callable[..., Model]]:
    """Every public function of numpycnn.models that needs no argument and says it returns a Model, by name."""
    import numpycnn.models

    def makes_model(value) -> bool:
        if not inspect.isfunction(value):
            return False
        signature = inspect.signature(value, eval_str=True)
        made, needed = signature.return_annotation, [p for p in signature.parameters.values() if p.default is p.empty]
        return inspect.isclass(made) and issubclass(made, Model) and not needed

    public = {name: value for name, value in sorted(vars(numpycnn.models).items()) if not name.startswith("_")}
    return {name: value for name, value in public.items() if makes_model(value)}


def layer_as_model(layer: Layer, input_shape: tuple[int, ...] | None) -> Model:
    """A model of one layer; a model stays what it is."""
    if isinstance(layer, Model):
        return layer
    if input_shape is None:
        raise Unusable(f"a layer alone ({layer.keras_class}) needs the size of its input: --input HxWxC")
    inputs = Input(input_shape)
    return Model(inputs, layer(inputs), name=layer.name or snake_case(layer.keras_class))


def sizes(option: str, text: str | None) -> tuple[int, ...] | None:
    """ "150x100x3" as (150, 100, 3); None stays None."""
    if text is None:
        return None
    if not re.fullmatch(r"\d+(x\d+)*", text, re.ASCII):
        raise Unusable(f"{option} must be whole numbers with x between them, as 150x100x3; got {text!r}")
    return tuple(int(size) for size in text.split("x"))


def number_or_pair(option: str, text: str | None) -> int | tuple[int, ...] | None:
    """ "3" as 3, "3x2" as (3, 2); None stays None."""
    numbers = sizes(option, text)
    return numbers[0] if numbers is not None and len(numbers) == 1 else numbers


def suggestion(name: str, known) -> str:
    """ "did you mean ...?" with the closest of the known names, or nothing."""
    close = get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else ""


def load_attribute(target: str) -> Any:
    """What "module:attribute" or "file.py:attribute" names; Unusable where there is no such thing."""
    place, _, attribute = target.rpartition(":")
    with usable(Exception, about=place):
        module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    try:
        return attrgetter(attribute)(module)
    except AttributeError:
        public = [name for name in vars(module) if not name.startswith("_")]
        raise Unusable(f"{place} has no {attribute!r}; {suggestion(attribute, public)}".rstrip("; ")) from None


def _python_object(target: str, given: dict[str, Any]) -> Model:
    found = load_attribute(target)
    if isinstance(found, Layer):
        input_shape = given.pop("input_shape", None) if not isinstance(found, Model) else None
        if given:
            raise Unusable(f"{target} is built already: {_as_options(given)} cannot change it")
        with usable(about=target):
            return layer_as_model(found, input_shape)
    if not callable(found):
        raise Unusable(f"{target} must be a model, a layer or a function that makes one; got {type(found).__name__}")
    with usable(Exception, about=target):
        made = found(**given)
    if not isinstance(made, Model):
        raise Unusable(f"{target} must make a model; it made {type(made).__name__}")
    return made


def _as_options(given) -> str:
    return " and ".join({"classes": "--classes", "input_shape": "--input"}[name] for name in given)


def _load_file(path: Path):
    if not path.is_file():
        raise FileNotFoundError("there is no such file")
    sys.path.insert(0, str(path.resolve().parent))
    spec = util.spec_from_file_location(f"numpycnn_target_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError("this is no Python file")
    module = sys.modules[spec.name] = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _load_module(name: str):
    sys.path.insert(0, "")
    return import_module(name)
