"""`numpycnn report`: a look inside a network on one picture, as one page of HTML."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from numpycnn.cli.errors import Unusable, usable
from numpycnn.cli.labels import labels_of, preprocessing_of
from numpycnn.cli.targets import resolve_model, sizes
from numpycnn.models import Model

__all__ = ["report"]


def report(
    target: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A file (.keras, .h5), a model by name, module:attribute or file.py:..."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The page, as .html.")],
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The picture; without it a photograph that scikit-learn ships.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to list.")] = 5,
    labels: Annotated[
        Path | None,
        typer.Option(help="Names of the classes, one a line, or .json as Keras's; else of the run, or ImageNet's."),
    ] = None,
    preprocessing: Annotated[
        str | None,
        typer.Option(
            metavar="MODE", help="What the picture becomes: unit, raw, tf, torch or caffe; else as in the run."
        ),
    ] = None,
    input_shape: Annotated[
        str | None,
        typer.Option("--input", metavar="HxWxC", help="Another size of the input, where the model allows it."),
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes of a model that is named.")] = None,
) -> None:
    """Write a page that shows what every layer of MODEL makes of a picture; it opens in any browser, without network.

    numpycnn report resnet34 --image cat.jpg -o report.html

    The picture is cropped and resized to the model's input; where that is open, it keeps its own size.
    """
    from numpycnn.report import report_page

    if out.suffix.lower() not in (".html", ".htm"):
        raise Unusable(f"--out writes .html; got {out.name}")
    if not out.absolute().parent.is_dir():
        raise Unusable(f"--out: there is no folder {out.parent}")
    model = resolve_model(target, classes, sizes("--input", input_shape))
    model, picture, x = _fitted(model, target, image, preprocessing_of(target, preprocessing))
    scores = model.outputs[0].shape
    names = labels_of(target, labels, scores[0]).names if len(scores) == 1 else ()
    with usable(about=target):
        page = report_page(model, picture, x, labels=names, top=top)
    with usable(OSError):
        out.write_text(page, encoding="utf-8")
    typer.echo(f"written: {out}, {len(page.encode()):,} bytes")


def _fitted(model: Model, target: str, image: Path | None, preprocessing: str) -> tuple[Model, np.ndarray, np.ndarray]:
    """The model with its size known, the picture in that size, and what the model takes of it."""
    from numpycnn.data import preprocess
    from numpycnn.data.photographs import fit, read_picture, sample_photographs

    shapes = [tensor.shape for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] not in (1, 3):
        inputs = ", ".join(map(str, shapes))
        rule = "report needs a model with one input (height, width, channels), of 1 or 3 channels, for the picture"
        raise Unusable(f"{target}: {rule}; this one has {len(shapes)}: {inputs}")
    with usable(ValueError, OSError, ImportError):
        photograph = sample_photographs()[0] if image is None else read_picture("report", image)
    height, width, channels = (
        own if size is None else size for size, own in zip(shapes[0], (*photograph.shape[:2], 3), strict=True)
    )
    with usable(about=target):
        if None in shapes[0]:
            model = model.with_input_shapes((height, width, channels))
    fitted = fit([photograph], (height, width))
    with usable():
        x = preprocess(fitted, preprocessing)
    if channels == 1:
        fitted, x = np.repeat(fitted.mean(axis=-1, keepdims=True), 3, axis=-1), x.mean(axis=-1, keepdims=True)
    return model, np.round(fitted[0] * 255).astype(np.uint8), x
