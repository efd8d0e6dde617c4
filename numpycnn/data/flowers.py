"""The chapter's 3,670 photographs of five kinds of flowers, through tensorflow-datasets where it is installed."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from numpycnn.data.class_folders import Pictures
from numpycnn.data.dataset import Dataset

__all__ = []

FLOWERS = "tf_flowers"

PARTS = {"test": "train[:10%]", "validation": "train[10%:25%]", "train": "train[25%:]"}
"""As the chapter divides them; they are published in one piece."""


def load_flowers(**options) -> Dataset:
    """The photographs as the files they are, in memory (about 220 MB), decoded when a batch asks for them.

    Args: options: size, channels and resizing, as of Pictures.

    Raises: ImportError without tensorflow-datasets, FileNotFoundError where it has not got them; both name the ways.
    """
    if find_spec("tensorflow_datasets") is None:
        raise ImportError(f"load_dataset: {FLOWERS} comes through tensorflow-datasets, which is not installed; {_WAYS}")
    tfds: Any = import_module("tensorflow_datasets")
    builder = tfds.builder(FLOWERS)
    if not Path(builder.data_dir).is_dir():
        raise FileNotFoundError(f"load_dataset: {FLOWERS} is not in {builder.data_dir}; {_WAYS}")
    names = tuple(builder.info.features["label"].names)
    splits = {name: _pictures(tfds, builder, part, options) for name, part in PARTS.items()}
    return Dataset(FLOWERS, names, **splits, source=str(builder.data_dir))


_WAYS = (
    "pip install tensorflow-datasets, then python -m tensorflow_datasets.scripts.cli.main build tf_flowers, "
    "or give a folder with a subfolder for each kind (folder=, --data-folder)."
)


def _pictures(tfds: Any, builder: Any, part: str, options) -> Pictures:
    examples = builder.as_dataset(split=part, decoders={"image": tfds.decode.SkipDecoding()}, shuffle_files=False)
    files, labels = [], []
    for example in tfds.as_numpy(examples):
        files.append(example["image"])
        labels.append(int(example["label"]))
    return Pictures(files, np.asarray(labels, np.int64), **options)
