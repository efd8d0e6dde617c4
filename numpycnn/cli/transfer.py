"""`numpycnn transfer`: a trained model's new head, then more of the model, trained on other data."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.training_runs import given_options
from numpycnn.cli.transfer_runs import (
    keep_comparison,
    kept_options,
    preprocessing_of,
    show_ways,
    start_folder,
    transfer_of,
)
from numpycnn.training import TrainingError

__all__ = ["transfer"]


def transfer(
    context: typer.Context,
    base: Annotated[
        str | None,
        typer.Argument(
            metavar="BASE",
            help="A file (.keras, .h5), a model by name, keras.applications.NAME, module:attribute or file.py:...",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="NAME_OR_PATH", help="digits, fashion_mnist, ..., or a file or folder.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder of the runs, one for each phase.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Of a base that is named: .weights.h5, .h5 or .keras.")] = None,
    input_shape: Annotated[
        str | None, typer.Option("--input", metavar="HxWxC", help="Where the base leaves it open or can be built so.")
    ] = None,
    data_folder: Annotated[Path | None, typer.Option(help="Where a data set that is named lies.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch a published data set if it is not here.")] = False,
    resizing: Annotated[str, typer.Option(help="Of pictures of other proportions: crop, pad or stretch.")] = "crop",
    then_unfreeze: Annotated[
        str, typer.Option(metavar="START", help="In the second phase: an index, a layer, a block, or all.")
    ] = "all",
    backend: Annotated[str, typer.Option(help="tensorflow or numpy.")] = "tensorflow",
    epochs: Annotated[int, typer.Option(min=1, help="Of the head alone.")] = 5,
    fine_epochs: Annotated[int | None, typer.Option(min=1, help="Of the second phase; as many by default.")] = None,
    batch: Annotated[int, typer.Option(min=1)] = 32,
    optimizer: Annotated[str, typer.Option(metavar="NAME[,...]", help="As sgd,momentum=0.9,nesterov.")] = "adam",
    learning_rate: Annotated[float | None, typer.Option(help="Of the head's training.")] = None,
    fine_learning_rate: Annotated[float | None, typer.Option(help="Of the second phase; a tenth by default.")] = None,
    augment: Annotated[str | None, typer.Option(metavar="WORDS", help="As flip,rotation=10,contrast=0.2.")] = None,
    preprocessing: Annotated[
        str | None,
        typer.Option(
            metavar="MODE", help="unit, raw, tf, torch or caffe; unit, or as a network of keras.applications takes it."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also the head alone to the end, and from scratch; draw all three.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what DIR holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a new head on BASE while all else is frozen, then the layers from START on at a lower rate.

    numpycnn transfer xception.keras --data tf_flowers --then-unfreeze 56 --preprocessing tf --out runs/flowers

    numpycnn transfer --resume --out runs/flowers

    Frozen batch normalization stays in inference in both phases. Each phase is a run of its own in DIR, as of numpycnn
    train; fine_tuned/best.keras is what came of both.
    """
    if out is None:
        raise Unusable("where the runs are kept must be said: --out DIR")
    options: dict[str, Any] = {k: str(v) if isinstance(v, Path) else v for k, v in context.params.items()}
    if resume:
        options = kept_options(out, options, given_options(context))
    elif base is None or data is None:
        raise Unusable("what to transfer and to what must be said: numpycnn transfer BASE --data NAME_OR_PATH")
    else:
        options["preprocessing"] = preprocessing_of(options)
    planned = transfer_of(options, out if resume else None)

    def report(run: str, epoch: int, logs: dict[str, float]) -> None:
        if not as_json:
            figures = ", ".join(f"{name} {value:.4g}" for name, value in logs.items())
            typer.echo(f"{run}, epoch {epoch}: {figures}")

    with usable(TrainingError, ValueError, TypeError, OSError, ImportError):
        if not resume:
            start_folder(out, options, planned.base)
        try:
            if options["compare"]:
                ways = planned.compare(out=out, resume=resume, report=report)
                keep_comparison(out, ways, planned)
                tests = {way: phases.test for way, phases in ways.items()}
            else:
                phases = planned.train(out=out, resume=resume, report=report)
                tests = {"head only": phases.first.test, "fine-tuned": phases.test}
        except KeyboardInterrupt:
            typer.echo(f"\nnumpycnn: stopped. To go on: numpycnn transfer --resume --out {out}", err=True)
            raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps({"out": str(out), "data": planned.data.name, "test": tests}, indent=2))
    else:
        show_ways(tests)
