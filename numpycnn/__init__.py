"""The executable specification of convolutional networks, in NumPy that a person can read."""

from importlib import import_module
from typing import TYPE_CHECKING

from numpycnn import layers, models, ops
from numpycnn.counting import Count, count
from numpycnn.keras_io import ModelFileError, from_keras, load_model
from numpycnn.models import Model, Sequential

if TYPE_CHECKING:
    from numpycnn.verification import Report, check, verify
else:  # type checkers would take every name for one that __getattr__ gives

    def __getattr__(name):
        """Verification is imported when it is first asked for: a quarter of what the import took with it."""
        if name not in ("Report", "check", "verify", "verification"):
            raise AttributeError(f"module 'numpycnn' has no attribute {name!r}")
        verification = import_module("numpycnn.verification")
        return verification if name == "verification" else getattr(verification, name)


__all__ = [
    "Count",
    "Model",
    "ModelFileError",
    "Report",
    "Sequential",
    "check",
    "count",
    "from_keras",
    "layers",
    "load_model",
    "models",
    "ops",
    "verify",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "verification"})
