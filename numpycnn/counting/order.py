"""The order of work that needs the least memory."""

from collections import Counter
from collections.abc import Iterable
from functools import reduce
from heapq import heappop, heappush
from itertools import count
from operator import or_
from typing import Any

from numpycnn.counting.sizes import Sizes
from numpycnn.layers.base import Node, Tensor
from numpycnn.models.graph import Graph

__all__ = ["best_order"]

MOST_STATES = 5_000
"""How many sets of finished layers are looked at between two places at which a single tensor exists. Of the networks in
numpycnn.models Inception-v3 takes the most, 1,300; where more would be needed the model's own order stands."""


def best_order(sizes: Sizes) -> list[Node]:
    """An order of the nodes in which the most that exists at once, from being made to the last read, is least.

    The graph is cut wherever one tensor is all that is still to be read, since all that follows must wait for it. Each
    piece is searched for the path through the sets of finished nodes whose highest point is lowest.
    """
    graph = sizes.graph
    readers: dict[Tensor, list[Node]] = {}
    for node in graph.nodes:
        for tensor in dict.fromkeys(node.inputs):
            readers.setdefault(tensor, []).append(node)
    order: list[Node] = []
    for piece in _pieces(graph):
        order += piece if len(piece) < 2 else _Search(sizes, piece, readers).order()
    return order


def _pieces(graph: Graph) -> list[list[Node]]:
    """The nodes in the model's order, cut where at most one tensor is still to be read.

    What nobody reads counts as still to be read, since its node may better wait for long.
    """
    unread = Counter(tensor for node in graph.nodes for tensor in dict.fromkeys(node.inputs))
    unread.update(tensor for node in graph.nodes for tensor in node.outputs if not unread[tensor])
    waiting, pieces, piece = {tensor for tensor in graph.inputs if unread[tensor]}, [], []
    for node in graph.nodes:
        piece.append(node)
        for tensor in dict.fromkeys(node.inputs):
            unread[tensor] -= 1
        waiting |= set(node.outputs)
        waiting -= {tensor for tensor in (*node.inputs, *node.outputs) if not unread[tensor]}
        if len(waiting) <= 1:
            pieces.append(piece)
            piece = []
    return [*pieces, piece] if piece else pieces


class _Search:
    """The best order of one piece, all that exists outside it taken as given."""

    def __init__(self, sizes: Sizes, piece: list[Node], readers: dict[Tensor, list[Node]]):
        self.piece = piece
        bits = {node: 1 << i for i, node in enumerate(piece)}
        later = 1 << len(piece)

        def waiting(tensor: Tensor) -> int:
            """Who is still to read a tensor: nodes of this piece by their bits, whoever comes later by one more."""
            held = later if tensor in sizes.graph.outputs else 0
            return held | _union(bits.get(node, later) for node in readers.get(tensor, ()))

        self.needs = [_union(bits.get(tensor.node, 0) for tensor in node.inputs) for node in piece]
        self.makes = [sizes.tensors(node.outputs) for node in piece]
        self.stays = [sizes.tensors(t for t in node.outputs if waiting(t)) for node in piece]
        self.reads = [[(waiting(t), sizes.tensors([t])) for t in dict.fromkeys(node.inputs)] for node in piece]

    def order(self) -> list[Node]:
        """Sets of finished nodes, as bits, from the one with the lowest peak so far; at equal peaks the fullest."""
        everything, tie = (1 << len(self.piece)) - 1, count()
        heap: list[tuple[Any, ...]] = [(0, 0, next(tie), 0, 0, ())]
        seen: set[int] = set()
        while heap and len(seen) < MOST_STATES:
            peak, _, _, done, alive, path = heappop(heap)
            if done == everything:
                return [self.piece[i] for i in _listed(path)]
            if done in seen:
                continue
            seen.add(done)
            for i in self._next(done, alive, peak):
                after, high = self._run(i, done, alive)
                finished = done | 1 << i
                heappush(heap, (max(peak, high), -finished.bit_count(), next(tie), finished, after, (path, i)))
        return self.piece

    def _next(self, done: int, alive: int, peak: int) -> list[int]:
        """The nodes that can run; only one, where one of them costs nothing now and leaves nothing more behind."""
        ready = [i for i, needs in enumerate(self.needs) if not done >> i & 1 and needs & ~done == 0]
        for i in ready:
            after, high = self._run(i, done, alive)
            if after <= alive and high <= peak:
                return [i]
        return ready

    def _run(self, i: int, done: int, alive: int) -> tuple[int, int]:
        """What exists after node i has run, and at most while it runs, in addition to what was there at first."""
        finished = done | 1 << i
        freed = sum(size for readers, size in self.reads[i] if readers & ~finished == 0)
        return alive + self.stays[i] - freed, alive + self.makes[i]


def _union(bits: Iterable[int]) -> int:
    return reduce(or_, bits, 0)


def _listed(path) -> list[int]:
    """((((), 2), 0), 1) as [2, 0, 1]"""
    listed = []
    while path:
        path, i = path
        listed.append(i)
    return listed[::-1]
