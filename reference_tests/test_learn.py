"""The Learn pages: their cells run, and the commands of their exercises print what the pages quote."""

import re
from pathlib import Path

import pytest

from reference_tests.library.command_line import run

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "learn").glob("*.md"))


def cells(page: Path) -> str:
    """The code of a page, each line where it stands in the page, so that an error names it."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            inside = line.startswith("```{code-cell}")
            line = ""
        lines.append(line if inside and not line.startswith((":", "%")) else "")
    return "\n".join(lines)


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """What stands after each `$`, with the lines quoted from its output."""
    blocks = re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    calls = [part.splitlines() for block in blocks for part in re.split(r"^\$ ", block, flags=re.M)[1:]]
    return [(command, [line for line in quoted if line]) for command, *quoted in calls]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_cells_run(page, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(page.parent)
    exec(compile(cells(page), page, "exec"), {"__name__": "__main__"})
    pyplot.close("all")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_exercises_have_checks_that_print_what_is_quoted(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = commands(page)
    assert sum(line.startswith("<details>") for line in page.read_text().splitlines()) >= 3
    for command, quoted in found:
        program, _, arguments = command.partition(" ")
        assert program == "numpycnn"
        printed = "".join("\n" + " ".join(line.split()) for line in run(arguments).output.splitlines())
        assert quoted, f"{command}: nothing is quoted"
        assert not [line for line in quoted if "\n" + " ".join(line.split()) not in printed], command
