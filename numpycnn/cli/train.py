"""`numpycnn train`: a model trained by NumPy or TensorFlow, its run kept in a folder."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.training_runs import (
    Plan,
    check_memory,
    given_options,
    plan_of,
    resumed_plan,
    show_copies,
    show_counts,
    show_epoch,
    step_bar,
)
from numpycnn.training import TrainingError
from numpycnn.training import train as train_model

__all__ = ["train"]

TRAINING, COMPUTING, RUN, OUTPUT = "Training", "Computing", "Run", "Output"


def train(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="A model by name, a file (.keras, .h5), module:attribute or file.py:..."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="NAME_OR_PATH", help="digits, fashion_mnist, ..., or a file or folder.")
    ] = None,
    data_folder: Annotated[Path | None, typer.Option(help="Where a data set that is named lies.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch a published data set if it is not here.")] = False,
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Of the pictures: as they are; 224x224 for picture files.")
    ] = None,
    channels: Annotated[int | None, typer.Option(help="3, or 1 for gray: as they are; 3 for picture files.")] = None,
    resizing: Annotated[
        str | None, typer.Option(help="Of pictures of other proportions: crop (unless given), pad or stretch.")
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes of the model; those of the data.")] = None,
    backend: Annotated[str, typer.Option(help="tensorflow or numpy.", rich_help_panel=COMPUTING)] = "tensorflow",
    epochs: Annotated[int, typer.Option(min=1, rich_help_panel=TRAINING)] = 10,
    batch: Annotated[
        int, typer.Option(min=1, help="Examples a step, on all devices together.", rich_help_panel=TRAINING)
    ] = 32,
    optimizer: Annotated[
        str, typer.Option(metavar="NAME[,...]", help="As sgd,momentum=0.9,nesterov.", rich_help_panel=TRAINING)
    ] = "adam",
    learning_rate: Annotated[
        float | None, typer.Option(help="In place of the optimizer's default.", rich_help_panel=TRAINING)
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(metavar="NAME[,...]", help="As cosine or cosine,alpha=0.1.", rich_help_panel=TRAINING)
    ] = None,
    loss: Annotated[
        list[str] | None,
        typer.Option(metavar="[OUTPUT=]NAME", help="Of each output, in order or named.", rich_help_panel=TRAINING),
    ] = None,
    loss_weight: Annotated[
        list[str] | None,
        typer.Option(metavar="[OUTPUT=]NUMBER", help="Of each output, unless given 1.", rich_help_panel=TRAINING),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[OUTPUT=]NAME",
            help="One more of each output, or of one.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    class_weight: Annotated[
        str | None, typer.Option(metavar="balanced", help="Rare classes weigh more.", rich_help_panel=TRAINING)
    ] = None,
    l2: Annotated[float, typer.Option(help="Of all kernels, added to the loss.", rich_help_panel=TRAINING)] = 0.0,
    augment: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="As flip,rotation=10,shift=0.1,contrast=0.2.", rich_help_panel=TRAINING),
    ] = None,
    balance: Annotated[
        bool, typer.Option("--balance", help="Fill rare classes up with augmented copies.", rich_help_panel=TRAINING)
    ] = False,
    preprocessing: Annotated[
        str, typer.Option(metavar="MODE", help="unit, raw, tf, torch or caffe.", rich_help_panel=TRAINING)
    ] = "unit",
    early_stopping: Annotated[
        int | None, typer.Option(metavar="EPOCHS", min=0, help="Without improvement.", rich_help_panel=TRAINING)
    ] = None,
    plateau: Annotated[
        int | None,
        typer.Option(metavar="EPOCHS", min=0, help="Then the rate is cut to a tenth.", rich_help_panel=TRAINING),
    ] = None,
    monitor: Annotated[str, typer.Option(help="What is watched for the best.", rich_help_panel=TRAINING)] = "val_loss",
    precision: Annotated[
        str, typer.Option(help="float32, float64, mixed_float16 or mixed_bfloat16.", rich_help_panel=COMPUTING)
    ] = "float32",
    devices: Annotated[str, typer.Option(help="cpu, gpu or all.", rich_help_panel=COMPUTING)] = "cpu",
    xla: Annotated[bool, typer.Option("--xla", help="Compile with XLA.", rich_help_panel=COMPUTING)] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.", rich_help_panel=COMPUTING)] = 0,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same numbers on every run.", rich_help_panel=COMPUTING)
    ] = False,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="What there is, as 24GiB.", rich_help_panel=COMPUTING)
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Train even what does not fit.", rich_help_panel=COMPUTING)
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The run's folder.", rich_help_panel=RUN)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in DIR.", rich_help_panel=RUN)] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print counts and memory; train nothing.", rich_help_panel=RUN)
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Logs for TensorBoard, in the folder.", rich_help_panel=RUN)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)] = False,
) -> int:
    """Train MODEL and keep the run in a folder: metrics, curves, the best model, and all it takes to resume.

    numpycnn train fashion_mnist --data fashion_mnist --epochs 10 --schedule cosine --out runs/fashion

    numpycnn train --resume --out runs/fashion
    """
    options = dict(context.params)
    if resume:
        if out is None:
            raise Unusable("--resume needs the folder of the run: --out DIR")
        plan = resumed_plan(out, options, given_options(context))
    else:
        if target is None or data is None:
            raise Unusable("what to train and on what must be said: numpycnn train MODEL --data NAME_OR_PATH")
        plan = plan_of(options)
    fits = check_memory(plan, memory, force=force or dry_run)
    if dry_run:
        show_counts(plan, fits, as_json=as_json)
        return 0 if fits.holds or force else 1
    if not as_json:
        show_copies(plan)
    return _run(plan, out or _new_folder(plan), resume=resume, as_json=as_json)


def _new_folder(plan: Plan) -> Path:
    """runs/ with the model, the data and the time."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{plan.model.name or 'model'}-{plan.data.name}-{stamp}"


def _run(plan: Plan, out: Path, *, resume: bool, as_json: bool) -> int:
    done: list[int] = []

    def report(epoch: int, logs: dict[str, float]) -> None:
        done.append(epoch)
        if not as_json:
            show_epoch(epoch, plan.config.epochs, logs)

    with step_bar(plan.config, quiet=as_json) as (watch, verbose):
        try:
            with usable(TrainingError, ValueError, TypeError, OSError, ImportError):
                found = train_model(
                    plan.model,
                    plan.data,
                    plan.config,
                    out=out,
                    resume=resume,
                    about=plan.about,
                    report=report,
                    watch=watch,
                    verbose=verbose,
                )
        except KeyboardInterrupt:
            kept = f"after epoch {done[-1]}" if done else "as before" if resume else "with no epoch finished"
            typer.echo(
                f"\nnumpycnn: stopped; the run is kept {kept}. To go on: numpycnn train --resume --out {out}", err=True
            )
            raise typer.Exit(130) from None
    result: dict[str, Any] = {"out": str(out), "epochs": len(found.history), "best_epoch": found.best_epoch}
    result |= found.test
    if as_json:
        typer.echo(json.dumps({**result, "history": found.history}, indent=2))
    else:
        tests = ", ".join(f"{name} {value:.4g}" for name, value in found.test.items())
        typer.echo(f"best epoch {found.best_epoch} of {len(found.history)}: {tests or 'no examples to test on'}")
        kept = ("best.keras", "metrics.csv", "curves.png", "per_class.csv", "confusion.png", "boxes.png")
        typer.echo(f"kept in {out}: {', '.join(name for name in kept if (out / name).exists())}")
    return 0
