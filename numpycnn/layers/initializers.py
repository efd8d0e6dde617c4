"""Initializers: how the weights of a model are first drawn, with Keras's names, arguments and distributions.

A layer names its initializer as text ("glorot_uniform") or describes it (`HeNormal(seed=3)`); `initialize` draws.

Source: Keras 3, keras.initializers; Glorot & Bengio, AISTATS 2010; He et al., arXiv:1502.01852.
"""

import re
from dataclasses import asdict, dataclass
from math import prod, sqrt
from typing import Any, ClassVar

import numpy as np

from numpycnn.ops.arguments import fail

__all__ = [
    "INITIALIZERS",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "initialize",
    "initializer_from",
]

TRUNCATED_STANDARD_DEVIATION = 0.87962566103423978
"""The standard deviation of a standard normal distribution cut off at two."""

Axes = tuple[int, ...] | None


def initialize(initializer, shape, rng: np.random.Generator) -> np.ndarray:
    """Draw a weight.

    Args:
        initializer: one of Keras's names, an `Initializer`, or a dict {"class_name", "config"} as Keras writes it.
        shape: of the weight.
        rng: where random numbers come from, unless the initializer has a seed of its own.

    Returns: float32, as the layers of Keras draw their weights.

    Raises: ValueError for an unknown name, or a shape that the initializer is not made for; TypeError for anything
        else than the three forms.

    >>> initialize("ones", (2, 3), np.random.default_rng(0))
    array([[1., 1., 1.],
           [1., 1., 1.]], dtype=float32)
    """
    own = initializer_from(initializer)
    seed = getattr(own, "seed", None)
    drawn = own.draw(tuple(shape), rng if seed is None else np.random.default_rng(seed))
    return np.asarray(drawn, np.float32)


def initializer_from(initializer) -> "Initializer":
    """The description behind any of the forms that `initialize` takes."""
    if isinstance(initializer, Initializer):
        return initializer
    if isinstance(initializer, dict) and "class_name" in initializer:
        return _class_of(initializer["class_name"])(**initializer.get("config", {}))
    if isinstance(initializer, str):
        return _class_of(initializer)()
    raise TypeError(f"initialize: initializer must be a name or an Initializer; got initializer {initializer!r}.")


@dataclass(frozen=True)
class Initializer:
    """The base of all initializers: a description with Keras's arguments, that draws when it is told to."""

    def draw(self, shape, rng: np.random.Generator) -> np.ndarray:
        raise NotImplementedError

    def keras_config(self) -> dict[str, Any]:
        """What keras.initializers.get builds the same initializer from."""
        return {"class_name": type(self).__name__, "config": asdict(self)}


class Zeros(Initializer):
    def draw(self, shape, rng):
        return np.zeros(shape, np.float32)


class Ones(Initializer):
    def draw(self, shape, rng):
        return np.ones(shape, np.float32)


@dataclass(frozen=True)
class Constant(Initializer):
    value: float = 0.0

    def draw(self, shape, rng):
        return np.full(shape, self.value, np.float32)


@dataclass(frozen=True)
class Identity(Initializer):
    """gain on the diagonal of a matrix, zeros beside it."""

    gain: float = 1.0

    def draw(self, shape, rng):
        if len(shape) != 2:
            fail("Identity", "the weight must be a matrix", shape=shape)
        return self.gain * np.eye(*shape, dtype=np.float32)


@dataclass(frozen=True)
class RandomNormal(Initializer):
    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def draw(self, shape, rng):
        return self.mean + self.stddev * rng.standard_normal(shape, np.float32)


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """A normal distribution of which what lies beyond two `stddev` is drawn again."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def draw(self, shape, rng):
        return self.mean + self.stddev * _truncated_normal(shape, rng)


@dataclass(frozen=True)
class RandomUniform(Initializer):
    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def draw(self, shape, rng):
        return self.minval + (self.maxval - self.minval) * rng.random(shape, np.float32)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """gain times a matrix with orthonormal rows or columns, whichever are fewer; leading axes count as rows."""

    gain: float = 1.0
    seed: int | None = None

    def draw(self, shape, rng):
        if len(shape) < 2:
            fail("Orthogonal", "the weight must have at least two axes", shape=shape)
        rows, columns = prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns)), np.float32))
        q *= np.where(np.diag(r) < 0, -1, 1)  # every orthogonal matrix equally likely
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


class Scaling(Initializer):
    """Weights whose variance is scale / n, so that signals keep their size from layer to layer.

    n is by mode the number of inputs an output sums over ("fan_in"), of outputs an input goes to ("fan_out"), or
    their average ("fan_avg"), as `fans` counts them.
    """

    scale: Any
    mode: Any
    distribution: Any
    input_axes: Any
    output_axes: Any

    def draw(self, shape, rng):
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = sqrt(self.scale / max(1, n))
        if self.distribution == "uniform":
            return RandomUniform(-sqrt(3) * stddev, sqrt(3) * stddev).draw(shape, rng)
        if self.distribution == "untruncated_normal":
            return RandomNormal(0, stddev).draw(shape, rng)
        return TruncatedNormal(0, stddev / TRUNCATED_STANDARD_DEVIATION).draw(shape, rng)


@dataclass(frozen=True)
class VarianceScaling(Scaling):
    """`Scaling` with everything open; distribution: "uniform", "truncated_normal" or "untruncated_normal"."""

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None
    input_axes: Axes = None
    output_axes: Axes = None

    def __post_init__(self):
        modes = ("fan_in", "fan_out", "fan_avg")
        distributions = ("uniform", "normal", "truncated_normal", "untruncated_normal")
        if self.scale <= 0:
            fail("VarianceScaling", "scale must be positive", scale=self.scale)
        if self.mode not in modes:
            fail("VarianceScaling", f"mode must be one of {', '.join(modes)}", mode=self.mode)
        if self.distribution not in distributions:
            rule = f"distribution must be one of {', '.join(distributions)}"
            fail("VarianceScaling", rule, distribution=self.distribution)


@dataclass(frozen=True)
class NamedScaling(Scaling):
    """`Scaling` under the name of who proposed it."""

    seed: int | None = None
    input_axes: Axes = None
    output_axes: Axes = None

    scale: ClassVar[float]
    mode: ClassVar[str]
    distribution: ClassVar[str]


class GlorotUniform(NamedScaling):
    scale, mode, distribution = 1.0, "fan_avg", "uniform"


class GlorotNormal(NamedScaling):
    scale, mode, distribution = 1.0, "fan_avg", "truncated_normal"


class HeUniform(NamedScaling):
    scale, mode, distribution = 2.0, "fan_in", "uniform"


class HeNormal(NamedScaling):
    scale, mode, distribution = 2.0, "fan_in", "truncated_normal"


class LecunUniform(NamedScaling):
    scale, mode, distribution = 1.0, "fan_in", "uniform"


class LecunNormal(NamedScaling):
    scale, mode, distribution = 1.0, "fan_in", "truncated_normal"


def fans(shape, input_axes: Axes = None, output_axes: Axes = None) -> tuple[int, int]:
    """How many inputs an output of this weight sums over, and how many outputs an input goes to, as Keras counts.

    A kernel (kh, kw, C, O) has kh*kw*C and kh*kw*O, a depthwise one likewise, although its outputs see one channel
    only; a matrix its rows and its columns; a vector its length twice.

    >>> fans((3, 2, 5, 7))
    (30, 42)
    """
    if input_axes is not None and output_axes is not None:
        return prod(shape[axis] for axis in input_axes), prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return prod(shape), prod(shape)
    taps = prod(shape[:-2])
    return taps * shape[-2], taps * shape[-1]


def _truncated_normal(shape, rng) -> np.ndarray:
    drawn = np.array(rng.standard_normal(shape, np.float32))
    while (beyond := np.abs(drawn) > 2).any():
        drawn[beyond] = rng.standard_normal(np.count_nonzero(beyond), np.float32)
    return drawn


def _snake_case(class_name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", class_name).lower()


_CLASSES = (
    Zeros, Ones, Constant, Identity, RandomNormal, RandomUniform, TruncatedNormal, Orthogonal, VarianceScaling,
    GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal,
)  # fmt: skip

INITIALIZERS: dict[str, type[Initializer]] = {_snake_case(cls.__name__): cls for cls in _CLASSES}
"""Keras's names of all initializers."""

_ALIASES = {
    "zero": Zeros,
    "one": Ones,
    "normal": RandomNormal,
    "uniform": RandomUniform,
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
}


def _class_of(name: str) -> type[Initializer]:
    known = {**INITIALIZERS, **{cls.__name__: cls for cls in _CLASSES}, **_ALIASES}
    if name not in known:
        fail("initialize", f"initializer must be one of {', '.join(INITIALIZERS)}", initializer=name)
    return known[name]
