"""The arithmetic of single values for the page: windows, weights and inputs of the layers that are small enough."""

from typing import Any

import numpy as np

from numpycnn.layers import AveragePooling2D, Conv2D, Dense, DepthwiseConv2D, MaxPooling2D
from numpycnn.layers.base import Node, Tensor
from numpycnn.models import Model
from numpycnn.report.encoding import as_bytes

__all__ = ["Working"]

MOST_TERMS = 600
"""The most products behind one value that are shown."""

MOST_VALUES = 64
"""The most values of a layer without maps that are shown."""

MOST_NUMBERS = 900_000
"""The most inputs and weights that are put on a page, all layers together."""


class Working:
    """Collects what the page needs to show the sum behind a value, layer by layer, until the page is full.

    Of each layer it gives the pixels behind every row and column of its output (from ops.windows), the weights, and
    under which number `inputs` has what it reads.
    """

    def __init__(self, flat: Model):
        self.flat, self.left, self.known = flat, MOST_NUMBERS, {}

    def of(self, node: Node, arrays) -> dict[str, Any]:
        """What the page gets of a layer; nothing for one that is too large, or of a kind without windows."""
        layer = node.layer
        if isinstance(layer, Dense):
            return self._dense(node, layer, arrays[0][0])
        if not isinstance(layer, Conv2D | DepthwiseConv2D | MaxPooling2D | AveragePooling2D):
            return {}
        window, (tensor,), x = layer.window(*node.input_shapes), node.inputs, arrays[0][0]
        pooling = isinstance(layer, MaxPooling2D | AveragePooling2D)
        channels = 1 if pooling or isinstance(layer, DepthwiseConv2D) else x.shape[2] // layer.groups
        size = len(window.taps) * channels * (0 if pooling else node.output_shapes[0][2])
        size += 0 if tensor in self.known else x.size
        if len(window.taps) * channels > MOST_TERMS or size > self.left:
            return {}
        self.left -= size
        found: dict[str, Any] = {
            "rows": [window.rows.pixels(i) for i in range(window.rows.output)],
            "columns": [window.columns.pixels(j) for j in range(window.columns.output)],
            "input": x.shape,
            "channels": channels,
            **self._input(tensor, x),
        }
        if pooling:
            return {"working": {**found, "kind": "max" if isinstance(layer, MaxPooling2D) else "average"}}
        return {"working": {**found, **self._weights(node, layer), "kind": "sum", "activation": layer.activation}}

    def _dense(self, node: Node, layer: Dense, x: np.ndarray) -> dict[str, Any]:
        """Of a dense layer on one row of numbers: what the values that are shown add up."""
        weights, (tensor,) = self._own(layer), node.inputs
        kernel = weights["kernel"][:, :MOST_VALUES]
        size = kernel.size + (0 if tensor in self.known else x.size)
        if x.ndim != 1 or size > self.left:
            return {}
        self.left -= size
        bias = weights.get("bias", np.zeros(kernel.shape[1]))[:MOST_VALUES]
        found = {"kind": "dense", "weights": as_bytes(kernel.T), "bias": as_bytes(bias), "terms": len(kernel)}
        return {"working": {**found, "activation": layer.activation, **self._input(tensor, x)}}

    def _input(self, tensor: Tensor, x: np.ndarray) -> dict[str, Any]:
        """The values that are read, or the number of those that an earlier layer has put on the page."""
        if tensor not in self.known:
            self.known[tensor] = len(self.known)
            return {"source": self.known[tensor], "values": as_bytes(x)}
        return {"source": self.known[tensor]}

    def _weights(self, node: Node, layer) -> dict[str, Any]:
        """The kernel as (filters, kernel height, kernel width, channels of a filter); from which channel each reads."""
        values = self._own(layer)
        kernel = values["kernel"]
        if isinstance(layer, DepthwiseConv2D):
            height, width, channels, multiplier = kernel.shape
            flat = kernel.reshape(height, width, 1, channels * multiplier)
            first = [c for c in range(channels) for _ in range(multiplier)]
        else:
            flat, filters = kernel, kernel.shape[3] // layer.groups
            first = [o // filters * kernel.shape[2] for o in range(kernel.shape[3])]
        bias = values.get("bias", np.zeros(flat.shape[3], np.float32))
        shape, taps = flat.shape[:3], as_bytes(flat.transpose(3, 0, 1, 2))
        return {"weights": taps, "kernel": shape, "first": first, "bias": as_bytes(bias)}

    def _own(self, layer) -> dict[str, np.ndarray]:
        """The weights of a layer by their names in it."""
        own = f"{self.flat.names[layer]}/"
        return {path.removeprefix(own): v.value for path, v in self.flat.variables.items() if path.startswith(own)}
