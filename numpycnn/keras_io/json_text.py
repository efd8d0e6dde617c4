"""JSON from untrusted files: plain values of bounded depth, all numbers finite."""

import json
import math
import re
from typing import Any, NoReturn

from numpycnn.keras_io.errors import ModelFileError

__all__ = ["LONGEST", "read_json"]

LONGEST = 2**23
"""The longest text that is read, in bytes; the longest of keras.applications has about 1 MB."""

DEEPEST = 200
"""How deep lists and objects may lie within each other: a dozen levels for a model, as many again within it."""


def read_json(text: bytes) -> Any:
    """The value of a JSON text; ModelFileError for what is no JSON, too long or deep, or holds NaN or an infinity."""
    if len(text) > LONGEST:
        raise ModelFileError(f"the configuration may have {LONGEST:,} bytes; it has {len(text):,}")
    if _depth(text) > DEEPEST:
        raise ModelFileError(f"lists and objects may lie within each other {DEEPEST} deep; these go deeper")
    try:
        return json.loads(text.decode(), parse_constant=_not_finite, parse_float=_finite)
    except ModelFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"the configuration must be JSON; {error}") from error


def _depth(text: bytes) -> int:
    deepest = depth = 0
    for found in re.finditer(rb'"(?:\\.|[^"\\])*"|[\[{]|[\]}]', text, re.DOTALL):
        character = found[0]
        if character in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in b"]}":
            depth -= 1
    return deepest


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise ModelFileError(f"every number must be finite; got {text}")
