"""What flows back to one place from all that read it, on our side, in float64, and what it is made of."""

from dataclasses import replace

import numpy as np

from numpycnn.layers.base import Layer
from numpycnn.verification.findings import Finding, find
from numpycnn.verification.report import Row
from numpycnn.verification.tolerances import scaled_error

__all__ = ["GradientSum"]


class GradientSum:
    """What several uses send back to one place: ours, in float64, its S, and how many products it took.

    call, output: the backward that it comes from, where that is one call.
    """

    def __init__(self):
        self.ours = self.exact = self.scale = self.products = self.uses = 0
        self.call, self.output = None, ""

    def add(self, ours, exact, scale, products, call=None, output="") -> None:
        self.ours, self.exact = self.ours + ours, self.exact + exact
        self.scale, self.products = self.scale + scale, self.products + products
        self.uses += 1
        self.call, self.output = (call, output) if self.uses == 1 else (None, "")

    def row(self, name: str, layer: Layer, what: str, theirs: np.ndarray, drift=(None, None)) -> Row:
        length = self.products // max(1, theirs.size)
        ours, other = (scaled_error(side, self.exact, self.scale, length=length) for side in (self.ours, theirs))
        row = Row(name, layer.keras_class, f"gradient of {what}", theirs.shape, ours, other, drift[0], drift[1])
        if row.verdict != "differs":
            return row
        return replace(row, finding=self.finding(theirs, length))

    def finding(self, theirs: np.ndarray, length: int) -> Finding:
        chain = None if self.call is None else (self.call,)
        known = chain is not None and self.output in chain[0].output_names
        return find(self.output, self.exact, theirs, self.scale, length=length, chain=chain if known else None)
