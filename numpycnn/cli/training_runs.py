"""What `numpycnn train` makes of its options, and what it shows."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer

from numpycnn.cli.count_tables import figures_table
from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.tables import byte_count, byte_text
from numpycnn.cli.targets import is_model_file, model_functions, number_or_pair, resolve_model
from numpycnn.counting import Count, count
from numpycnn.data import Arrays, Dataset, Located, augmentation_from, filled_up, load_dataset
from numpycnn.models import Model
from numpycnn.training import (
    Best,
    EarlyStopping,
    ReduceLROnPlateau,
    TrainingConfig,
    TrainingError,
    heads_in_words,
    optimizer_in_words,
    output_names,
    read_json,
)
from numpycnn.training.batches import steps_of

NOT_OF_THE_RUN = {"out", "resume", "force", "memory", "dry_run", "as_json"}
"""Options that config.json does not hold."""

OF_DATA = ("data", "data_folder", "download", "size", "channels", "resizing", "balance")
"""Options that say what the examples are."""
OF_THE_COMMAND = ("model", "classes", *OF_DATA)
"""What config.json holds beside the TrainingConfig: where model and data came from."""


class Plan(NamedTuple):
    """What is trained on what and how; `about` says where both came from."""

    model: Model
    data: Dataset
    config: TrainingConfig
    about: dict[str, Any]


class Fits(NamedTuple):
    """limit: the bytes there are, None where that is not known."""

    counted: Count
    limit: int | None

    @property
    def holds(self) -> bool:
        return self.limit is None or self.counted.memory.training_low_bytes <= self.limit


def plan_of(options: dict[str, Any]) -> Plan:
    """From the options of the command line; Unusable where they do not go together."""
    about = {"model": options["target"], "classes": options["classes"], **{name: options[name] for name in OF_DATA}}
    about["data_folder"] = None if about["data_folder"] is None else str(about["data_folder"])
    if about["balance"] and options["augment"] is None:
        raise Unusable("--balance fills classes up with augmented copies: say how with --augment")
    with usable(ValueError, TypeError):
        data = data_of(about, options["seed"])
        model = _model(about, data, options["seed"])
        config = _config(options, model, data)
        return Plan(_in_dtype(model, config), data, config, about)


def resumed_plan(out: Path, options: dict[str, Any], given: list[str]) -> Plan:
    """What config.json of a run says; where options are given too, they must be those of the run."""
    path = out / "config.json"
    if not path.is_file():
        raise Unusable(f"{out} holds no run to resume: there is no {path.name}")
    with usable(TrainingError, ValueError, TypeError):
        kept = read_json(path)
        if not isinstance(kept, dict) or any(name not in kept for name in OF_THE_COMMAND):
            raise Unusable(f"{path} was not written by numpycnn train: it does not say what was trained on what")
        about = {name: kept.pop(name) for name in OF_THE_COMMAND}
        config = TrainingConfig.from_dict(kept)
        data = data_of(about, config.seed)
        plan = Plan(_in_dtype(_model(about, data, config.seed), config), data, config, about)
    if set(given) - NOT_OF_THE_RUN:
        _check_same(plan, options, set(given) - NOT_OF_THE_RUN)
    return plan


def given_options(context: typer.Context) -> list[str]:
    """The options that were written on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def _check_same(plan: Plan, options: dict[str, Any], given: set[str]) -> None:
    if "target" not in given or "data" not in given:
        names = ", ".join(sorted("MODEL" if n == "target" else "--" + n.replace("_", "-") for n in given))
        raise Unusable(f"a run is resumed as it was started; {names} cannot change it (give only --resume --out DIR)")
    asked = plan_of(options)
    kept, wanted = ({**one.about, **one.config.to_dict()} for one in (plan, asked))
    other = [name for name in kept if kept[name] != wanted[name]]
    if other:
        what = "; ".join(f"{name} was {kept[name]!r}, now {wanted[name]!r}" for name in other)
        raise Unusable(f"a run is resumed as it was started: {what}")


def data_of(about: dict[str, Any], seed: int) -> Dataset:
    """The data set that the options OF_DATA name."""
    size = number_or_pair("--size", about["size"])
    with usable(ValueError, TypeError, OSError, ImportError, about=str(about["data"])):
        data = load_dataset(
            about["data"],
            size=size,
            channels=about["channels"],
            resizing=about["resizing"] or "crop",
            folder=about["data_folder"],
            download=about["download"],
        )
    if about["resizing"] is not None and isinstance(data.train, Arrays | Located):
        raise Unusable(f"--resizing goes with --size, or with files of pictures; {about['data']} is left as it is")
    return filled_up(data, seed) if about["balance"] else data


def _model(about, data: Dataset, seed: int) -> Model:
    """One that is named is made for the classes and the pictures of the data, its weights drawn by the run's seed."""
    target = about["model"]
    if is_model_file(target) or ":" in target:
        model = resolve_model(target, about["classes"])
    else:
        classes = about["classes"] if about["classes"] is not None else len(data.class_names)
        takes = "input_shape" in _parameters(target)
        model = resolve_model(target, classes, data.shape if takes else None)
        model.initialize(seed)
    return model


def _in_dtype(model: Model, config: TrainingConfig) -> Model:
    return model if str(model.dtype) == config.dtype else model.astype(config.dtype)


def _parameters(target: str) -> tuple[str, ...]:
    from inspect import signature

    function = model_functions().get(target)
    return () if function is None else tuple(signature(function).parameters)


def _config(options: dict[str, Any], model: Model, data: Dataset) -> TrainingConfig:
    monitor, epochs = options["monitor"], options["epochs"]
    patience, plateau = options["early_stopping"], options["plateau"]
    return TrainingConfig(
        backend=options["backend"],
        epochs=epochs,
        batch_size=options["batch"],
        optimizer=optimizer_in_words(
            options["optimizer"],
            learning_rate=options["learning_rate"],
            schedule=options["schedule"],
            steps=steps_of(len(data.train), options["batch"]) * epochs,
        ),
        heads=heads_in_words(
            output_names(model),
            data.train.targets,
            losses=options["loss"] or (),
            weights=options["loss_weight"] or (),
            metrics=options["metric"] or (),
        ),
        class_weight=options["class_weight"],
        l2=options["l2"],
        augmentation=None if options["augment"] is None else augmentation_from(options["augment"]),
        preprocessing=options["preprocessing"],
        seed=options["seed"],
        precision=options["precision"],
        devices=options["devices"],
        jit_compile=options["xla"],
        deterministic=options["deterministic"],
        tensorboard=options["tensorboard"],
        best=Best(monitor=monitor),
        early_stopping=None if patience is None else EarlyStopping(monitor=monitor, patience=patience),
        plateau=None if plateau is None else ReduceLROnPlateau(monitor=monitor, patience=plateau),
    )


def check_memory(plan: Plan, memory: str | None, *, force: bool) -> Fits:
    """What training needs against what there is; Unusable for what cannot fit, unless forced.

    memory: as given; None: of the machine for the CPU, unknown for others.
    """
    model, config = plan.model, plan.config
    with usable():
        if None in model.inputs[0].shape:
            model = model.with_input_shapes(plan.data.shape)
        slots = len(config.optimizer.slots)
        counted = count(model, batch_size=config.batch_size, dtype=config.precision, optimizer=slots)
    limit = byte_count("--memory", memory) if memory is not None else None
    if limit is None and config.devices == "cpu":
        limit = available_memory()
    fits = Fits(counted, limit)
    if not fits.holds and not force:
        need = byte_text(counted.memory.training_low_bytes)
        raise Unusable(
            f"a batch of {config.batch_size} needs at least {need} to train and there are {byte_text(limit or 0)}:"
            f" give a smaller --batch, or --force"
        )
    return fits


def available_memory() -> int | None:
    """Bytes that programs can still get, as Linux says; None elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None


def show_counts(plan: Plan, fits: Fits, *, as_json: bool) -> None:
    """What --dry-run prints."""
    low, high = fits.counted.memory.training_low_bytes, fits.counted.memory.training_high_bytes
    if as_json:
        figures = {"counted": fits.counted.to_dict(), "available_bytes": fits.limit, "fits": fits.holds}
        typer.echo(json.dumps({**figures, "config": {**plan.about, **plan.config.to_dict()}}, indent=2))
        return
    splits = ", ".join(f"{len(split):,} to {kind}" for kind, split in plan.data.splits().items())
    typer.echo(f"{plan.about['data']}: {splits}; {len(plan.data.class_names)} classes; from {plan.data.source}")
    show_copies(plan)
    steps = steps_of(len(plan.data.train), plan.config.batch_size)
    typer.echo(f"{plan.config.epochs} epochs of {steps:,} steps, {plan.config.backend}, {plan.config.precision}")
    typer.echo()
    figures_table(fits.counted, str(plan.about["model"])).show()
    typer.echo()
    if fits.limit is None:
        typer.echo("how much memory there is is not known here: give --memory")
    else:
        word = "fits" if high <= fits.limit else "may fit" if low <= fits.limit else "cannot fit"
        typer.echo(f"{word}: training needs {byte_text(low)} to {byte_text(high)} of {byte_text(fits.limit)}")


def show_copies(plan: Plan) -> None:
    """What --balance has made of the classes."""
    if plan.about["balance"]:
        counts = np.bincount(plan.data.train.y)
        most, classes = int(counts.max()), int((counts > 0).sum())
        total = f"{most:,} examples of each of {classes} classes, {len(plan.data.train):,} a pass"
        typer.echo(f"balanced: {total}; copies are augmented anew each time")


def show_epoch(epoch: int, epochs: int, logs: dict[str, float]) -> None:
    typer.echo(f"epoch {epoch}/{epochs}  " + "  ".join(f"{name} {value:.4g}" for name, value in logs.items()))


@contextmanager
def step_bar(config: TrainingConfig, *, quiet: bool) -> Iterator[tuple[Callable[..., None] | None, int]]:
    """What shows the steps of an epoch on a terminal: a function for the NumPy backend, Keras's `verbose`."""
    if quiet or not sys.stdout.isatty():
        yield None, 0
        return
    if config.backend == "tensorflow":
        yield None, 1
        return
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task("", total=None)

        def watch(epoch: int, step: int, steps: int, logs: dict[str, float]) -> None:
            bar.update(task, description=f"epoch {epoch}, loss {logs['loss']:.4f}", completed=step, total=steps)

        yield watch, 0
