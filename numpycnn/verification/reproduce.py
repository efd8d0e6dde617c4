"""The first difference by itself: the arrays in a .npz and a script of a few lines that shows it."""

from pathlib import Path
from typing import Any

import numpy as np

from numpycnn.verification.chains import Chain
from numpycnn.verification.report import Report, Row

__all__ = ["write_reproduction"]

SCRIPT = '''"""The first difference that numpycnn verify found: {what}.

{reason}
"""

from pathlib import Path

import numpy as np

from numpycnn import ops

a = np.load(Path(__file__).with_suffix(".npz"))
{calls}
theirs = a["theirs"]
print("shapes: right", y.shape, "theirs", theirs.shape)
print("largest difference:", abs(y - theirs).max() if y.shape == theirs.shape else "none between different shapes")
'''


def write_reproduction(report: Report, folder: str | Path) -> list[Path]:
    """Write first_difference.npz and .py for the first row that differs; the files written, none where it has no op.

    Where several reasons fit, tells_apart.npz holds the arrays of a call on which they part.
    """
    row = next((row for row in report.rows if row.finding is not None and row.finding.chain is not None), None)
    if row is None or row.finding is None or row.finding.chain is None:
        return []
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "first_difference.py"
    arrays = {**_arrays(row.finding.chain), "theirs": row.finding.their_values}
    np.savez(script.with_suffix(".npz"), **arrays)
    script.write_text(_script(row, row.finding.chain), encoding="utf-8")
    written = [script.with_suffix(".npz"), script]
    explanation = row.finding.explanation
    if explanation is not None and explanation.apart is not None:
        written.append(folder / "tells_apart.npz")
        np.savez(written[-1], **_arrays(explanation.apart))
    return written


def _arrays(chain: Chain) -> dict[str, Any]:
    return {name: array for name, array in chain[0].arrays.items() if isinstance(array, np.ndarray)}


def _script(row: Row, chain: Chain) -> str:
    calls = []
    for place, call in enumerate(chain):
        positional, keywords, listed = call.places()
        texts = {k: f'a["{k}"]' if isinstance(v, np.ndarray) else "None" for k, v in call.arrays.items()}
        texts = {**texts, "x": "y"} if place else texts
        arrays = [texts[name] for name in positional]
        if listed:
            arrays = [f"[{', '.join(arrays)}]"]
        arrays += [f"{name}={texts[name]}" for name in keywords]
        options = [f"{k}={v!r}" for k, v in call.options.items()]
        line = f"ops.{call.op}({', '.join([*arrays, *options])})"
        names = call.output_names
        if len(names) > 1:
            line += f"[{_place(row, names)}]"
        calls.append(f"y = {line}")
    explanation = row.finding and row.finding.explanation
    reason = explanation.summary if explanation else "no rule was tried"
    what = f"{row.quantity} of {row.name} ({row.kind})"
    return SCRIPT.format(what=what, reason=reason.replace('"""', "'''"), calls="\n".join(calls))


def _place(row: Row, names) -> int:
    """Which output of a call the row is about."""
    about = row.quantity.removeprefix("gradient of ")
    return next((i for i, name in enumerate(names) if name in (f"d{about}", "dx" if about == "input" else "")), 0)
