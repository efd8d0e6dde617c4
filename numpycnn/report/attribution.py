"""Which parts of a picture a class depends on: by gradients (Grad-CAM), and by covering parts of it."""

from dataclasses import replace
from typing import Any

import numpy as np

from numpycnn.layers.base import Kept, Tensor
from numpycnn.models import Model
from numpycnn.models.graph import Graph
from numpycnn.models.nesting import flattened
from numpycnn.ops.arguments import fail
from numpycnn.ops.windows import sliding_window

__all__ = ["cam_layer", "grad_cam", "occlusion_map"]

SHARES = ("softmax", "sigmoid")
"""Activations that make scores of logits."""


def grad_cam(model: Model, x, class_index: int | None = None, *, layer: str | None = None) -> np.ndarray:
    """Where a layer's maps speak for a class: the maps added up, each by the mean gradient of the class by it.

    L[n,i,j] = relu(sum over k of a[n,k] * A[n,i,j,k]),   a[n,k] = mean over i,j of dz[n,class] / dA[n,i,j,k]

    with A the output of the layer and z the logits, before softmax or sigmoid.

    Args:
        model: with one input of images and one output (classes,).
        x: (batch, height, width, channels), as the model takes it.
        class_index: of which class; None for the one with the highest score, for each picture its own.
        layer: whose maps; None for the last layer with more than one pixel, as the paper does.

    Returns: (batch, rows, columns) of the layer's output, at least 0, in the model's dtype.

    Raises: ValueError for another kind of model, an unknown class or layer, or a layer that some way from the input
    to the output goes around.

    Source: Selvaraju et al., Grad-CAM, arXiv:1610.02391, equations 1 and 2.
    """
    flat = flattened(model)
    _classes("grad_cam", flat)
    layer = cam_layer(flat) if layer is None else layer
    tensor, _ = _head(flat, layer)
    (maps,) = Graph(flat.inputs, tensor, names=flat.names).run(flat.values(), flat.arrays(x))
    return cam_of_maps(flat, maps, class_index, layer=layer)


def cam_of_maps(flat: Model, maps: np.ndarray, class_index: int | None, *, layer: str | None) -> np.ndarray:
    """`grad_cam` of a flat model whose layer has given these maps."""
    classes, (_, head) = _classes("grad_cam", flat), _head(flat, layer)
    step = head.call(flat.values(), [maps])
    (logits,) = step.outputs
    chosen = _chosen("grad_cam", class_index, logits, classes)
    dlogits = (np.arange(classes) == chosen[:, None]).astype(logits.dtype)
    (dmaps,) = head.call_backward(flat.values(), [dlogits], Kept((), (), step.extra)).inputs
    return np.maximum(np.einsum("nk,nijk->nij", dmaps.mean(axis=(1, 2)), maps), 0)


def occlusion_map(
    model: Model, x, class_index: int | None = None, *, patch_size: Any, strides: Any = None, value: float | None = None
) -> np.ndarray:
    """How much the score of a class falls when a part of the picture is covered.

    M[i,j] = score(x) - score(x with the patch at (i*sh, j*sw) covered)

    Args:
        model, class_index: as in `grad_cam`.
        x: one picture (1, height, width, channels).
        patch_size, strides: of the patch and from one to the next, in pixels; strides None for patch_size.
        value: what the patch covers with; None for the mean of the picture, each channel its own.

    Returns: (rows, columns), one for each place of the patch within the picture.

    Raises: ValueError as `grad_cam`, or for sizes that do not fit.
    Source: Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, arXiv:1311.2901, section 4.2.
    """
    op, flat = "occlusion_map", flattened(model)
    classes = _classes(op, flat)
    (picture,) = flat.arrays(x)
    if len(picture) != 1:
        fail(op, "x must be one picture", x=picture)
    (scores,) = flat.run(flat.values(), [picture])
    (chosen,) = _chosen(op, class_index, scores, classes)
    strides = patch_size if strides is None else strides
    window = sliding_window(op, picture.shape[1:3], patch_size, strides=strides)
    fill = picture.mean(axis=(1, 2)) if value is None else value
    found = np.empty(window.output_shape, scores.dtype)
    for i in range(window.rows.output):
        rows = window.rows.pixels(i)
        covered = np.repeat(picture, window.columns.output, axis=0)
        for j in range(window.columns.output):
            columns = window.columns.pixels(j)
            covered[j, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = fill
        found[i] = scores[0, chosen] - flat.predict(covered, batch_size=4)[:, chosen]
    return found


def cam_layer(model: Model) -> str | None:
    """The last layer with maps of more than one pixel that every way to the output goes through; None without any."""
    flat = flattened(model)
    for node, name in reversed(flat.node_names.items()):
        shape = node.outputs[0].shape
        if len(shape) == 3 and shape[0] * shape[1] > 1:
            try:
                _head(flat, name)
            except ValueError:
                continue
            return name
    return None


def _classes(op: str, flat: Model) -> int:
    """How many classes; ValueError for a model that has none."""
    shapes = [tensor.shape for tensor in (*flat.inputs, *flat.outputs)]
    if len(shapes) != 2 or len(shapes[0]) != 3 or len(shapes[1]) != 1:
        fail(op, f"the model must have one input (height, width, channels) and one output (classes,); it has {shapes}")
    return shapes[1][0]


def _chosen(op: str, class_index: int | None, scores: np.ndarray, classes: int) -> np.ndarray:
    """The class of each picture."""
    if class_index is None:
        return scores.argmax(axis=-1)
    if not 0 <= class_index < classes:
        fail(op, f"class_index must be from 0 to {classes - 1}", class_index=class_index)
    return np.full(len(scores), class_index)


def _head(flat: Model, layer: str | None) -> tuple[Tensor, Graph]:
    """The output of a layer, and the graph from there to the logits."""
    nodes = {name: node for node, name in flat.node_names.items()}
    if layer not in nodes:
        fail("grad_cam", "the layer must be one of the model's, with maps of more than one pixel", layer=layer)
    tensor = nodes[layer].outputs[0]
    if len(tensor.shape) != 3:
        fail("grad_cam", f"the layer must give maps (height, width, channels); {layer} gives {tensor.shape}")
    logits, names = _logits(flat)
    try:
        return tensor, Graph(tensor, logits, names=names)
    except ValueError:
        fail("grad_cam", f"every way from the input to the output must go through the layer; some go around {layer}")


def makes_shares(layer: Any) -> bool:
    """Whether a layer ends in softmax or sigmoid, so that its values lie between 0 and 1."""
    return getattr(layer, "activation", None) in SHARES or layer.keras_class in ("Softmax", "Sigmoid")


def _logits(flat: Model) -> tuple[Tensor, dict]:
    """What softmax or sigmoid at the end is made of, or else the output itself; and the names of all layers."""
    (output,) = flat.outputs
    layer: Any = output.node.layer
    if not makes_shares(layer):
        return output, flat.names
    if layer.keras_class in ("Activation", "Softmax", "Sigmoid"):
        return output.node.inputs[0], flat.names
    bare = replace(layer, activation=None)
    return bare(*output.node.inputs), {**flat.names, bare: flat.names[layer]}
