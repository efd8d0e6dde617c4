"""The folder of a run: everything that it gives and needs, never half-written.

    config.json    the description        env.json      versions, machine and time of each session
    metrics.csv    a row an epoch         curves.png    the same as a picture
    best.keras     the best epoch's model, which Keras and `numpycnn predict` read
    per_class.csv  of a finished run: precision and recall of each class of the test set; confusion.png: who was taken
                   for whom; boxes.png, where the data has boxes: true ones and found ones
    last/          checkpoint.npz: all that the next epoch starts from

Each file is written beside its place, forced to the disk and renamed, so that at any moment there is the old one or the
new one. After an epoch best.keras comes first and the checkpoint next: where a run is killed between the two, the epoch
is done again and gives the same best.keras once more.
"""

import csv
import io
import json
import os
import platform
import sys
import tempfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from numpycnn.keras_io import ModelFileError, load_model
from numpycnn.models import Model
from numpycnn.training.config import TrainingConfig
from numpycnn.training.metrics import per_class
from numpycnn.training.problem import TrainingError
from numpycnn.training.progress import Progress, Snapshot

__all__ = ["RunFolder", "read_json"]

CONFIG, ENVIRONMENT, METRICS, CURVES, BEST = "config.json", "env.json", "metrics.csv", "curves.png", "best.keras"
PER_CLASS, CONFUSION, BOXES = "per_class.csv", "confusion.png", "boxes.png"
CHECKPOINT, CLASSES, LOGS = Path("last") / "checkpoint.npz", "classes.txt", "tensorboard"
UNFINISHED = ".unfinished-"
STARTED = {CLASSES, ENVIRONMENT, CHECKPOINT.parent.name}
"""What a run that was killed while it started may have left: config.json is the last that `start` writes."""


class RunFolder:
    """A run's folder.

    Args:
        path: of the folder.   model: what is trained; best.keras is written from a copy of it.
        about: what config.json says beside the description: where model and data came from.
        writes: False for all but one of several processes that train together: they read alone.
    """

    def __init__(self, path, model: Model, about: dict[str, Any] | None = None, *, writes: bool = True):
        self.path, self.model, self.about, self.writes = Path(path), model, about or {}, writes

    def start(self, config: TrainingConfig, class_names=()) -> None:
        """Make the folder for a new run; TrainingError where it holds a run already or cannot be written."""
        if not self.writes:
            return
        if (self.path / CONFIG).exists():
            raise TrainingError(f"{self.path} holds a run already: resume it (--resume), or give another folder")
        found = {path.name for path in self.path.iterdir()} if self.path.is_dir() else set()
        if any(not name.startswith(UNFINISHED) for name in found - STARTED):
            raise TrainingError(f"{self.path} is a folder with something else in it: give a new or an empty one")
        try:
            (self.path / CHECKPOINT).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.path} cannot be made: {error.strerror}") from error
        self._clean()
        text = json.dumps({**self.about, **config.to_dict()}, indent=2)
        self._write(CLASSES, "".join(f"{name}\n" for name in class_names).encode())
        self._write_environment(config, [])
        self._write(CONFIG, text.encode())

    def resume(self, progress: Progress) -> None:
        """Put what was kept into a new Progress; one without a finished epoch starts from the beginning.

        Raises: TrainingError for a checkpoint that cannot be read or belongs to another model.
        """
        self._clean()
        sessions = read_json(self.path / ENVIRONMENT) if (self.path / ENVIRONMENT).exists() else []
        self._write_environment(progress.config, sessions)
        if not (self.path / CHECKPOINT).exists():
            return
        state, snapshot = self._read_checkpoint()
        expected = {path: variable.shape for path, variable in self._flat.items()}
        if expected != {path: array.shape for path, array in snapshot.weights.items()}:
            raise TrainingError(f"{self.path / CHECKPOINT} holds the weights of another model than this one")
        progress.restore(state, snapshot, self._best_weights())
        self._write_metrics(progress)

    def keep(self, progress: Progress, snapshot: Snapshot, *, best: bool) -> None:
        """Keep a finished epoch."""
        if best:
            for path, variable in self._flat.items():
                variable.assign(snapshot.weights[path])
            self._write(BEST, self.model.save)
        arrays = {f"weights/{path}": array for path, array in snapshot.weights.items()}
        arrays |= {f"optimizer/{key}": array for key, array in snapshot.optimizer.items()}
        arrays["state"] = np.frombuffer(json.dumps(progress.state()).encode(), np.uint8)

        def checkpoint(path: Path) -> None:
            with open(path, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]

        self._write(CHECKPOINT, checkpoint)
        self._write_metrics(progress)

    def _clean(self) -> None:
        for left in self.path.rglob(f"{UNFINISHED}*") if self.writes else ():
            left.unlink(missing_ok=True)

    def keep_classes(self, matrix: np.ndarray, class_names=()) -> None:
        """Keep what the best model makes of each class of the test set; matrix: of `confusion_matrix`."""
        names, found = class_names or tuple(map(str, range(len(matrix)))), per_class(matrix)
        text = io.StringIO(newline="")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["class", "name", *found._fields])
        for i, (name, *figures) in enumerate(zip(names, *(own.tolist() for own in found), strict=True)):
            table.writerow([i, name, *("" if np.isnan(figure) else figure for figure in figures)])
        self._write(PER_CLASS, text.getvalue().encode())
        if find_spec("matplotlib"):
            from numpycnn.plots import confusion

            self._write(CONFUSION, lambda path: confusion(matrix, names, path=path) and None)

    def keep_boxes(self, images, boxes, found, names) -> None:
        """Keep a picture of true boxes, gray, and of those that were found with their classes; rel_center_xywh."""
        if find_spec("matplotlib"):
            from numpycnn.plots import boxes_in_pictures

            pairs = [np.stack(pair) for pair in zip(boxes, found, strict=True)]
            options = {"labels": [["", name] for name in names], "colours": [["gray", "tab:orange"]] * len(pairs)}
            draw = partial(boxes_in_pictures, images, pairs, format="rel_center_xywh", **options)
            self._write(BOXES, lambda path: draw(path=path) and None)

    @property
    def _flat(self):
        from numpycnn.models.nesting import flattened

        return flattened(self.model).variables

    def _best_weights(self) -> dict[str, np.ndarray]:
        try:
            loaded = load_model(self.path / BEST)
        except (ModelFileError, OSError):
            return {}  # no epoch was the best yet, or the file was taken away; the next best one writes it anew
        values = [variable.value for variable in loaded.weights]
        return dict(zip(self._flat, values, strict=True)) if len(values) == len(self._flat) else {}

    def _read_checkpoint(self) -> tuple[dict[str, Any], Snapshot]:
        place = self.path / CHECKPOINT
        try:
            with np.load(place, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            state = json.loads(arrays.pop("state").tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise TrainingError(f"{place} is damaged ({error}); {BEST} beside it can still be used") from error
        split: dict[str, dict[str, np.ndarray]] = {"weights": {}, "optimizer": {}}
        for key, array in arrays.items():
            kind, _, name = key.partition("/")
            split[kind][name] = array
        return state, Snapshot(split["weights"], split["optimizer"])

    def _write_metrics(self, progress: Progress) -> None:
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, list(progress.history[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(progress.history)
        self._write(METRICS, text.getvalue().encode())
        if find_spec("matplotlib"):
            from numpycnn.plots import training_curves

            self._write(CURVES, lambda path: training_curves(progress.history, path=path) and None)

    def _write_environment(self, config: TrainingConfig, sessions: list) -> None:
        self._write(ENVIRONMENT, json.dumps([*sessions, environment(config)], indent=2).encode())

    def _write(self, name, content: bytes | Callable[[Path], None]) -> None:
        if not self.writes:
            return
        try:
            write(self.path / name, content)
        except OSError as error:
            reason = error.strerror or str(error)
            raise TrainingError(f"{self.path / name} cannot be written ({reason}); {self._what_is_kept()}") from error

    def _what_is_kept(self) -> str:
        """For the message of a run that cannot go on."""
        if (self.path / CHECKPOINT).exists():
            return "every epoch finished before is kept, and --resume goes on from there"
        return f"of its epochs only {BEST} is kept" if (self.path / BEST).exists() else "nothing was kept yet"


def write(path: Path, content: bytes | Callable[[Path], Any]) -> None:
    """Write a file so that at any moment the old one or the new one is there, whole.

    content: the bytes, or a function that writes a file of the name that it is given.
    """
    handle, name = tempfile.mkstemp(prefix=UNFINISHED, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        if callable(content):
            content(beside)
        else:
            beside.write_bytes(content)
        beside.chmod(0o644)
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """TrainingError for what is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error


def environment(config: TrainingConfig) -> dict[str, Any]:
    """Where and with what a session ran."""
    packages = ["numpycnn-reference", "numpy", "h5py"]
    packages += ["tensorflow", "keras"] if config.backend == "tensorflow" else []
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in packages},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "backend": config.backend,
        "devices": config.devices,
        "seed": config.seed,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
