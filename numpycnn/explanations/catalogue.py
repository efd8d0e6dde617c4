"""What can be explained, and the small numbers it is explained on where nobody gives others."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from inspect import signature
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from numpycnn.explanations.boxes import iou, non_max_suppression_steps
from numpycnn.explanations.convolution import conv2d, depthwise_conv2d, separable_conv2d
from numpycnn.explanations.explanation import Explanation
from numpycnn.explanations.losses import sparse_categorical_crossentropy
from numpycnn.explanations.normalization import batch_normalization, local_response_normalization
from numpycnn.explanations.pooling import avg_pool2d, depth_max_pool, max_pool2d
from numpycnn.explanations.residual import residual_unit
from numpycnn.explanations.transposed import conv2d_transpose
from numpycnn.layers import Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D
from numpycnn.layers.base import Layer
from numpycnn.ops.arguments import fail

__all__ = ["EXPLAINED", "Explained", "explain", "find", "frames"]

MOST_FRAMES = 256
"""The most pictures of an animation."""

MOST_ARRAYS = {"batch_normalization": 2}
"""How many weights an op without a layer takes."""

NONE: Mapping[str, Any] = MappingProxyType({})


class Explained(NamedTuple):
    """One thing that can be explained.

    function: makes the explanation.   about: a few words for the list.
    input_shape: of one example, or (boxes, 4), where none is given.   defaults: of its options.
    layer: whose weights it takes besides its input, or None.   examples: how many make up the batch.
    slides: the axes of the output over which a window slides.
    """

    function: Callable[..., Explanation]
    about: str
    input_shape: tuple[int, ...]
    defaults: Mapping[str, Any] = NONE
    layer: type[Layer] | None = None
    examples: int = 1
    slides: tuple[int, ...] = (0, 1)

    @property
    def options(self) -> list[str]:
        """The arguments it takes, those of its weights first."""
        own = [name for name, given in signature(self.function).parameters.items() if given.kind == given.KEYWORD_ONLY]
        return [*self.weight_options, *(name for name in own if name not in ("at", "dy", "seed", "weights"))]

    @property
    def weighted(self) -> bool:
        """Whether it takes weights from the caller."""
        return self.layer is not None or self.function in (batch_normalization, residual_unit)

    @property
    def weight_options(self) -> list[str]:
        known = ("filters", "kernel_size", "depth_multiplier", "use_bias")
        return [] if self.layer is None else [f.name for f in fields(self.layer) if f.name in known]


EXPLAINED = {
    "conv2d": Explained(
        conv2d, "products and sum of a window", (5, 7, 3), {"filters": 2, "kernel_size": (3, 2)}, Conv2D
    ),
    "depthwise_conv2d": Explained(
        depthwise_conv2d, "each channel with filters of its own", (5, 7, 3), {"kernel_size": (3, 2)}, DepthwiseConv2D
    ),
    "separable_conv2d": Explained(
        separable_conv2d, "look around in each channel, then mix them", (5, 7, 3),
        {"filters": 2, "kernel_size": (3, 2)}, SeparableConv2D,
    ),
    "conv2d_transpose": Explained(
        conv2d_transpose, "the pixels that spread onto a value", (3, 4, 2),
        {"filters": 2, "kernel_size": (3, 2), "strides": 2}, Conv2DTranspose,
    ),
    "max_pool2d": Explained(max_pool2d, "the largest of a window", (5, 7, 2)),
    "avg_pool2d": Explained(avg_pool2d, "the average of a window", (5, 7, 2)),
    "depth_max_pool": Explained(
        depth_max_pool, "the largest of neighbouring channels", (2, 3, 9), {"pool_size": 3}, slides=(2,)
    ),
    "local_response_normalization": Explained(
        local_response_normalization, "a strong channel holds its neighbours down", (2, 3, 9),
        {"depth_radius": 2, "bias": 2.0}, slides=(2,),
    ),
    "batch_normalization": Explained(
        batch_normalization, "a channel by the statistics of its batch", (3, 4, 2), examples=3, slides=()
    ),
    "residual_unit": Explained(residual_unit, "two convolutions beside a skip connection", (5, 7, 3), slides=()),
    "iou": Explained(iou, "how much two boxes overlap", (2, 4), slides=()),
    "non_max_suppression": Explained(non_max_suppression_steps, "which box drops which", (6, 4), slides=()),
    "sparse_categorical_crossentropy": Explained(
        sparse_categorical_crossentropy, "softmax, cross-entropy, and back", (5,), slides=()
    ),
}  # fmt: skip
"""By the name of the op."""

ALIASES = {"softmax": "sparse_categorical_crossentropy", "nms": "non_max_suppression"}


def find(op: str) -> Explained:
    """What this name stands for; ValueError for one that is not explained."""
    name = ALIASES.get(op, op)
    if name not in EXPLAINED:
        fail("explain", f"op must be one of {', '.join([*EXPLAINED, *ALIASES])}", name=op)
    return EXPLAINED[name]


def explain(op: str, x=None, *, weights=None, at=None, seed: int = 0, **options) -> Explanation:
    """How one value of an op comes about.

    Args:
        op: a name of EXPLAINED.
        x: its input with the batch axis, or boxes (n, 4) as xyxy; a shape without it, or None, for small random
            integers.
        weights: of its layer, in their order: the kernel, then the bias; gamma, then beta; those of all layers of a
            residual unit. None for small random integers, or for a unit as it is drawn for training.
        at: the place of the value; None for the middle.   seed: of what is random, which includes dy.
        options: the op's own, as strides, and those of its weights, as filters.

    Raises: ValueError for an unknown op, or what the op refuses; TypeError for an option that it does not take.

    >>> explain("conv2d", (5, 7, 3), kernel_size=(3, 2), strides=(2, 1), padding="same", at=(1, 2, 0)).output_shape
    (3, 7, 2)
    """
    found, rng = find(op), np.random.default_rng(seed)
    for name in options:
        if name not in found.options:
            raise TypeError(f"explain {op} takes no {name}; it takes {', '.join(found.options) or 'no options'}.")
    given = {**found.defaults, **options}
    shape = found.input_shape if x is None else tuple(x) if isinstance(x, tuple) else None
    if shape is not None:
        x = _drawn(rng, op, found, shape)
    own = {name: value for name, value in given.items() if name not in found.weight_options}
    if found.function is residual_unit:
        own["weights"], weights = weights, None
    arrays = [x, *_more(rng, op, found, x, weights, given)]
    names = signature(found.function).parameters
    if "seed" in names:
        own["seed"] = seed
    if "at" not in names:
        if at is not None:
            fail("explain", f"{op} explains all of its result, and takes no at", at=at)
        return found.function(*arrays, **own)
    first = found.function(*arrays, at=at, **own)
    return found.function(*arrays, at=first.at, dy=_slopes(rng, found, x, first), **own)


def frames(op: str, x, chosen: Explanation, **options) -> list[Explanation]:
    """The explanations of every place that the window of `chosen` slides to, in row order.

    Args: as `explain`.   Raises: ValueError where nothing slides, or there are more than MOST_FRAMES places.
    """
    axes = find(op).slides
    sizes = [chosen.output_shape[axis] for axis in axes]
    if not axes:
        fail("explain", f"an animation slides a window, and {op} has none")
    if prod(sizes) > MOST_FRAMES:
        rule = f"an animation shows at most {MOST_FRAMES} places of the window"
        fail("explain", f"{rule}; {op} has {' * '.join(map(str, sizes))} = {prod(sizes):,} here")
    found = []
    for place in np.ndindex(*sizes):
        at = list(chosen.at)
        for axis, index in zip(axes, place, strict=True):
            at[axis] = index
        found.append(explain(op, x, at=tuple(at), **options))
    return found


def _drawn(rng: np.random.Generator, op: str, found: Explained, shape: tuple[int, ...]) -> np.ndarray:
    """Small integers, or boxes in two heaps."""
    if len(shape) != len(found.input_shape) or (found.input_shape[-1] == 4 != shape[-1] and len(shape) == 2):
        fail(
            "explain",
            f"the input of {op} must have {len(found.input_shape)} sizes, as {found.input_shape}",
            shape=shape,
        )
    if len(shape) == 2:
        corner = rng.integers(0, 4, (shape[0], 2)) + 12 * (np.arange(shape[0]) // 3 % 2)[:, None]
        return np.concatenate([corner, corner + rng.integers(7, 12, corner.shape)], axis=1).astype(float)
    return rng.integers(-4, 10, (found.examples, *shape)).astype(float)


def _more(rng, op: str, found: Explained, x, weights, given) -> list[np.ndarray]:
    """What the op takes besides its input: the weights of its layer, scale and offset, or scores."""
    if weights is not None:
        if not found.weighted:
            fail("explain", f"{op} has no weights")
        most, given = MOST_ARRAYS.get(op), [np.asarray(weight) for weight in weights]
        if most is not None and len(given) > most:
            fail("explain", f"{op} takes at most {most} arrays as weights", weights=len(given))
        return given
    if found.layer is not None:
        options = {name: given[name] for name in found.weight_options if name in given}
        groups = (
            {"groups": given["groups"]} if "groups" in given and "groups" in found.layer.__dataclass_fields__ else {}
        )
        made = found.layer(**options, **groups)
        specs = dict(made.weight_specs(np.shape(x)[1:]))
        drawn = [rng.integers(-3, 4, spec.shape).astype(float) for spec in specs.values()]
        if op == "conv2d_transpose":  # its layer knows no groups; its op has a kernel of filters // groups
            drawn[0] = drawn[0][:, :, : drawn[0].shape[2] // given.get("groups", 1)]
        return drawn
    if op == "batch_normalization":
        return [rng.integers(1, 4, np.shape(x)[-1]).astype(float), rng.integers(-2, 3, np.shape(x)[-1]).astype(float)]
    if op in ("non_max_suppression", "nms"):
        return [rng.permutation(np.arange(1, len(x) + 1)) / (len(x) + 1)]
    return []


def _slopes(rng, found: Explained, x, first: Explanation):
    """A gradient by the output: small integers, not 0 at the chosen value."""
    if len(first.output_shape) == 1:
        return None
    dy = rng.integers(-2, 3, (len(np.asarray(x)), *first.output_shape)).astype(float)
    dy[0][first.at] = rng.integers(1, 4)
    return dy
