"""What is counted of a layer, of a block of layers, and of all parameters; and the ways to count arithmetic."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from numpycnn.counting.receptive_field import ReceptiveField
from numpycnn.counting.sizes import DTYPES
from numpycnn.ops.arguments import fail, integer

__all__ = ["CONVENTIONS", "BlockCount", "LayerCount", "Parameters", "blocks_of", "work_of"]

CONVENTIONS = {
    "macs": "multiplications of convolutions and dense layers, padded taps included",
    "all": "MACs, and one operation for each bias, each normalized or activated value (three or more where a value is"
    " normalized by its neighbours), each pooled or interpolated pixel and each merged value",
    "operations": "as all, with a multiplication and its addition as two operations",
}
"""Ways to count arithmetic. Papers that say "FLOPs" mean the first or, as twice the first, about the last."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """How many parameters, shared layers once."""

    total: int
    trainable: int
    non_trainable: int

    @property
    def bytes(self) -> dict[str, int]:
        """Those of all of them, by the dtype of each number."""
        return {name: self.total * item.variable for name, item in DTYPES.items() if not name.startswith("mixed")}


@dataclass(frozen=True, kw_only=True)
class LayerCount:
    """One use of a layer. A shared layer has a row for each use; its parameters stand in the first.

    output_shape: of one example; a tuple of shapes where there are several outputs.
    params, trainable_params: how many.
    macs: for one example.   operations: what else it takes, by kind.   output_bytes: for the whole batch.
    connected_to: the names of what it reads.   receptive_field: what an output sees of the model's input, or None
    where that is all of it.
    """

    name: str
    kind: str
    output_shape: tuple
    params: int
    trainable_params: int
    macs: int
    operations: dict[str, int]
    output_bytes: int
    connected_to: tuple[str, ...]
    receptive_field: ReceptiveField | None

    def work(self, convention: str = "macs") -> int:
        """The arithmetic for one example by one of CONVENTIONS."""
        return work_of(self, convention)


@dataclass(frozen=True, kw_only=True)
class BlockCount:
    """Layers whose names begin alike, added up; output_shape is that of the last of them."""

    name: str
    layers: int
    output_shape: tuple
    params: int
    trainable_params: int
    macs: int
    operations: dict[str, int]
    output_bytes: int

    def work(self, convention: str = "macs") -> int:
        """The arithmetic for one example by one of CONVENTIONS."""
        return work_of(self, convention)


def blocks_of(rows: Iterable[LayerCount], parts: int) -> tuple[BlockCount, ...]:
    """Rows added up by the first parts of their names, between "_", "." and "/": of conv2_1_2_bn, conv2 or conv2_1."""
    integer("blocks", "parts", parts)
    grouped: dict[str, list[LayerCount]] = {}
    for row in rows:
        beginning = re.match(rf"[^_./]*(?:[_./][^_./]*){{0,{parts - 1}}}", row.name)
        grouped.setdefault(beginning[0] if beginning else row.name, []).append(row)
    return tuple(
        BlockCount(
            name=name,
            layers=len(own),
            output_shape=own[-1].output_shape,
            params=sum(row.params for row in own),
            trainable_params=sum(row.trainable_params for row in own),
            macs=sum(row.macs for row in own),
            operations=dict(sum((Counter(row.operations) for row in own), Counter())),
            output_bytes=sum(row.output_bytes for row in own),
        )
        for name, own in grouped.items()
    )


def work_of(counted, convention: str) -> int:
    """The arithmetic of anything with `macs` and `operations`, by one of CONVENTIONS."""
    if convention not in CONVENTIONS:
        fail("work", f"convention must be one of {', '.join(CONVENTIONS)}", convention=convention)
    others = 0 if convention == "macs" else sum(counted.operations.values())
    return counted.macs * (2 if convention == "operations" else 1) + others
