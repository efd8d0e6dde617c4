"""What `numpycnn transfer` makes of its options, and what it keeps beside its runs."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.targets import resolve_model, sizes
from numpycnn.data import FAMILIES, augmentation_from, load_dataset
from numpycnn.keras_io import application, application_family, load_model
from numpycnn.models import Model
from numpycnn.training import Phases, TrainingConfig, TrainingError, Transfer, optimizer_in_words, read_json
from numpycnn.training.run_folder import write

OPTIONS, BASE, COMPARISON, PICTURE = "transfer.json", "base.keras", "comparison.json", "comparison.png"
NOT_OF_THE_TRANSFER = {"out", "resume", "as_json"}
APPLICATIONS = "keras.applications."


def transfer_of(options: dict[str, Any], kept_in: Path | None) -> Transfer:
    """From the options of the command line; Unusable where they do not go together.

    kept_in: the folder of a transfer that goes on, in which its base is kept.
    """
    model = _base(options) if kept_in is None else _kept_base(kept_in)
    shape = model.inputs[0].shape
    if None in shape:
        raise Unusable(f"{options['base']} leaves the size of its input open, {shape}: give --input HxWxC")
    with usable(ValueError, TypeError, OSError, ImportError, about=options["data"]):
        dataset = load_dataset(
            options["data"],
            size=shape[:2],
            channels=shape[2],
            resizing=options["resizing"],
            folder=options["data_folder"],
            download=options["download"],
        )
    start = options["then_unfreeze"]
    with usable(TrainingError, ValueError, TypeError, ImportError):
        config = TrainingConfig(
            backend=options["backend"],
            epochs=options["epochs"],
            batch_size=options["batch"],
            optimizer=optimizer_in_words(options["optimizer"], learning_rate=options["learning_rate"]),
            augmentation=None if options["augment"] is None else augmentation_from(options["augment"]),
            preprocessing=options["preprocessing"],
            seed=options["seed"],
        )
        return Transfer(
            model,
            dataset,
            config,
            start=int(start) if start.lstrip("-").isdigit() else start,
            fine_epochs=options["fine_epochs"],
            fine_learning_rate=options["fine_learning_rate"],
        )


def preprocessing_of(options: dict[str, Any]) -> str:
    """What is asked for; else what a family of keras.applications takes; else unit."""
    base, asked = options["base"], options["preprocessing"]
    if asked is not None or not base.startswith(APPLICATIONS):
        return asked or "unit"
    with usable(ImportError, ValueError):
        family = application_family(base.removeprefix(APPLICATIONS))
    return next((mode for mode, families in FAMILIES.items() if family in families), "unit")


def _base(options: dict[str, Any]) -> Model:
    base, weights = options["base"], options["weights"]
    input_shape = sizes("--input", options["input_shape"])
    if base.startswith(APPLICATIONS):
        with usable(ImportError, ValueError, OSError):
            return application(base.removeprefix(APPLICATIONS), weights=weights, input_shape=input_shape)
    model = resolve_model(base, None, input_shape)
    if weights is not None:
        with usable(OSError, ValueError, about=str(weights)):
            model.load_weights(weights)
    return model


def _kept_base(folder: Path) -> Model:
    with usable(ValueError, OSError):
        return load_model(folder / BASE)


def start_folder(out: Path, options: dict[str, Any], base: Model) -> None:
    """Keep what a transfer needs to go on: its base, then its options, the last thing that is written before it runs.

    Raises: TrainingError where the folder holds a transfer already or cannot be written.
    """
    if (out / OPTIONS).exists():
        raise TrainingError(f"{out} holds a transfer already: go on with it (--resume), or give another folder")
    kept = {name: value for name, value in options.items() if name not in NOT_OF_THE_TRANSFER}
    try:
        out.mkdir(parents=True, exist_ok=True)
        write(out / BASE, base.save)
        write(out / OPTIONS, json.dumps(kept, indent=2).encode())
    except OSError as error:
        raise TrainingError(f"{out} cannot be written: {error.strerror or error}") from error


def kept_options(out: Path, options: dict[str, Any], given: list[str]) -> dict[str, Any]:
    """The options that a transfer was started with; where some are given too, they must be the same."""
    path = out / OPTIONS
    if not path.is_file():
        raise Unusable(f"{out} holds no transfer to go on with: there is no {path.name}")
    with usable(TrainingError):
        kept = read_json(path)
    if not isinstance(kept, dict) or set(kept) != set(options) - NOT_OF_THE_TRANSFER:
        raise Unusable(f"{path} was not written by this numpycnn transfer")
    other = [name for name in given if name not in NOT_OF_THE_TRANSFER and options[name] != kept[name]]
    if other:
        what = "; ".join(f"{name} was {kept[name]!r}, now {options[name]!r}" for name in other)
        raise Unusable(f"a transfer goes on as it was started: {what}")
    return {**options, **kept}


def keep_comparison(out: Path, ways: dict[str, Phases], planned: Transfer) -> None:
    """Write the figures of every way and epoch, and draw them in one picture where matplotlib is installed."""
    figures = {way: {"test": phases.test, "epochs": phases.history} for way, phases in ways.items()}
    try:
        write(out / COMPARISON, json.dumps(figures, indent=1).encode())
        if find_spec("matplotlib"):
            write(out / PICTURE, lambda path: draw(ways, planned.config.epochs, path))
    except OSError as error:
        raise TrainingError(f"{out} cannot be written: {error.strerror or error}") from error


def draw(ways: dict[str, Phases], turn: int, path: Path) -> None:
    """The validation accuracy of every way over the epochs of both phases, its test accuracy beside its name.

    Fine-tuning begins where the first phase of the head alone, which is its own too, has ended.
    """
    from numpycnn.plots import curves

    rows = ways["fine-tuned"].history
    column = "val_accuracy" if "val_accuracy" in rows[0] else "accuracy"
    courses = {way: [row[column] for row in phases.history] for way, phases in ways.items()}
    courses["fine-tuned"][: turn - 1] = [float("nan")] * (turn - 1)
    curves(
        [row["epoch"] for row in rows],
        {_named(way, ways[way].test): values for way, values in courses.items()},
        xlabel="epoch; the second phase begins at the dotted line",
        ylabel="validation accuracy" if column == "val_accuracy" else "training accuracy",
        turn=turn + 0.5,
        path=path,
    )


def _named(way: str, test: dict[str, float]) -> str:
    return f"{way}: {test['test_accuracy']:.1%} of the test set" if test else way


def show_ways(tests: dict[str, dict[str, float]]) -> None:
    for way, test in tests.items():
        figures = ", ".join(f"{name} {value:.4g}" for name, value in test.items())
        typer.echo(f"{way}: {figures or 'no examples to test on'}")
