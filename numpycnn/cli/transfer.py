"""`numpycnn transfer`: a trained model's new head, then more of the model, trained on other data."""

import json
from pathlib import Path
from typing import Annotated

import typer

from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.targets import resolve_model, sizes

__all__ = ["transfer"]


def transfer(
    base: Annotated[
        str,
        typer.Argument(metavar="BASE", help="A file (.keras, .h5), a model by name, module:attribute or file.py:..."),
    ],
    data: Annotated[str, typer.Option(metavar="NAME_OR_PATH", help="digits, fashion_mnist, ..., or a file or folder.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the runs, one for each phase.")],
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
    preprocessing: Annotated[str, typer.Option(metavar="MODE", help="unit, raw, tf, torch or caffe.")] = "unit",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    compare: Annotated[bool, typer.Option("--compare", help="Train the same network from scratch too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a new head on BASE while all else is frozen, then the layers from START on at a lower rate.

    numpycnn transfer xception.keras --data tf_flowers --then-unfreeze 56 --preprocessing tf --out runs/flowers

    Frozen batch normalization stays in inference in both phases. Each phase is a run of its own in DIR, as of numpycnn
    train; fine_tuned/best.keras is what came of both.
    """
    from numpycnn.data import augmentation_from, load_dataset
    from numpycnn.training import TrainingConfig, TrainingError, from_scratch, optimizer_in_words
    from numpycnn.training import transfer as transfer_model

    model = resolve_model(base, None, sizes("--input", input_shape))
    if weights is not None:
        with usable(OSError, ValueError, about=str(weights)):
            model.load_weights(weights)
    shape = model.inputs[0].shape
    if None in shape:
        raise Unusable(f"{base} leaves the size of its input open, {shape}: give --input HxWxC")
    with usable(ValueError, TypeError, OSError, ImportError, about=data):
        dataset = load_dataset(
            data, size=shape[:2], channels=shape[2], resizing=resizing, folder=data_folder, download=download
        )
    start = int(then_unfreeze) if then_unfreeze.lstrip("-").isdigit() else then_unfreeze

    def report(epoch: int, logs: dict[str, float]) -> None:
        if not as_json:
            typer.echo(f"epoch {epoch}: " + ", ".join(f"{name} {value:.4g}" for name, value in logs.items()))

    with usable(TrainingError, ValueError, TypeError, ImportError):
        config = TrainingConfig(
            backend=backend,
            epochs=epochs,
            batch_size=batch,
            optimizer=optimizer_in_words(optimizer, learning_rate=learning_rate),
            augmentation=None if augment is None else augmentation_from(augment),
            preprocessing=preprocessing,
            seed=seed,
        )
        phases = transfer_model(
            model,
            dataset,
            config,
            start=start,
            fine_epochs=fine_epochs,
            fine_learning_rate=fine_learning_rate,
            out=out,
            report=report,
        )
        found = {"head only": phases.head, "fine-tuned": phases.fine_tuned}
        if compare:
            total = epochs + (fine_epochs or epochs)
            found = {
                "from scratch": from_scratch(model, dataset, config, epochs=total, out=out, report=report),
                **found,
            }
    tests = {way: trained.test for way, trained in found.items()}
    if as_json:
        typer.echo(json.dumps({"out": str(out), "data": dataset.name, "test": tests}, indent=2))
        return
    for way, test in tests.items():
        typer.echo(f"{way}: " + ", ".join(f"{name} {value:.4g}" for name, value in test.items()))
