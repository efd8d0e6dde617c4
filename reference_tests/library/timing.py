"""How long something takes."""

from collections.abc import Callable
from time import perf_counter
from typing import Any


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """The wall time of one call, and what it gives."""
    start = perf_counter()
    result = call()
    return perf_counter() - start, result
