"""The rows as text: for a terminal, and as Markdown: the index docs/traps.md and a page for each row."""

import re
from collections.abc import Iterable
from pathlib import Path

from numpycnn.traps.row import Row

__all__ = ["file_name", "index", "page", "text_lines", "write_pages"]

HEAD = """# Traps: the same name, other numbers

Where TensorFlow and Keras, PyTorch and ONNX mean different things by the same name. numpycnn follows the first column.
Measured with TensorFlow 2.21.0, Keras 3.15.1, PyTorch 2.13.0, ONNX 1.23.2 and ONNX Runtime 1.31.1 on the CPU.

This page and those of the rows are what `numpycnn traps --write docs` writes; a test holds them equal. Every number of
an example is computed when it is written: numpycnn's own by its ops, those of the others by the rules that
`numpycnn verify` and `numpycnn check` try when numbers differ. What the other frameworks really give was measured once;
the tests know it.

| row | about | named by `verify` and `check` as |
|---|---|---|
"""


def text_lines(row: Row) -> list[str]:
    """A row for people, a line each."""
    lines = [f"row {row.number}: {row.title}", ""]
    sides = {"TensorFlow, Keras": row.tensorflow, "PyTorch": row.pytorch, "ONNX": row.onnx, "hidden by": row.hides}
    lines += [f"{who + ':':<19}{what}" for who, what in sides.items() if what != "-"]
    sources = f" ({', '.join(row.sources)})" if row.sources else ""
    lines.append(f"{'evidence:':<19}{row.evidence_text}{sources}")
    shown = row.shown()
    if shown:
        width = max(len(one.who) for one in shown)
        lines += ["", f"example{f', {row.given}' if row.given else ''}:"]
        lines += [f"    {one.who:<{width}}  {one.text}" for one in shown]
    if row.rules:
        lines += ["", "verify and check name it:"]
        lines += [f"    {rule.name}: the other side {rule.says}; {rule.fix}" for rule in row.rules]
    return lines


def page(row: Row) -> str:
    """A row as a page of Markdown."""
    lines = [f"# Row {row.number}: {row.title}", "", "| | |", "|---|---|"]
    sides = {"TensorFlow, Keras": row.tensorflow, "PyTorch": row.pytorch, "ONNX": row.onnx}
    lines += [f"| {who} | {_cell(what)} |" for who, what in sides.items()]
    sources = f" ({', '.join(row.sources)})" if row.sources else ""
    lines += [f"| hidden by | {_cell(row.hides)} |", f"| evidence | {row.evidence_text}{sources} |", ""]
    shown = row.shown()
    if shown:
        width = max(len(one.who) for one in shown)
        lines += [f"Example{f', {row.given}' if row.given else ''}:", "", "```"]
        lines += [f"{one.who:<{width}}  {one.text}" for one in shown]
        lines += ["```", ""]
    if row.rules:
        names = ", ".join(f"*{rule.name}*" for rule in row.rules)
        lines += [f"Named by [`verify`](../verification.md) and [`check`](../checking.md) as {names}.", ""]
    return "\n".join([*lines, "[All rows](../traps.md)", ""])


def index(rows: Iterable[Row]) -> str:
    """All rows as a page with a link to each."""
    lines = []
    for row in rows:
        names = ", ".join(rule.name for rule in row.rules)
        lines.append(f"| {row.number} | [{_cell(row.title)}](traps/{file_name(row)}) | {_cell(names)} |")
    return HEAD + "\n".join(lines) + "\n"


def file_name(row: Row) -> str:
    """01-same-padding-with-a-stride.md"""
    return f"{row.number:02}-{re.sub('[^a-z0-9]+', '-', row.title.lower()).strip('-')}.md"


def write_pages(rows: Iterable[Row], folder: Path) -> None:
    """traps.md and traps/*.md in `folder`."""
    rows = list(rows)
    (folder / "traps").mkdir(parents=True, exist_ok=True)
    (folder / "traps.md").write_text(index(rows), encoding="utf-8")
    for row in rows:
        (folder / "traps" / file_name(row)).write_text(page(row), encoding="utf-8")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
