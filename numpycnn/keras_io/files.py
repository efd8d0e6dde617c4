"""Keras files, read without Keras: .keras, .h5 and .weights.h5. Files are data, and nothing in them is ever run."""

import io
from collections.abc import Mapping
from pathlib import Path

from numpycnn.keras_io.archive import CONFIG, METADATA, WEIGHTS, open_archive
from numpycnn.keras_io.configs import read_model
from numpycnn.keras_io.errors import ModelFileError, within
from numpycnn.keras_io.hdf5 import SIGNATURE, open_hdf5
from numpycnn.keras_io.json_text import read_json
from numpycnn.keras_io.weights import read_weights
from numpycnn.layers.base import Layer
from numpycnn.models.model import Model

__all__ = ["load_model", "load_weights"]

ZIP = b"PK"


def load_model(path, *, layers: Mapping[str, type[Layer]] | None = None) -> Model:
    """The model of a Keras file with its weights, without TensorFlow or Keras.

    Args:
        path: a .keras file (Keras 3), or an .h5 file of a whole model (Keras 2.0 on). What it is is told by its
            content.
        layers: kinds of layers by class name besides numpycnn's own, for layers that Keras did not bring.

    Nothing that a file names is imported, run, followed as a path or written to disk; only numpycnn's own layers and
    those of `layers` are built, and no more is read than the file has bytes.

    Raises: ModelFileError, a ValueError, for a file that is no such model, with what is wrong and where; OSError where
        it cannot be opened.
    """
    path = Path(path)
    with within(path.name):
        if _begins_with(path) == ZIP:
            with open_archive(path) as archive:
                version = _version(read_json(archive.read(METADATA))) if METADATA in archive else ""
                with within(CONFIG):
                    model = read_model(read_json(archive.read(CONFIG)), layers, version=version)
                weights = archive.read(WEIGHTS)
            with within(WEIGHTS), open_hdf5(io.BytesIO(weights), len(weights)) as root:
                read_weights(root, model)
            return model
        with open_hdf5(path, path.stat().st_size) as root:
            text = root.text("model_config")
            if text is None:
                words = "it holds weights alone: make the model, then model.load_weights(path)"
                raise ModelFileError(f"the file must have a configuration, the attribute model_config; {words}")
            with within("model_config"):
                version = (root.text("keras_version") or b"").decode(errors="replace")
                model = read_model(read_json(text), layers, version=version)
            read_weights(root, model)
            return model


def load_weights(model: Model, path) -> None:
    """Put the weights of a Keras file (.weights.h5, .h5 or .keras) into a model that has the same layers.

    Layers are found as Keras finds them: in the newer files by their classes and order; in the older ones by their
    names, or in order where those differ. The model stays as it is where any weight does not fit.

    Raises: as `load_model`.
    """
    path = Path(path)
    with within(path.name):
        if _begins_with(path) == ZIP:
            with open_archive(path) as archive:
                weights = archive.read(WEIGHTS)
            with within(WEIGHTS), open_hdf5(io.BytesIO(weights), len(weights)) as root:
                read_weights(root, model)
        else:
            with open_hdf5(path, path.stat().st_size) as root:
                read_weights(root, model)


def _version(metadata) -> str:
    found = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else ""


def _begins_with(path: Path) -> bytes:
    """ZIP or SIGNATURE; ModelFileError for anything else."""
    if path.is_dir():
        raise ModelFileError("a folder (SavedModel) holds a TensorFlow graph; save the model as .keras")
    with path.open("rb") as file:
        begin = file.read(len(SIGNATURE))
    for signature in (ZIP, SIGNATURE):
        if begin.startswith(signature):
            return signature
    raise ModelFileError(f"it must be a .keras file (a zip archive) or HDF5; it begins with {begin!r}")
