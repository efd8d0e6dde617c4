"""The one error for a file that cannot be a model."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ModelFileError", "within"]


class ModelFileError(ValueError):
    """A file, or a Keras configuration, that cannot be a model: the message says where in it, and what is wrong."""


@contextmanager
def within(place: str) -> Iterator[None]:
    """Put `place` in front of what is wrong, and turn a layer's refusal of its arguments into a ModelFileError."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelFileError(f"{place}: {error}") from error
