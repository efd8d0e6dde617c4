"""The pages that are run: their cells, the commands whose output they quote, and what each Learn page has to have."""

import re
from pathlib import Path

import pytest

from reference_tests.library.command_line import run

ROOT = Path(__file__).parents[1]
LEARN = sorted((ROOT / "docs" / "learn").glob("*.md"))
PAGES = [*LEARN, *sorted((ROOT / "docs" / "verify").glob("*.md")), *sorted((ROOT / "docs" / "count").glob("*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
each_learn_page = pytest.mark.parametrize("page", LEARN, ids=lambda page: page.stem)

IN_ORDER = [
    "receptive_fields", "strides", "filters", "stacking", "memory", "pooling", "architectures",
    "residual_learning", "resnet34", "transfer_learning", "localization", "iou", "non_max_suppression",
    "fully_convolutional", "yolo", "tracking", "segmentation",
]  # fmt: skip
"""The chapter."""


def cells(page: Path) -> str:
    """The code of a page, each line where it stands in the page, so that an error names it."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            inside = line.startswith("```{code-cell}")
            line = ""
        lines.append(line if inside and not line.startswith((":", "%")) else "")
    return "\n".join(lines)


def commands(text: str) -> list[tuple[str, list[str]]]:
    """What stands after each `$`, with the lines quoted from its output."""
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    calls = [part.splitlines() for block in blocks for part in re.split(r"^\$ ", block, flags=re.M)[1:]]
    return [(command, [line for line in quoted if line]) for command, *quoted in calls]


def sections(text: str) -> dict[str, str]:
    """What stands under each heading."""
    parts = re.split(r"^## (.*)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@each_page
def test_the_cells_run(page, monkeypatch, capsys):
    """And where a page puts our numbers beside others, every difference that it prints is one of rounding."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(page.parent)
    exec(compile(cells(page), page, "exec"), {"__name__": "__main__"})
    pyplot.close("all")
    if page in LEARN:
        printed = capsys.readouterr().out
        differences = re.findall(r"differ[^\d\n]*(\d[\d.]*(?:e-\d+)?)", printed)
        assert differences, printed
        assert all(float(difference) < 1e-3 for difference in differences), printed


@each_page
def test_the_commands_print_what_is_quoted(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    for command, quoted in commands(page.read_text(encoding="utf-8")):
        program, _, arguments = command.partition(" ")
        assert program == "numpycnn"
        printed = "".join("\n" + " ".join(line.split()) for line in run(arguments).output.splitlines())
        assert quoted, f"{command}: nothing is quoted"
        assert not [line for line in quoted if "\n" + " ".join(line.split()) not in printed], command


@each_learn_page
def test_a_learn_page_has_all_that_one_has(page):
    """A formula, our code beside that of others, a picture, traps, and three exercises that a command checks."""
    text = page.read_text(encoding="utf-8")
    parts = sections(text)
    assert re.search(r"^\$\$\n.+?^\$\$$", text, re.M | re.S), "no formula"
    beside = [part for heading, part in parts.items() if heading.startswith("Beside ")]
    assert any("```{code-cell}" in part for part in beside), "nothing beside it"
    drawn = re.findall(r"^(?:plt\.show\(\)|draw\(.*\)|figure)\n```$", text, re.M)
    assert drawn, "no picture"
    assert re.search(r"^%matplotlib inline$", text, re.M), "a figure is shown where a cell ends in it"
    assert [*parts][-2:] == ["Traps", "Exercises"]
    traps = re.findall(r"\]\(\.\./(traps/\d\d-[^)]+)\)", parts["Traps"])
    assert traps
    exercises = re.split(r"^\*\*(\d)\.\*\* ", parts["Exercises"], flags=re.M)
    assert exercises[1::2] == ["1", "2", "3"]
    for exercise in exercises[2::2]:
        (answer,) = re.findall(r"<details><summary>Check</summary>\n(.*?)</details>", exercise, re.S)
        assert {command.split()[1] for command, _ in commands(answer)} & {"count", "check"}, answer


def test_the_pages_follow_the_chapter():
    index = sections((ROOT / "docs" / "README.md").read_text(encoding="utf-8"))["Learn"]
    assert re.findall(r"\]\(learn/(\w+)\.md\)", index) == IN_ORDER
    assert sorted(IN_ORDER) == [page.stem for page in LEARN]
