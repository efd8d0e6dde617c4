"""Which pixels of the input an output depends on.

A layer says which of its own inputs one output reads (`Layer.reach`); what it reads of the model's input follows by
putting those after one another. With output i of a tensor reading the input from i * stride + first to
i * stride + last, a layer that reads its inputs from i * step + f to i * step + l has

    stride' = stride * step        first' = first + stride * f        last' = last + stride * l

and where branches meet, the smallest first and the largest last count.

Source: Araujo, Norris & Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from numpycnn.layers.base import Node, Tensor
from numpycnn.models.graph import Graph
from numpycnn.ops.windows import Reach

__all__ = ["ReceptiveField", "receptive_fields"]

Number = int | float


@dataclass(frozen=True, kw_only=True)
class ReceptiveField:
    """What one output sees, as (rows, columns) of pixels of the model's input.

    size: from the first pixel to the last, both included; zeros of padding that lie among them are not taken away.
    stride: from the field of one output to that of the next; a fraction where a layer made images larger.
    padding: how far the field of output (0, 0) begins before the image.
    centre: the middle of the field of output (0, 0), where (0, 0) is the middle of the first pixel. The middle for
        output (i, j) is centre + (i, j) * stride.
    """

    size: tuple[int, int]
    stride: tuple[Number, Number]
    padding: tuple[int, int]
    centre: tuple[float, float]


def receptive_fields(graph: Graph) -> dict[Node, ReceptiveField | None]:
    """The field of each node's first output; None where it sees the whole input, or as much as depends on the place.

    The graph must be flat and read images; where it has several inputs the field is that in any of them.
    """
    reached: dict[Tensor, tuple[Reach, Reach] | None] = {
        tensor: (Reach(), Reach()) if len(tensor.shape) == 3 else None for tensor in graph.inputs
    }
    for node in graph.nodes:
        found = _through(node, [reached[tensor] for tensor in node.inputs])
        reached.update(dict.fromkeys(node.outputs, found))
    return {node: _field(reached[node.outputs[0]]) for node in graph.nodes}


def _through(node: Node, before) -> tuple[Reach, Reach] | None:
    own = node.layer.reach(*node.input_shapes)
    if own is None or None in before:
        return None
    rows, columns = (_merged([_after(axes[i], own[i]) for axes in before]) for i in (0, 1))
    return None if rows is None or columns is None else (rows, columns)


def _after(reach: Reach, own: Reach) -> Reach:
    step, first, last = reach
    return Reach(step * own.step, first + step * own.first, last + step * own.last)


def _merged(branches: list[Reach]) -> Reach | None:
    """One field around those of all branches, which must move on together."""
    steps, firsts, lasts = zip(*branches, strict=True)
    return Reach(steps[0], min(firsts), max(lasts)) if len(set(steps)) == 1 else None


def _field(axes: tuple[Reach, Reach] | None) -> ReceptiveField | None:
    if axes is None:
        return None
    ends = [(ceil(axis.first), floor(axis.last)) for axis in axes]
    rows, columns = (last - first + 1 for first, last in ends)
    return ReceptiveField(
        size=(rows, columns),
        stride=(_plain(axes[0].step), _plain(axes[1].step)),
        padding=(-ends[0][0], -ends[1][0]),
        centre=(sum(ends[0]) / 2, sum(ends[1]) / 2),
    )


def _plain(number: int | Fraction) -> Number:
    return int(number) if number == int(number) else float(number)
