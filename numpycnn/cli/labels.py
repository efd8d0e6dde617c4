"""What is known of a model beside its file: the names of its classes, and the range of pixels it was trained on."""

from pathlib import Path
from typing import NamedTuple

from numpycnn.cli.errors import Unusable, usable
from numpycnn.data import class_index_path, read_class_index
from numpycnn.training import TrainingError, read_json
from numpycnn.training.run_folder import CLASSES, CONFIG

__all__ = ["Labels", "labels_of", "preprocessing_of"]


class Labels(NamedTuple):
    """names: of each class, none where they are not known.   source: the file that they were found in unasked."""

    names: list[str]
    source: Path | None = None


def labels_of(target: str, given: Path | None, classes: int) -> Labels:
    """The names of a model's classes: of the file that is given, of the run that trained it, or ImageNet's.

    given: a line for each class, or .json as Keras's class index.   Unusable for a file that does not suit.
    """
    if given is not None:
        return Labels(_read(given, classes))
    run = _run_of(target)
    if run is not None and (run / CLASSES).is_file():
        return Labels(_read(run / CLASSES, classes), run / CLASSES)
    if classes == 1000 and class_index_path().is_file():
        return Labels(_read(class_index_path(), classes), class_index_path())
    return Labels([])


def preprocessing_of(target: str, given: str | None) -> str:
    """The range of pixels that is asked for, or that the run had which trained the model, or unit."""
    run = _run_of(target)
    if given is not None or run is None:
        return given or "unit"
    with usable(TrainingError):
        config = read_json(run / CONFIG)
    return config.get("preprocessing", "unit") if isinstance(config, dict) else "unit"


def _run_of(target: str) -> Path | None:
    """The folder of the run that a model file lies in."""
    folder = Path(target).parent
    return folder if Path(target).is_file() and (folder / CONFIG).is_file() else None


def _read(path: Path, classes: int) -> list[str]:
    with usable(OSError, ValueError, about=str(path)):
        if path.suffix == ".json":
            names = [name for _, name in read_class_index(path)]
        else:
            names = path.read_text(encoding="utf-8").splitlines()
    if len(names) != classes:
        raise Unusable(f"{path} must name each of {classes} classes; it names {len(names)}")
    return names
