"""Models as Keras files, written without Keras: what Keras loads, with the same outputs."""

import io
import json
import zipfile
from datetime import datetime
from pathlib import Path

from numpycnn.keras_io.archive import CONFIG, METADATA, WEIGHTS
from numpycnn.keras_io.describe import describe
from numpycnn.keras_io.weights import places
from numpycnn.models.model import Model

__all__ = ["save_model"]

KERAS_VERSION = "3.15.1"
"""The version whose files these are."""


def save_model(model: Model, path) -> None:
    """Write a model with its weights as a .keras file, or its weights alone as a .weights.h5 file.

    keras.models.load_model, or load_weights, reads it and computes the same. Layers that Keras lacks are found there
    once `numpycnn.keras_io.custom.custom_layers()` has registered them.

    Raises: ValueError for another ending of the file's name, or a model that no file can hold.
    """
    path = Path(path)
    if path.name.endswith(".weights.h5"):
        path.write_bytes(_weights(model))
    elif path.suffix == ".keras":
        metadata = {"keras_version": KERAS_VERSION, "date_saved": datetime.now().strftime("%Y-%m-%d@%H:%M:%S")}
        config = json.dumps(describe(model), allow_nan=False)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(METADATA, json.dumps(metadata))
            archive.writestr(CONFIG, config)
            archive.writestr(WEIGHTS, _weights(model))
    else:
        raise ValueError(f"save: the name must end with .keras or .weights.h5; got {path.name}.")


def _weights(model: Model) -> bytes:
    """The HDF5 file of all weights in Keras 3's layout."""
    import h5py

    values = model.layer_variables()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as root:
        for place in places(model):
            group = root.create_group("/".join((*place.path, "vars")))
            group.attrs["name"] = place.name
            for number, key in enumerate(place.specs):
                group[str(number)] = values[place.layer][key].value
    return buffer.getvalue()
