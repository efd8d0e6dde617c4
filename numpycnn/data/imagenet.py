"""The names of ImageNet's classes, where they are on this machine, and predictions read with them."""

import json
from pathlib import Path

import numpy as np

from numpycnn.data.published import keras_home
from numpycnn.ops.arguments import check_rank, fail, integer

__all__ = ["class_index_path", "decode_predictions", "read_class_index"]


def class_index_path() -> Path:
    """Where Keras keeps the names of ImageNet's classes: ~/.keras/models/imagenet_class_index.json."""
    return keras_home() / "models" / "imagenet_class_index.json"


def read_class_index(path=None) -> list[tuple[str, str]]:
    """The WordNet id and the name of each class, ("n01440764", "tench") first.

    Args: path: a JSON file as Keras's, {"0": ["n01440764", "tench"], ...}; None for `class_index_path()`.

    Raises: FileNotFoundError where there is none, naming the ways to get one, since nothing is downloaded; ValueError
        for a file of another form.
    Source: keras.applications, imagenet_class_index.json; ImageNet, Russakovsky et al., arXiv:1409.0575.
    """
    place = class_index_path() if path is None else Path(path)
    if not place.is_file():
        raise FileNotFoundError(
            f"read_class_index: the names of the classes are not in {place}. Where there is a network, Keras's own "
            "decode_predictions puts imagenet_class_index.json there; or give such a file, or one of your own classes "
            '(class_index=, --labels), {"0": ["n01440764", "tench"], ...}.'
        )
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
        pairs = [found[str(i)] for i in range(len(found))]
        named = [(id_, name) for id_, name in pairs if isinstance(id_, str) and isinstance(name, str)]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"read_class_index: {place} is no list of classes as Keras's: {error}.") from error
    if len(named) != len(pairs) or not isinstance(found, dict):
        fail("read_class_index", f'{place} must hold two strings for each class, {{"0": ["n01440764", "tench"], ...}}')
    return named


def decode_predictions(preds, top: int = 5, *, class_index=None) -> list[list[tuple[str, str, float]]]:
    """The classes with the highest scores of each image, by their ImageNet names.

    Args:
        preds: (batch, 1000) scores.   top: how many classes of each.
        class_index: a file of names as of `read_class_index`, for as many classes as it says; None for ImageNet's.

    Returns: for each image a list of (WordNet id, name, score), the highest first; of equal scores the lower class
        number (Keras the other way round, where it sorts so few that its order is one).
    Raises: FileNotFoundError and ValueError as `read_class_index`; ValueError for preds of another shape.
    Source: keras.applications.imagenet_utils.decode_predictions.
    """
    op, preds = "decode_predictions", np.asarray(preds)
    check_rank(op, "(batch, classes)", preds=preds)
    named = read_class_index(class_index)
    if preds.shape[1] != len(named):
        fail(op, f"preds must have a score for each of {len(named)} classes", preds=preds)
    best = np.argsort(-preds, axis=1, kind="stable")[:, : integer(op, "top", top)]
    return [[(*named[i], float(scores[i])) for i in own] for scores, own in zip(preds, best, strict=True)]
