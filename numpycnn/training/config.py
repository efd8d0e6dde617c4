"""The description of a run, the same for NumPy and TensorFlow: what config.json holds."""

import json
from dataclasses import dataclass, field, fields, replace
from typing import Any

from numpycnn.data import Augmentation
from numpycnn.data.preprocessing import PREPROCESSING
from numpycnn.ops.arguments import fail, integer
from numpycnn.ops.scalars import real
from numpycnn.training.monitors import Best, EarlyStopping, ReduceLROnPlateau
from numpycnn.training.objective import LOSSES, metric
from numpycnn.training.optimizers import Adam, Optimizer, optimizer_from
from numpycnn.training.schedules import Schedule

__all__ = ["BACKENDS", "DEVICES", "PRECISIONS", "Head", "TrainingConfig"]

BACKENDS = ("tensorflow", "numpy")
PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
DEVICES = ("cpu", "gpu", "all")
OF_TENSORFLOW = {"devices": "cpu", "jit_compile": False, "deterministic": False, "tensorboard": False}
"""What only the TensorFlow backend can do, with the values that leave it out."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """One output of the model: the loss it is trained with, the weight of that loss in the sum, and its metrics.

    loss: a key of training.LOSSES, named as in keras.losses; metrics: keys of training.METRICS, or
    top_K_accuracy with any number.
    """

    loss: str = "sparse_categorical_crossentropy"
    weight: float = 1.0
    metrics: tuple[str, ...] = ("accuracy",)

    def __post_init__(self):
        object.__setattr__(self, "metrics", tuple(self.metrics))
        if self.loss not in LOSSES:
            fail("Head", f"loss must be one of {', '.join(LOSSES)}", loss=self.loss)
        real("Head", "weight", self.weight, rule="a number of at least 0", low=0)
        for name in self.metrics:
            metric(name)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained. Everything random follows from `seed`.

    Args:
        backend: "tensorflow" or "numpy".
        epochs, batch_size: batch_size is of all devices together.
        optimizer: with its learning rate or schedule.
        heads: one for each output of the model.
        class_weight: "balanced" (n / (classes * n of the class)), or the weight of each class; None for equal ones.
        l2: l2 * (sum of w^2) of every kernel is added to the loss, as keras.regularizers.L2.
        augmentation: of the pictures trained on; None for none.
        preprocessing: what pixels become, a key of data.PREPROCESSING.
        precision: of the arithmetic; the mixed ones are TensorFlow's alone.
        devices: "cpu", "gpu" (the first), "all" (every GPU, or every logical CPU device).
        jit_compile, deterministic, tensorboard: XLA; TensorFlow's deterministic operations; logs for TensorBoard.
        best: which epoch's weights best.keras holds.
        early_stopping, plateau: None for none.

    Raises: ValueError or TypeError for values out of range, or an option of TensorFlow's for the NumPy backend.

    >>> config = TrainingConfig(epochs=3, optimizer=Adam(learning_rate=0.01))
    >>> TrainingConfig.from_json(config.to_json()) == config
    True
    """

    backend: str = "numpy"
    epochs: int = 10
    batch_size: int = 32
    optimizer: Optimizer = field(default_factory=Adam)
    heads: tuple[Head, ...] = field(default_factory=lambda: (Head(),))
    class_weight: str | tuple[float, ...] | None = None
    l2: float = 0.0
    augmentation: Augmentation | None = None
    preprocessing: str = "unit"
    seed: int = 0
    precision: str = "float32"
    devices: str = "cpu"
    jit_compile: bool = False
    deterministic: bool = False
    tensorboard: bool = False
    best: Best = field(default_factory=Best)
    early_stopping: EarlyStopping | None = None
    plateau: ReduceLROnPlateau | None = None

    def __post_init__(self):
        op = "TrainingConfig"
        choices = {
            "backend": BACKENDS,
            "precision": PRECISIONS,
            "devices": DEVICES,
            "preprocessing": tuple(PREPROCESSING),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                fail(op, f"{name} must be one of {', '.join(known)}", **{name: getattr(self, name)})
        integer(op, "epochs", self.epochs)
        integer(op, "batch_size", self.batch_size)
        integer(op, "seed", self.seed, least=0)
        real(op, "l2", self.l2, rule="a number of at least 0", low=0)
        if not self.heads:
            fail(op, "there must be a head for each output of the model")
        if isinstance(self.class_weight, str) and self.class_weight != "balanced":
            fail(op, 'class_weight must be "balanced" or a number for each class', class_weight=self.class_weight)
        if self.class_weight is not None and [h.loss for h in self.heads] != ["sparse_categorical_crossentropy"]:
            fail(op, "class_weight goes with one output that is trained with sparse_categorical_crossentropy")
        if self.plateau is not None and isinstance(self.optimizer.learning_rate, Schedule):
            fail(op, "plateau goes with a constant learning rate, not with a schedule")
        if self.backend == "numpy":
            for name, without in OF_TENSORFLOW.items():
                if getattr(self, name) != without:
                    fail(op, f"{name} is the TensorFlow backend's alone", **{name: getattr(self, name)})
            if self.precision.startswith("mixed"):
                fail(op, "mixed precision is the TensorFlow backend's alone", precision=self.precision)

    @property
    def dtype(self) -> str:
        """Of the weights."""
        return "float32" if self.precision.startswith("mixed") else self.precision

    def to_dict(self) -> dict[str, Any]:
        """As plain values, by the names of the fields."""
        values = {own.name: getattr(self, own.name) for own in fields(self)}
        values |= {"optimizer": self.optimizer.config(), "heads": [vars(head) for head in self.heads]}
        for name in ("augmentation", "best", "early_stopping", "plateau"):
            values[name] = None if values[name] is None else vars(values[name])
        return values

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainingConfig":
        """From `to_dict`, or what JSON made of it; ValueError for what is none."""
        kinds = {"augmentation": Augmentation, "best": Best, "early_stopping": EarlyStopping}
        kinds["plateau"] = ReduceLROnPlateau
        try:
            made = {name: None if values[name] is None else kind(**values[name]) for name, kind in kinds.items()}
            made["optimizer"] = optimizer_from(values["optimizer"])
            made["heads"] = tuple(Head(**head) for head in values["heads"])
            if isinstance(values["class_weight"], list):
                made["class_weight"] = tuple(values["class_weight"])
            return cls(**{**values, **made})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"TrainingConfig: this is no description of a run: {error}.") from error

    @classmethod
    def from_json(cls, text: str) -> "TrainingConfig":
        """From `to_json`; ValueError for what is no description of a run."""
        return cls.from_dict(json.loads(text))

    def with_(self, **changes) -> "TrainingConfig":
        """The same description with some of it changed."""
        return replace(self, **changes)
