"""What a function makes of one drawn call: right, or wrong in one of the ways that have a name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from numpycnn.verification.calls import Call
from numpycnn.verification.explain import Observation
from numpycnn.verification.functions import Bound
from numpycnn.verification.tolerances import scaled_error

if TYPE_CHECKING:
    from numpycnn.testing import Op

__all__ = ["Judged", "judge"]


@dataclass
class Judged:
    """One case with what the function made of it; kind is None where that is right."""

    call: Call
    kind: str | None = None
    message: str = ""
    theirs: Any = None
    reference: Any = None
    observation: Observation | None = None
    written: Sequence[str] = ()


def judge(narrow: Call, bound: Bound, op: "Op", dtype: np.dtype) -> Judged:
    """What the function makes of a call; ValueError or TypeError where the call itself is none of the op."""
    wide = narrow.astype(np.float64)
    reference = wide.run()
    scales, length = _scales(wide, reference, op)
    try:
        outputs, written = bound.watched(narrow)
    except Exception as error:
        text = f"raised {type(error).__name__}: {' '.join(str(error).split())}"
        return Judged(narrow, f"exception {type(error).__name__}", text, error, reference)
    theirs = dict(zip(reference, outputs, strict=False))
    judged = Judged(narrow, theirs=theirs, reference=reference, written=written)
    if not outputs or len(outputs) > len(reference):
        return replace(judged, kind="count", message=f"gave {len(outputs)} arrays, not {len(reference)}")
    wrong = []
    for name, y in theirs.items():
        kind, message = _fault(name, y, reference[name], scales[name], length, dtype, op.constant)
        if kind is not None:
            wrong.append(name)
            judged = judged if len(wrong) > 1 else replace(judged, kind=kind, message=message)
    if judged.kind in (None, "values", "shape"):
        named = {name: np.asarray(y, np.result_type(y, np.float16)) for name, y in theirs.items()}
        if wrong:  # outputs that are right are no business of the rule that explains the others
            named = {name: named[name] for name in wrong}
        judged.observation = Observation((narrow,), named, scales, length, op.constant)
    return judged


def _scales(wide: Call, reference, op: "Op") -> tuple[dict[str, Any], int]:
    """S of each output, and K."""
    from numpycnn.testing import Case

    case = Case({k: v for k, v in wide.arrays.items() if k != "dy"}, dict(wide.options))
    if not wide.backward:
        return dict(zip(reference, op.output_scales(case), strict=True)), op.length(case)
    dy = wide.arrays["dy"]
    scales = {f"d{k}": scale for k, scale in op.gradient_scales((dy,), case).items()}
    return scales, max(op.gradient_length(case, dy, gradient) for gradient in reference.values())


def _fault(name: str, y, reference, scale, length: int, dtype: np.dtype, constant: float) -> tuple[str | None, str]:
    """What is wrong with one output, in a word and in a sentence."""
    if y.dtype.kind not in "buif":
        return "dtype", f"{name} must hold numbers; it holds {y.dtype}"
    if np.asarray(reference).dtype.kind in "iu":
        return _fault_of_integers(name, y, reference)
    if y.shape != np.shape(reference):
        return "shape", f"{name} has shape {y.shape}, and must have {np.shape(reference)}"
    error = scaled_error(y, reference, scale, length=length, dtype=dtype, constant=constant)
    if error > 1:
        return "values", _worst_value(name, y, reference)
    if y.dtype != dtype:
        return "dtype", f"{name} is {y.dtype}; for {dtype} arguments it must be {dtype}"
    return None, ""


def _fault_of_integers(name: str, y, reference) -> tuple[str | None, str]:
    """Indices and counts are equal, of whatever integer dtype."""
    if y.shape != reference.shape or not np.array_equal(y, reference):
        return "values", f"{name} is {y.tolist()}, and must be {reference.tolist()}"
    if y.size and y.dtype.kind not in "iu":
        return "dtype", f"{name} is {y.dtype}; it must hold integers"
    return None, ""


def _worst_value(name: str, y, reference) -> str:
    """Where the two are furthest apart, with both values."""
    difference = np.abs(np.asarray(y, np.float64) - reference)
    index = np.unravel_index(np.argmax(np.where(np.isnan(difference), np.inf, difference)), difference.shape)
    at = ", ".join(map(str, index))
    return f"{name}[{at}] is {float(y[index]):.7g}, and must be {float(reference[index]):.7g}"
