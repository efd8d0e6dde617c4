"""Networks written as their figures are drawn: boxes one after the other, and paths side by side.

A `Step` is a block, or a layer, that only waits for its input and its name. Steps are put together to larger ones.
"""

from collections.abc import Callable, Sequence
from string import ascii_lowercase
from typing import Any

from numpycnn.layers import Concatenate, Tensor

__all__ = ["Step", "block", "fork", "layer", "sequence"]

Step = Callable[[Tensor, str], Tensor]


def block(function: Callable[..., Tensor], *arguments, **options) -> Step:
    """A block with its arguments: block(conv_bn, 64, 3)."""
    return lambda x, name: function(x, *arguments, **options, name=name)


def layer(kind: Callable[..., Any], *arguments, **options) -> Step:
    """A layer with its arguments: layer(MaxPooling2D, 3, 2)."""
    return lambda x, name: kind(*arguments, **options, name=name)(x)


def sequence(*steps: Step) -> Step:
    """One step after the other, called name_1, name_2, and so on; a single one keeps the name."""

    def run(x: Tensor, name: str) -> Tensor:
        for number, step in enumerate(steps, 1):
            x = step(x, f"{name}_{number}" if len(steps) > 1 else name)
        return x

    return run


def fork(*paths: Sequence[Step]) -> Step:
    """Paths side by side, called name_a, name_b, and so on, whose maps are put one behind the other.

    A path without steps passes the maps on as they are.
    """

    def run(x: Tensor, name: str) -> Tensor:
        ends = [sequence(*steps)(x, f"{name}_{letter}") for letter, steps in zip(ascii_lowercase, paths, strict=False)]
        return Concatenate(name=name)(ends)

    return run
