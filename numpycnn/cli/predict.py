"""`numpycnn predict`: what a model makes of pictures or arrays, in NumPy alone."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from numpycnn.cli.errors import Unusable, usable, write_file
from numpycnn.cli.labels import labels_of, preprocessing_of
from numpycnn.cli.tables import print_table, shape_text
from numpycnn.cli.targets import resolve_model, sizes
from numpycnn.models import Model
from numpycnn.training import output_names

__all__ = ["predict"]


def predict(
    target: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A file (.keras, .h5), a model by name, module:attribute or file.py:..."),
    ],
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Pictures, or arrays (.npy).")],
    top: Annotated[int, typer.Option(min=1, help="How many classes of each input to show.")] = 5,
    labels: Annotated[
        Path | None,
        typer.Option(help="Names of the classes, one a line, or .json as Keras's; else of the run, or ImageNet's."),
    ] = None,
    preprocessing: Annotated[
        str | None,
        typer.Option(metavar="MODE", help="What pictures become: unit, raw, tf, torch or caffe; else the run's."),
    ] = None,
    input_shape: Annotated[
        str | None, typer.Option("--input", metavar="HxWxC", help="Where the model leaves it open.")
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes of a model that is named.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the output of the model to this file (.npy).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Run MODEL on pictures or arrays and show the classes with the highest scores.

    numpycnn predict mobilenet_v2.keras cat.jpg --preprocessing tf --labels imagenet.txt

    Pictures are cropped and resized to the model's input. Their range of values (--preprocessing) does not stand in a
    file: unit is 0..1, raw 0..255, tf -1..1, torch and caffe are ImageNet's means taken away. Arrays, one example or a
    batch of them, are taken as they are. Of a model in the folder of a run, the run says the range and the classes.
    """
    model = resolve_model(target, classes, sizes("--input", input_shape))
    if len(model.inputs) != 1:
        raise Unusable(f"{target}: predict needs a model with one input; this one has {len(model.inputs)}")
    if out is not None and out.suffix != ".npy":
        raise Unusable(f"--out writes .npy; got {out.name}")
    if out is not None and len(model.outputs) != 1:
        raise Unusable(f"{target}: --out writes the one output of a model; this one has {len(model.outputs)}")
    names, batches = [], []
    mode = preprocessing_of(target, preprocessing)
    for path in inputs:
        batch = _read(path, model, mode)
        names += [str(path)] if len(batch) == 1 else [f"{path}[{i}]" for i in range(len(batch))]
        batches.append(batch)
    with usable(about=target):
        runs = [model.predict(batch) for batch in batches]
    ys = [np.concatenate(own) for own in zip(*(run if isinstance(run, list) else [run] for run in runs), strict=True)]
    if out is not None:
        write_file(out, lambda path: np.save(path, ys[0]))
    words = labels_of(target, labels, ys[0].shape[-1])
    rows = [row for i, name in enumerate(names) for row in _rows(model, name, [y[i] for y in ys], top, words.names)]
    if as_json:
        shapes = [y.shape[1:] for y in ys]
        about = {"model": target, "output_shape": shapes[0] if len(ys) == 1 else shapes, "preprocessing": mode}
        about["labels_from"] = str(labels or words.source) if words.names else None
        typer.echo(json.dumps({**about, "inputs": rows}, indent=2))
        return
    _print(rows)
    if words.source is not None and ys[0].ndim == 2:
        typer.echo(f"labels from {words.source}")


def _read(path: Path, model: Model, preprocessing: str) -> np.ndarray:
    """The examples of one file as a batch."""
    from numpycnn.data import load_images, preprocess

    shape = model.inputs[0].shape
    with usable(ValueError, TypeError, OSError, EOFError, about=str(path)):
        if path.suffix == ".npy":
            array = np.load(path, allow_pickle=False)
            return array[None] if array.ndim == len(shape) else array
        if len(shape) != 3 or shape[2] not in (1, 3):
            raise Unusable(f"a picture needs a model of (height, width, 1 or 3); this one takes {shape}: give .npy")
        if None in shape:
            raise Unusable(f"the model leaves the size of its input open, {shape}: give --input HxWxC")
        x = preprocess(load_images(path, size=shape[:2]), preprocessing)
    return x if shape[2] == 3 else x.mean(axis=-1, keepdims=True)


def _rows(model: Model, name: str, outputs: list[np.ndarray], top: int, labels: list[str]) -> list[dict[str, Any]]:
    """What is shown of one example: a row for each output, with its name where there are several.

    The first output is one of classes, if any is; of others, as a box, the values are shown as they are.
    """
    if len(outputs) == 1:
        return [_row(name, outputs[0], top, labels)]
    rows = []
    for i, (own, scores) in enumerate(zip(output_names(model), outputs, strict=True)):
        if i == 0 or scores.ndim != 1:
            row = _row(name, scores, top, labels)
        else:
            row = {"input": name, "values": scores.tolist()}
        rows.append({**row, "output": own})
    return rows


def _row(name: str, scores: np.ndarray, top: int, labels: list[str]) -> dict[str, Any]:
    """What is shown of one example: its highest scores, or the range of an output that is no list of classes."""
    if scores.ndim != 1:
        shape = list(scores.shape)
        return {"input": name, "shape": shape, "least": float(scores.min()), "largest": float(scores.max())}
    order = np.argsort(-scores, kind="stable")[:top]
    return {
        "input": name,
        "top": [{"class": int(i), "label": labels[i] if labels else "", "score": float(scores[i])} for i in order],
    }


def _print(rows: list[dict[str, Any]]) -> None:
    lines = []
    for row in rows:
        for place, found in enumerate(row.get("top", ()), 1):
            lines.append((row["input"], str(place), str(found["class"]), f"{found['score']:.6g}", found["label"]))
        if "values" in row:
            values = ", ".join(f"{value:.4g}" for value in row["values"])
            lines.append((row["input"], "", "", values, row["output"]))
        if "shape" in row:
            values = f"{row['least']:.6g} to {row['largest']:.6g}"
            lines.append((row["input"], "", shape_text(row["shape"]), values, row.get("output", "")))
    print_table(("input", "rank", "class", "score", "label"), lines, right=(1, 2, 3))
