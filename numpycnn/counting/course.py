"""What exists while a model runs, layer by layer: on the way forward to predict, and forward and back to train."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from numpycnn.counting.sizes import Sizes
from numpycnn.layers.base import Node, Tensor

__all__ = ["Moment", "kept_tensors", "predicting", "training"]


class Moment(NamedTuple):
    """The most bytes that exist while one layer runs, weights and what an optimizer keeps of them not included."""

    phase: str
    layer: str
    bytes: int


def kept_tensors(nodes: Iterable[Node]) -> list[Tensor]:
    """The tensors that the backward of these nodes reads, as their layers declare them."""
    kept: list[Tensor] = []
    for node in nodes:
        kept += node.inputs if "inputs" in node.layer.keeps else ()
        kept += node.outputs if "output" in node.layer.keeps else ()
    return kept


def predicting(sizes: Sizes, order: Sequence[Node], *, in_place: bool = False) -> list[Moment]:
    """A run forward that lets every tensor go once its last reader has run; the outputs stay, and inputs come first.

    in_place: layers that can write their output over an input that nothing reads after them.
    """
    course = Course(sizes, in_place=in_place)
    for node in order:
        course.forward(node)
    return course.moments


def training(sizes: Sizes, *, lean: bool, copies: int) -> list[Moment]:
    """A step of training in the model's order, as the leanest or as the most wasteful order of work has it.

    lean: what can be written in place is, and since nothing waits for the gradients of weights, they are made last, one
        after the other. Otherwise every result has memory of its own and each gradient of a weight is made on the way
        and held to the end. The inputs are held to the end either way.
    copies: how many temporary arrays of a weight's size stand beside its gradient while the optimizer updates it.
    """
    graph, course = sizes.graph, Course(sizes, in_place=lean)
    course.hold(graph.inputs)
    trained, _ = graph.differentiated()
    for node in graph.nodes:
        course.forward(node, keep=node in trained)
    course.turn(trained)
    for node in reversed(graph.nodes):
        if node in trained:
            course.backward(node, trained, copies=None if lean else copies)
    course.finish(0 if not lean else (1 + copies) * max(sizes.trained, default=0))
    return course.moments


class Course:
    """Buffers with owners, a list of moments, and the steps that make, share and let go."""

    def __init__(self, sizes: Sizes, *, in_place: bool):
        graph = sizes.graph
        self.graph, self.sizes, self.in_place = graph, sizes, in_place
        self.names = graph.node_names
        self.alive = self.most = 0
        self.owners: Counter[int] = Counter()
        self.bytes: list[int] = []
        self.moments: list[Moment] = []
        self.unread = Counter(tensor for node in graph.nodes for tensor in dict.fromkeys(node.inputs))
        self.unread.update(graph.outputs)
        self.values = {tensor: self.new(self.size(tensor)) for tensor in graph.inputs}
        self.kept: dict[Node, list[int]] = {}
        self.gradients: dict[Tensor, int] = {}
        self.held: list[int] = []
        self.mark("start", "input")

    # Buffers

    def size(self, tensor: Tensor) -> int:
        return self.sizes.tensors([tensor])

    def new(self, size: int) -> int:
        self.bytes.append(size)
        self.owners[len(self.bytes) - 1] = 1
        self.alive += size
        self.most = max(self.most, self.alive)
        return len(self.bytes) - 1

    def share(self, buffer: int) -> int:
        self.owners[buffer] += 1
        return buffer

    def drop(self, buffer: int) -> None:
        self.owners[buffer] -= 1
        if not self.owners[buffer]:
            self.alive -= self.bytes[buffer]

    def hold(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            self.share(self.values[tensor])

    def mark(self, phase: str, layer: str, *done_with: int) -> None:
        """End a moment, and let go what only it needed."""
        self.moments.append(Moment(phase, layer, self.most))
        for buffer in done_with:
            self.drop(buffer)
        self.most = self.alive

    # Steps

    def forward(self, node: Node, *, keep: bool = False) -> None:
        """Run a layer; `keep` what its backward will read."""
        for tensor in dict.fromkeys(node.inputs):
            self.unread[tensor] -= 1
        keeps = node.layer.keeps if keep else ()
        for tensor in node.outputs:
            self.values[tensor] = self._output(node, tensor, () if "inputs" not in keeps else node.inputs)
        if keep:
            reads = (*(node.inputs if "inputs" in keeps else ()), *(node.outputs if "output" in keeps else ()))
            extra = self.sizes.extra(node)
            self.kept[node] = [*(self.share(self.values[t]) for t in reads), *([self.new(extra)] if extra else [])]
        read = [self.values[t] for t in dict.fromkeys((*node.inputs, *node.outputs)) if not self.unread[t]]
        self.mark("forward", self.names[node], *read)

    def _output(self, node: Node, output: Tensor, needed: Sequence[Tensor]) -> int:
        """The buffer of an output: an input's own, where the layer allows it and nothing else needs that input."""
        layer = node.layer
        if layer.view:
            return self.share(self.values[node.inputs[0]])
        for tensor in node.inputs if self.in_place and layer.in_place else ():
            buffer = self.values[tensor]
            free = not self.unread[tensor] and tensor not in needed and self.owners[buffer] == 1
            if free and self.bytes[buffer] == self.size(output):
                return self.share(buffer)
        return self.new(self.size(output))

    def turn(self, trained: set[Node]) -> None:
        """From forward to backward: the loss has read the outputs and sends a gradient back to each."""
        for tensor in self.graph.outputs:
            if tensor.node in trained:
                self.add_gradient(tensor, self.new(self.size(tensor)))
            self.drop(self.values[tensor])

    def backward(self, node: Node, trained: set[Node], *, copies: int | None) -> None:
        """Send the gradients of a layer's outputs back to its inputs and weights; let go what it had kept.

        copies: beside the gradient of each weight, which is held; None leaves those gradients for later.
        """
        dys = [self.gradients.pop(tensor) for tensor in node.outputs if tensor in self.gradients]
        for tensor in dict.fromkeys(node.inputs) if dys else ():
            if tensor.node in trained:
                self.add_gradient(tensor, self._input_gradient(node, tensor, dys[0]))
        if dys and copies is not None:
            made = [size for size, is_trained in self.sizes.weights.get(node, ()) if is_trained]
            self.held += map(self.new, made)
            self.drop(self.new(copies * max(made, default=0)))
        self.mark("backward", self.names[node], *dys, *self.kept.pop(node))

    def _input_gradient(self, node: Node, tensor: Tensor, dy: int) -> int:
        """dy itself, where it passes through unchanged; its buffer, where dx can be written over it."""
        layer, merged = node.layer, len(node.inputs) > 1
        passed = layer.view or (self.in_place and layer.in_place and (merged or self.owners[dy] == 1))
        same = self.bytes[dy] == self.size(tensor)
        return self.share(dy) if passed and same else self.new(self.size(tensor))

    def add_gradient(self, tensor: Tensor, buffer: int) -> None:
        """Where several layers read a tensor their gradients add up, in the buffer of one that nothing else owns."""
        if tensor not in self.gradients:
            self.gradients[tensor] = buffer
            return
        there = self.gradients[tensor]
        own = next((b for b in (there, buffer) if self.owners[b] == 1), None)
        self.gradients[tensor] = self.new(self.size(tensor)) if own is None else self.share(own)
        self.drop(there)
        self.drop(buffer)

    def finish(self, update: int) -> None:
        """What updates need at the end."""
        self.drop(self.new(update))
        self.mark("update", "optimizer", *self.held)
