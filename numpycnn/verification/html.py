"""A report as one page of HTML that needs nothing else: no script, no font, no picture from anywhere."""

from html import escape

import numpy as np

from numpycnn.verification.findings import Finding, Seen
from numpycnn.verification.report import Report, Row

__all__ = ["html_page"]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1b1f24; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { padding: .6rem .9rem; border-radius: .4rem; background: #e6f4ea; }
.verdict.differs { background: #fdecea; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: left; border-bottom: 1px solid #d8dee4; }
td.number { text-align: right; } tr.differs td { background: #fdecea; }
code { background: #f3f4f6; padding: 0 .2rem; } figure { margin: .5rem 0; } figcaption { color: #57606a; }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3; } th, td { border-color: #30363d; } code { background: #21262d; }
  .verdict { background: #12261a; } .verdict.differs, tr.differs td { background: #3a1614; }
}
"""
MOST_CELLS = 48
"""The most rows and columns of a picture of differences; larger ones are cut into so many blocks."""


def html_page(report: Report) -> str:
    """The report: its verdict, every row, and what was found of each that differs."""
    title = escape(f"numpycnn verify: {report.model} against {report.against}")
    verdict = "holds" if report.holds else "differs"
    findings = [row for row in report.rows if row.finding is not None]
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style></head><body>',
        f"<h1>{title}</h1>",
        f'<p class="verdict {verdict}">{escape(report.summary)}</p>',
        *(f"<p>note: {escape(note)}</p>" for note in report.notes),
        *(_section(row, row.finding) for row in findings if row.finding is not None),
        "<h2>All rows</h2>",
        _table(report),
        "<p>The errors of both sides are the largest on the same inputs against float64, in units of what rounding "
        "explains: at most 1 is right. The errors of the runs are relative to the largest value of the layer.</p>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _table(report: Report) -> str:
    side = escape(report.against)
    heads = ("layer", "kind", "compared", "shape", "NumPy", side, "NumPy run", f"{side} run", "verdict")
    lines = ["<table><thead><tr>", *(f"<th>{head}</th>" for head in heads), "</tr></thead><tbody>"]
    for row in report.rows:
        texts = [row.name, row.kind, row.quantity, "x".join(map(str, row.shape))]
        drift = ("" if e is None else f"{e:.1e}" for e in (row.chained_ours, row.chained_theirs))
        numbers = [f"{row.ours:.3f}", f"{row.theirs:.3g}", *drift]
        cells = [f"<td>{escape(text)}</td>" for text in texts]
        cells += [f'<td class="number">{number}</td>' for number in numbers]
        cells.append(f"<td>{row.verdict}</td>")
        lines.append(f'<tr class="{"holds" if row.holds else "differs"}">{"".join(cells)}</tr>')
    return "\n".join([*lines, "</tbody></table>"])


def _section(row: Row, finding: Finding) -> str:
    parts = [f"<h2>{escape(row.quantity)} of <code>{escape(row.name)}</code> ({escape(row.kind)})</h2>"]
    parts += [f"<p>{escape(line)}</p>" for line in finding.lines]
    if finding.errors is not None and finding.errors.ndim == 4:
        parts.append(_picture(finding.errors, finding.index[0] if finding.index else 0))
    if finding.seen is not None:
        parts.append(_window(finding.seen))
    return "\n".join(parts)


def _picture(errors: np.ndarray, example: int) -> str:
    """Where an example differs: the largest error of every pixel over its channels, darker the larger."""
    largest = np.nan_to_num(errors[example], nan=np.inf).max(axis=-1, initial=0)
    rows, columns = (min(size, MOST_CELLS) for size in largest.shape)
    blocks = [np.array_split(half, columns, axis=1) for half in np.array_split(largest, rows)]
    size, rects = 12, []
    for i, line in enumerate(blocks):
        for j, block in enumerate(line):
            strength = float(np.clip(np.log10(max(block.max(initial=0), 1)) / 6, 0, 1))
            place = f'x="{j * size}" y="{i * size}" width="{size - 1}" height="{size - 1}"'
            rects.append(f'<rect {place} fill="#cf222e" fill-opacity="{0.06 + 0.94 * strength:.2f}"/>')
    box = f'width="{columns * size}" height="{rows * size}"'
    caption = f"example {example}: where it differs, pale for right, darker tenfold by tenfold"
    return f"<figure><svg {box} role='img'>{''.join(rects)}</svg><figcaption>{caption}</figcaption></figure>"


def _window(seen: Seen) -> str:
    """The numbers behind the worst output, its first channel."""
    lines = [f"<figure><figcaption>{escape(seen.text)}; channel 0</figcaption><table>"]
    for line in seen.values[..., 0]:
        lines.append("<tr>" + "".join(f'<td class="number">{value:.6g}</td>' for value in line) + "</tr>")
    return "\n".join([*lines, "</table></figure>"])
