"""The rows as text: for a terminal, and as the page docs/traps.md."""

from collections.abc import Iterable

from numpycnn.traps.row import Row

__all__ = ["page", "text_lines"]

HEAD = """# Traps: the same name, other numbers

Where TensorFlow and Keras, PyTorch and ONNX mean different things by the same name. numpycnn follows the first column.
Measured with TensorFlow 2.21.0, Keras 3.15.1, PyTorch 2.13.0, ONNX 1.23.2 and ONNX Runtime 1.31.1 on the CPU.

This page is what `numpycnn traps --markdown` prints; a test holds them equal. Every number of an example is computed
when it is printed: numpycnn's own by its ops, those of the others by the rules that `numpycnn verify` and
`numpycnn check` try when numbers differ. What the other frameworks really give was measured once; the tests know it.
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


def page(rows: Iterable[Row]) -> str:
    """All rows as one page of Markdown."""
    return "\n".join([HEAD, *(_section(row) for row in rows)])


def _section(row: Row) -> str:
    lines = [f"## {row.number}. {row.title}", "", "| | |", "|---|---|"]
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
        lines += [f"Named by `verify` and `check` as {names}.", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
