"""What a report shows, as plain data: one run of the model, seen layer by layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from numpycnn.counting import Count, count, timeline
from numpycnn.layers.base import Node
from numpycnn.models import Model
from numpycnn.models.nesting import flattened
from numpycnn.ops.arguments import fail
from numpycnn.report.attribution import cam_layer, cam_of_maps, makes_shares, occlusion_map
from numpycnn.report.encoding import as_jpeg, as_png, gray_levels, rounded
from numpycnn.report.purposes import purpose
from numpycnn.report.working import MOST_VALUES, Working

__all__ = ["report_contents"]

MAP_PIXELS, FEWEST_MAPS, MOST_MAPS = 150_000, 4, 16
"""Of a layer so many maps are shown as make up this many pixels."""

MOST_FILTERS, MOST_CHANNELS = 16, 8
OCCLUSION_MACS, LEAST_SIDE = 40 * 10**9, 96
"""About the most multiplications that go into covering parts of the picture, and how small it may become for that."""


def report_contents(model: Model, picture, x, *, labels: Sequence[str] = (), top: int = 5) -> dict[str, Any]:
    """Everything on the page.

    Args:
        model: with one input of images.
        picture: uint8 (height, width, 3), of the size of the model's input: what is shown.
        x: (1, height, width, channels): what the model takes of it.
        labels: a name for each class, or none.   top: how many of the classes are listed.

    Returns: plain lists, dicts, numbers and text.   Raises: ValueError for a model or arrays of other shapes.
    """
    flat = flattened(model)
    picture = np.asarray(picture)
    if len(flat.inputs) != 1 or len(flat.inputs[0].shape) != 3:
        fail("report", f"the model must have one input of images; it has {[t.shape for t in flat.inputs]}")
    if picture.dtype != np.uint8 or picture.shape != (*flat.inputs[0].shape[:2], 3):
        fail("report", f"the picture must be uint8 of the size of the input, {flat.inputs[0].shape}", picture=picture)
    counted, found = count(flat), Working(flat)
    layers: dict[Node, dict[str, Any]] = {}
    explained, kept = cam_layer(flat), {}

    def look(node, arrays, step):
        if flat.node_names[node] == explained:
            kept[explained] = step.outputs[0]
        layers[node] = {**_maps(step.outputs[0][0]), **_filters(node, flat), **found.of(node, arrays)}

    outputs = flat.run(flat.values(), flat.arrays(x), visit=look)
    rows = [
        {**_figures(row), **layers[node], "id": i}
        for i, (node, row) in enumerate(zip(flat.nodes, counted.layers, strict=True))
    ]
    scores = outputs[0][0]
    known = len(outputs) == 1 and scores.ndim == 1
    return {
        "title": flat.name or "model",
        "picture": {"url": as_jpeg(picture), "height": picture.shape[0], "width": picture.shape[1]},
        "input": counted.inputs[0].name,
        "layers": rows,
        "totals": _totals(counted),
        "memory": _memory(flat),
        "predictions": _predictions(scores, labels, top) if known else [],
        "shares": makes_shares(flat.outputs[0].node.layer),
        "attribution": _attribution(flat, x, scores, explained, kept[explained]) if known and explained else None,
    }


def _figures(row) -> dict[str, Any]:
    """What `count` says of a layer."""
    field = row.receptive_field
    return {
        "name": row.name,
        "kind": row.kind,
        "shape": row.output_shape,
        "params": row.params,
        "macs": row.macs,
        "bytes": row.output_bytes,
        "from": row.connected_to,
        "purpose": purpose(row.kind),
        "field": field and {"size": field.size, "stride": field.stride, "padding": field.padding},
    }


def _maps(output: np.ndarray) -> dict[str, Any]:
    """The maps of a layer that vary most, or its first values where it has none."""
    if output.ndim != 3:
        values = output.ravel()[:MOST_VALUES]
        return {"values": rounded(values, 5), "of": output.size}
    height, width, channels = output.shape
    shown = int(min(channels, MOST_MAPS, max(FEWEST_MAPS, MAP_PIXELS // max(1, height * width))))
    spread = output.reshape(-1, channels).std(axis=0)
    chosen = np.sort(np.argsort(-spread, kind="stable")[:shown])
    maps = []
    for channel in chosen:
        levels, low, high = gray_levels(output[:, :, channel])
        maps.append({"channel": int(channel), "url": as_png(levels), "low": rounded(low), "high": rounded(high)})
    return {"maps": maps, "of": channels}


def _filters(node: Node, flat: Model) -> dict[str, Any]:
    """The first filters of a convolution: (filters, channels, kernel height, kernel width)."""
    own = f"{flat.names[node.layer]}/"
    weights = [v.value for path, v in flat.variables.items() if path.startswith(own) and v.value.ndim == 4]
    if not weights or weights[0].shape[:2] == (1, 1):
        return {}
    kernel = weights[0][:, :, :MOST_CHANNELS, :MOST_FILTERS]
    return {"filters": {"values": rounded(kernel.transpose(3, 2, 0, 1), 3), "of": weights[0].shape}}


def _totals(counted: Count) -> dict[str, int]:
    return {
        "params": counted.params.total,
        "macs": counted.macs,
        "inference": counted.memory.inference_bytes,
        "training": counted.memory.training_low_bytes,
        "training_high": counted.memory.training_high_bytes,
    }


def _memory(flat: Model) -> dict[str, list]:
    """The course of memory: (phase, layer, bytes) of each moment."""
    course = timeline(flat)
    return {"predict": [list(m) for m in course.predict], "train": [list(m) for m in course.train_low]}


def _predictions(scores: np.ndarray, labels: Sequence[str], top: int) -> list[dict[str, Any]]:
    order = np.argsort(-scores, kind="stable")[:top]
    return [
        {"class": int(i), "label": labels[i] if len(labels) else f"class {i}", "score": rounded(scores[i])}
        for i in order
    ]


def _attribution(flat: Model, x, scores: np.ndarray, layer: str, maps: np.ndarray) -> dict[str, Any]:
    """Grad-CAM and the occlusion map of the class with the highest score."""
    best = int(scores.argmax())
    cam, _, high = gray_levels(cam_of_maps(flat, maps, best, layer=layer)[0])
    smaller, small = _affordable(flat, np.asarray(x))
    height, width = small.shape[1:3]
    runs = OCCLUSION_MACS // max(1, count(smaller).macs)
    cells = next((cells for cells in (8, 6) if (cells - 1) ** 2 <= runs), 4)
    strides = -(-height // cells), -(-width // cells)
    patch = tuple(min(2 * step, size) for step, size in zip(strides, (height, width), strict=True))
    drops = occlusion_map(smaller, small, best, patch_size=patch, strides=strides)
    return {
        "class": best,
        "layer": layer,
        "cam": {"url": as_png(cam), "high": rounded(high)},
        "occlusion": {
            "drops": rounded(drops),
            "patch": [patch[0] / height, patch[1] / width],
            "strides": [strides[0] / height, strides[1] / width],
            "size": [height, width],
        },
    }


def _affordable(flat: Model, x: np.ndarray) -> tuple[Model, np.ndarray]:
    """The model and the picture for many runs: at a fraction of the size where that helps and the model allows it."""
    height, width = x.shape[1:3]
    factor = min(height, width) // LEAST_SIDE
    if factor < 2 or 49 * count(flat).macs <= OCCLUSION_MACS:
        return flat, x
    rows, columns = height // factor, width // factor
    small = x[:, : rows * factor, : columns * factor].reshape(1, rows, factor, columns, factor, -1).mean(axis=(2, 4))
    try:
        return flat.with_input_shapes(small.shape[1:]), small.astype(x.dtype)
    except ValueError:
        return flat, x
