"""`numpycnn count`: comparison, conventions, fields, the largest batch, and its other forms of output."""

import csv
import json

import pytest

from numpycnn.cli.tables import byte_count
from numpycnn.counting import count, largest_batch
from numpycnn.models import googlenet, lenet5, resnet34
from reference_tests.library.command_line import refused, run, succeeds

ALONE = ("--fit 1GiB", "--plot a.png", "--blocks 1", "--receptive-field")


def rows_of(command: str) -> list[list[str]]:
    return list(csv.reader(succeeds(command).splitlines()))


def test_several_models_are_compared_with_the_first():
    """GoogLeNet has about ten times fewer parameters than AlexNet."""
    heading, alexnet, found = rows_of("count alexnet googlenet --csv")
    assert heading[:4] == ["model", "input", "parameters", "x alexnet"]
    assert alexnet[:5] == ["alexnet", "227x227x3", "62378344", "1", "1135256096"]
    assert found[:4] == ["googlenet", "224x224x3", "6998552", "0.112"]
    memory = count(googlenet()).memory
    assert (found[6], found[8]) == (str(memory.inference_bytes), str(memory.training_bytes))
    both = json.loads(succeeds("count alexnet googlenet --json"))
    assert [counted["params"]["total"] for counted in both] == [62378344, 6998552]


def test_csv_and_markdown_have_the_rows_of_the_table():
    heading, *rows = rows_of("count lenet5 --csv")
    assert heading == ["layer", "kind", "output shape", "parameters", "MACs", "output bytes"]
    assert rows[1] == ["C1", "Conv2D", "28x28x6", "156", "117600", "18816"]
    lines = succeeds("count lenet5 --markdown").splitlines()
    assert lines[1] == "| --- | --- | --- | ---: | ---: | ---: |"
    assert lines[3] == "| C1 | Conv2D | 28x28x6 | 156 | 117,600 | 18,816 |"
    assert len(lines) == len(rows) + 2


@pytest.mark.parametrize("parts", [1, 2, 9])
def test_blocks_add_up(parts):
    heading, *rows = rows_of(f"count resnet34 --classes 10 --blocks {parts} --csv")
    counted = count(resnet34(classes=10))
    assert heading == ["block", "layers", "output shape", "parameters", "MACs", "output bytes"]
    sums = [sum(int(row[i]) for row in rows) for i in (1, 3, 4, 5)]
    assert sums == [len(counted.layers), counted.params.total, counted.macs, counted.memory.output_bytes]
    names = [row[0] for row in rows]
    assert (
        names[:4]
        == {
            1: ["conv1", "pool1", "conv2", "conv3"],
            2: ["conv1_conv", "conv1_bn", "conv1_relu", "pool1"],
            9: [row.name for row in counted.layers][:4],
        }[parts]
    )
    if parts == 2:
        assert rows[4][:3] == ["conv2_1", "7", "56x56x64"]


@pytest.mark.parametrize("convention", ["macs", "all", "operations"])
def test_conventions(convention):
    rows = rows_of(f"count lenet5 --convention {convention} --csv")
    expected = count(lenet5()).work(convention)
    assert sum(int(row[4]) for row in rows[1:]) == expected
    printed = json.loads(succeeds(f"count lenet5 --convention {convention} --json"))
    assert (printed["convention"], printed["work"]) == (convention, expected)
    assert f"{expected:,}" in succeeds(f"count lenet5 --convention {convention}")


def test_what_macs_leave_out_is_printed():
    (line,) = (line for line in succeeds("count lenet5").splitlines() if line.startswith("not in MACs"))
    for kind, size in count(lenet5()).operations.items():
        assert f"{size:,} {kind.removesuffix('ion').removesuffix('ing')[:4]}" in line


def test_receptive_fields():
    heading, *rows = rows_of("count vgg16 --receptive-field --csv")
    assert heading[-4:] == ["field", "stride", "padding", "centre"]
    fields = {row[0]: row[-4:] for row in rows}
    assert fields["pool5"] == ["212", "32", "90", "15.5"]
    assert fields["fc6"] == ["all", "", "", ""]


def test_the_largest_batch():
    fit = largest_batch(lenet5(), 16 * 2**20, optimizer="adam")
    printed = succeeds("count lenet5 --fit 16MiB --optimizer adam")
    assert f"batch of {fit.train};" in printed
    assert json.loads(succeeds("count lenet5 --fit 16MiB --optimizer adam --json"))["fit"] == fit.to_dict()
    result = run("count lenet5 --fit 1MB --optimizer adam")
    assert result.exit_code == 1
    assert "batch of 0; by the upper end" in result.stdout


@pytest.mark.parametrize("name", ["course.png", "course.svg"])
def test_a_picture(tmp_path, name):
    pytest.importorskip("matplotlib")
    succeeds(f"count lenet5 --batch 3 --plot {tmp_path / name}")
    begin = (tmp_path / name).read_bytes()[:200]
    assert begin.startswith(b"\x89PNG") if name.endswith("png") else b"<svg" in begin or b"<?xml" in begin


@pytest.mark.parametrize(
    ("text", "size"),
    [("24GiB", 24 * 2**30), ("1.5GB", 1_500_000_000), ("800 MB", 800_000_000), ("64KiB", 65536), ("7", 7)],
)
def test_sizes(text, size):
    assert byte_count("--fit", text) == size


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("count no_such.keras", "there is no file no_such.keras"),
        ("count lenet5 --fit 24Gib", "--fit must be a size with its unit, as 24GiB or 800MB; got '24Gib'"),
        ("count lenet5 --fit -3GiB", "--fit must be a size with its unit"),
        ("count lenet5 --convention flops", "--convention must be one of macs, all, operations; got 'flops'"),
        ("count lenet5 --share time", "--share must be one of macs, parameters, memory; got 'time'"),
        ("count lenet5 --csv --json", "--csv, --markdown and --json exclude each other"),
        *((f"count lenet5 vgg16 {option}", "are for one model at a time") for option in ALONE),
        ("count lenet5 --blocks 1 --receptive-field", "--blocks and --receptive-field exclude each other"),
        ("count lenet5 no_such", "unknown model or layer 'no_such'"),
        ("count lenet5 --freeze C9", "or the name of a layer; got until 'C9'"),
        ("count lenet5 --blocks 0", "parts must be at least 1"),
        ("count lenet5 --batch 0", "batch_size must be at least 1"),
        ("count lenet5 --plot course.xyz", "--plot"),
    ],
)
def test_unusable_input(command, message):
    refused(command, message)
