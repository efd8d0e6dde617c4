"""The pages of docs/: every link leads somewhere, and the index names every page. Their examples run as doctests."""

import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from reference_tests.library.command_line import run, succeeds

ROOT = Path(__file__).parents[1]
DOCS = [page for page in sorted((ROOT / "docs").rglob("*.md")) if not {"_build", "reference"} & {*page.parts}]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS]


def links(page: Path) -> list[str]:
    """The relative links and pictures of a page, without what stands in code."""
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    missing = [target for target in links(page) if not (page.parent / target).exists()]
    assert not missing


def test_the_index_names_every_page_and_example():
    """That of all pages, with that of the traps, which names their rows."""
    index = ROOT / "docs" / "README.md"
    named = {
        (index.parent / target).resolve() for page in (index, index.with_name("traps.md")) for target in links(page)
    }
    pages = {*DOCS, *(index.parent / "examples").glob("*.py")} - {index}
    assert not pages - named


def test_the_readme_quotes_what_count_prints():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    command, quoted = re.search(r"^numpycnn (count conv2d [^\n]*)$.*?Among.*?```\n(.*?)```", text, re.M | re.S).groups()
    assert len(quoted.splitlines()) == 3
    assert set(quoted.splitlines()) <= set(succeeds(command).splitlines())


def test_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[a](b.md) `x[0](c.md)` ![d](e.png)\n```\n[f](g.md)\n```\n[h](https://i.org) [j](k.md#l) [m](#n)\n")
    assert links(page) == ["b.md", "e.png", "k.md"]


def test_the_table_of_networks_is_what_count_says_of_each():
    from numpycnn import count
    from numpycnn.cli.targets import model_functions

    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`[^|]*\| ([\d,]+) \| ([\d,]+) \|$", text, re.M)
    counted = {name: count(make()) for name, make in model_functions().items()}
    assert {name: (f"{c.params.total:,}", f"{c.macs:,}") for name, c in counted.items()} == {
        name: (params, macs) for name, params, macs in rows
    }


def test_the_page_on_verification_quotes_what_verify_prints(tmp_path):
    """The three reasons, from a recording that the example makes."""
    text = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
    script = ROOT / "docs" / "examples" / "recorded_elsewhere.py"
    subprocess.run([sys.executable, script, tmp_path / "recorded.npz"], check=True, cwd=ROOT)
    printed = run(f"verify {ROOT}/docs/examples/small_network.py:model --dump {tmp_path}/recorded.npz").stdout
    quoted = re.findall(r"^reason: .*$", text, re.M)
    assert len(quoted) == 3
    assert quoted == [line.strip() for line in printed.splitlines() if line.strip().startswith("reason: ")]


def test_the_page_on_checking_quotes_what_check_prints():
    text = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    quoted = text.rpartition("--op conv2d\n```\n\n```\n")[2].removesuffix("```\n")
    assert quoted == run(f"check {ROOT}/docs/examples/my_convolution.py:my_conv2d --op conv2d").stdout


def test_the_memory_table_is_what_was_measured_and_what_count_says():
    """The measured peaks are those of the file, all of them lie in the range, and the range is that of today."""
    from numpycnn import count
    from numpycnn.models import resnet34

    text = (ROOT / "docs" / "count" / "range.md").read_text(encoding="utf-8")
    (file,) = set(re.findall(r"docs/measured/memory-[\d-]+\.json", text))
    measured = json.loads((ROOT / file).read_text(encoding="utf-8"))["rows"]
    lines = re.findall(r"^\| (\w+) \| (\d+) \| (sgd|adam|\(predict\)) \| (.*?) \|$", text, re.M)
    assert len(lines) == len(measured) == 43
    for (network, batch, optimizer, cells), row in zip(lines, measured, strict=True):
        assert (network, int(batch)) == (row["network"], row["batch"])
        assert optimizer == (row["optimizer"] or "(predict)")
        low, _, high, *peaks = (int(cell.replace(",", "")) for cell in cells.split(" | ")[:6])
        assert peaks == [round(row[name] / 1e6) for name in ("least", "median", "most")]
        assert low <= min(peaks) <= max(peaks) <= high
        if network == "ResNet34":
            memory = count(resnet34(), batch_size=row["batch"], optimizer=row["optimizer"]).memory
            kind = "training" if row["optimizer"] else "inference"
            ends = (getattr(memory, f"{kind}_{end}_bytes") for end in ("low", "high"))
            assert [low, high] == [round(end / 1e6) for end in ends]


def test_the_table_of_keras_applications_is_what_was_measured():
    from reference_tests.keras_applications import HEADINGS, NAMES, line

    rows = json.loads((ROOT / "docs" / "measured" / "keras_applications.json").read_text())["networks"]
    assert [row["name"] for row in rows] == NAMES
    assert all(row["holds"] for row in rows)
    page = (ROOT / "docs" / "keras_files.md").read_text(encoding="utf-8")
    assert "\n".join([HEADINGS, *map(line, rows), "40 of 40 hold"]) in page


def test_the_first_fifteen_minutes_of_the_readme(tmp_path, monkeypatch):
    """Its commands one after the other, as they stand there; only the page goes to another folder."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.search(r"^## In fifteen minutes\n.*?```\n(.*?)```", text, re.M | re.S)[1].splitlines()
    assert [command.split()[1] for command in commands] == ["explain", "count", "report", "check"]
    monkeypatch.chdir(ROOT)
    explained, counted, written, checked = (
        run(command.removeprefix("numpycnn ").replace("report.html", f"{tmp_path}/report.html")) for command in commands
    )
    assert "What stands behind y[1, 2, 0]" in explained.stdout
    assert "parameters                      21,306,826" in counted.stdout
    assert written.exit_code == 0
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert checked.exit_code == 1
    assert 'puts the odd pixel of padding="same" at the start' in checked.stdout
    source = (ROOT / "docs" / "examples" / "my_convolution.py").read_text(encoding="utf-8")
    assert "exchange the two numbers of zeros in its\n`np.pad`" in text
    mended = source.replace("(total - total // 2, total // 2)", "(total // 2, total - total // 2)")
    (tmp_path / "mended.py").write_text(mended, encoding="utf-8")
    assert "holds: my_conv2d equals conv2d" in succeeds(f"check {tmp_path}/mended.py:my_conv2d --op conv2d")


def test_the_page_on_training_quotes_what_was_measured():
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")

    def measured(name):
        file = f"docs/measured/training-{name}.json"
        trained = json.loads((ROOT / file).read_text(encoding="utf-8"))
        assert file in page
        assert trained["date"] in page
        return trained

    digits, fashion, scenes = (measured(f"{name}-2026-11-25") for name in ("digits", "fashion_mnist", "scenes"))
    labels = "digits | numpy, one thread", "fashion_mnist | tensorflow, cpu", "scenes | numpy"
    for label, trained in zip(labels, (digits, fashion, scenes), strict=True):
        epoch = f"{median(trained['seconds_of_epochs']):.1f} s"
        seconds = f"{trained['seconds_in_all']} s | {epoch} | {trained['processor_seconds']} s"
        accuracy = f"{100 * trained.get('test_accuracy', trained.get('test_class_output_accuracy')):.2f} %"
        if "test_box_output_iou" in trained:
            accuracy += f", mean IoU {trained['test_box_output_iou']:.2f}"
        assert f"| {label} | {accuracy} | {len(trained['history'])} | {seconds} |" in page
    assert digits["test_accuracy"] > 0.98
    assert fashion["test_accuracy"] > 0.92
    resumed = measured("fashion_mnist-2026-11-25-resumed")
    assert (resumed["resumed"], fashion["resumed"]) == (True, False)
    for key in ("history", "test_loss", "test_accuracy"):
        assert resumed[key] == fashion[key]
    figures = ", ".join(f"{name} {value:.4g}" for name, value in scenes.items() if name.startswith("test_"))
    assert f"best epoch {scenes['best_epoch']} of {len(scenes['history'])}: {figures}" in page


def test_links_that_leave_the_pages_are_https(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    import build

    links = build.external_links()
    assert "https://semver.org/spec/v2.0.0.html" in links
    assert not [link for link in links if not build.is_sound(link)]
    wrong = ("http://a.org", "https://nowhere", "https://a.org/%2", "ftp://a.org", "https:///a.org")
    assert not [link for link in wrong if build.is_sound(link)]
