"""The command line: the book's numbers by command, plain lines and JSON, one clear line for unusable input."""

import os
import re
import sys

import pytest
import typer
from typer.testing import CliRunner

from numpycnn.cli.errors import Commands
from numpycnn.cli.tables import byte_text, shape_text
from reference_tests.library.command_line import COMMAND, ROOT, figures, in_shell, refused, succeeds

CONVOLUTION = "conv2d --filters 200 --kernel-size 5 --padding same --input 150x100x3"
EXERCISE = f"{ROOT / 'docs/examples/three_layers.py'}:model"


# The book's numbers: Géron, Hands-On Machine Learning, 3rd ed., chapter 14.


@pytest.mark.parametrize(("batch", "output_bytes"), [(1, 12_000_000), (100, 1_200_000_000)])
def test_one_convolution(batch, output_bytes):
    found = figures(f"count {CONVOLUTION} --batch {batch}")
    assert found["params"] == {"total": 15_200, "trainable": 15_200, "non_trainable": 0}
    assert found["macs"] == 225_000_000
    assert found["memory"]["output_bytes"] == output_bytes
    assert [layer["output_shape"] for layer in found["layers"]] == [[150, 100, 200]]


def test_three_layer_exercise():
    one, batch = figures(f"count {EXERCISE}"), figures(f"count {EXERCISE} --batch 50")
    assert one["params"]["total"] == 903_400
    assert one["memory"]["inference_book_bytes"] == 12_613_600
    assert batch["memory"]["training_book_bytes"] == 565_613_600


def test_named_models():
    found = figures("count resnet34 --classes 10")
    assert found["params"] == {"total": 21_306_826, "trainable": 21_289_802, "non_trainable": 17_024}
    assert figures("count resnet34")["macs"] == 3_663_761_408
    assert figures("count fashion_mnist")["params"]["total"] == 1_413_834
    assert figures("count resnet18 --input 64x96x1")["inputs"][0]["output_shape"] == [64, 96, 1]


def test_options_reach_the_count():
    found = figures(f"count {CONVOLUTION} --batch 7 --dtype float16 --optimizer adam")
    assert (found["batch_size"], found["dtype"], found["optimizer"]) == (7, "float16", "adam")
    assert found["memory"]["parameter_bytes"] == 2 * 15_200
    assert found["memory"]["optimizer_bytes"] == 2 * 2 * 15_200


def test_an_activation_keeps_its_output():
    plain, activated = (figures(f"count dense --units 10 --input 128{more}") for more in ("", " --activation relu"))
    assert (plain["memory"]["kept_bytes"], activated["memory"]["kept_bytes"]) == (4 * 128, 4 * (128 + 10))


# Unusable input.


SMALL = "conv2d --filters 3 --kernel-size 2 --input 7x6x3"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("count", "Missing argument"),
        ("count fashion_mnits", "unknown model or layer 'fashion_mnits'; did you mean fashion_mnist?"),
        ("count conv2", "did you mean conv2d"),
        ("count zzz", "layers are named like their ops, as conv2d; your own is module:attribute"),
        ("count conv2d --kernel-size 5 --input 7x6x3", "conv2d needs --filters"),
        ("count conv2d --filters 3 --kernel-size 2", "needs the size of its input: --input HxWxC"),
        ("count dropout --input 7", "dropout needs --set rate=..."),
        ("count conv2d --filters 3 --kernel-size 9 --input 7x6x3", "1 * (9 - 1) + 1 = 9 must be at most 0 + 7 + 0 = 7"),
        ("count fashion_mnist --input 4x4x1", "the kernel must fit the padded height"),
        ("count resnet34 --classes -1", "units must be at least 1; got units -1"),
        (f"count {SMALL} --batch -3", "batch_size must be at least 1; got batch_size -3"),
        (f"count {SMALL} --batch 0", "batch_size must be at least 1; got batch_size 0"),
        (f"count {SMALL} --batch many", "'--batch'"),
        (
            f"count {SMALL} --dtype int8",
            "dtype must be one of float16, bfloat16, float32, float64, mixed_float16, mixed_bfloat16; got dtype 'int8'",
        ),
        (
            f"count {SMALL} --optimizer adm",
            "optimizer must be one of sgd, momentum, rmsprop, adam, adamw, nadam or None",
        ),
        (f"count {SMALL} --units 3", "conv2d takes no --units; it takes"),
        (f"count {SMALL} --classes 3", "conv2d takes no --classes"),
        (f"count {SMALL} --strides 2 --dilation-rate 3", "exclude each other"),
        (f"count {SMALL} --padding full", 'padding must be "valid" or "same"; got padding \'full\''),
        (f"count {SMALL} --strides 1x2x3", "strides must be one integer or two"),
        (f"count {SMALL} --strides -1", "--strides must be whole numbers with x between them"),
        (f"count {SMALL} --set nix=3", "conv2d takes no --set nix=...; it takes"),
        (f"count {SMALL} --set nix", "--set must be NAME=VALUE"),
        ("count conv2d --filters 3 --kernel-size 2 --input 7,6,3", "--input must be whole numbers"),
        ("count conv2d --filters 3 --kernel-size 2 --input 7x6", "must have the axes (batch, height, width, channels)"),
        ("count conv2d --filters 3 --kernel-size 2 --input 0x6x3", "every size of shape must be a positive integer"),
        ("count conv2d --filters -3 --kernel-size 2 --input 7x6x3", "filters must be at least 1"),
        ("count resnet34 --filters 3", "--filters is for a layer named like its op, as conv2d; got resnet34"),
        (f"count {SMALL} --no-such-option", "No such option"),
        ("counted", "No such command 'counted'"),
    ],
)
def test_unusable_input(command, message):
    refused(command, message)


# What people read.


def test_plain_lines():
    lines = succeeds(f"count {EXERCISE} --batch 50 --optimizer adam").splitlines()
    empty = lines.index("")
    table = [re.split("  +", line.strip()) for line in lines[:empty]]
    assert table == [
        ["layer", "kind", "output shape", "parameters", "MACs", "output bytes", "share of MACs"],
        ["input", "InputLayer", "200x300x3", "0", "0", "36,000,000"],
        ["conv1", "Conv2D", "100x150x100", "2,800", "40,500,000", "300,000,000", "2.9 %"],
        ["conv2", "Conv2D", "50x75x200", "180,200", "675,000,000", "150,000,000", "48.2 %"],
        ["conv3", "Conv2D", "25x38x400", "720,400", "684,000,000", "76,000,000", "48.9 %"],
    ]
    facts = dict(re.split("  +", line) for line in lines[empty + 1 :])
    assert facts["parameters"] == "903,400; 903,400 trainable, 0 not trainable"
    assert facts["MACs"].startswith("1,399,500,000; for one example: multiplications of convolutions and dense layers")
    expected = {
        "memory of parameters": "3,613,600 bytes = 3.614 MB (3.446 MiB); ",
        "memory of outputs": "526,000,000 bytes = 526 MB (501.6 MiB); ",
        "memory to predict": "453,613,600 bytes = 453.6 MB (432.6 MiB); ",
        "memory to predict, in order": "453,613,600 bytes = 453.6 MB (432.6 MiB); ",
        "memory to predict, by the book": "453,613,600 bytes = 453.6 MB (432.6 MiB); ",
        "memory to train": "500,454,400 bytes = 500.5 MB (477.3 MiB); ",
        "memory to train, by the book": "565,613,600 bytes = 565.6 MB (539.4 MiB); ",
    }
    assert {label: text.split("; ")[0] + "; " for label, text in facts.items() if "memory" in label} == expected
    assert "state of adam" in facts["memory to train"]
    assert "MB" in facts["units"]


def test_one_convolution_for_people():
    printed = succeeds(f"count {CONVOLUTION} --batch 100")
    for figure in ("15,200", "225,000,000", "1,200,000,000 bytes = 1.2 GB (1.118 GiB)"):
        assert figure in printed
    assert "12,000,000 bytes = 12 MB (11.44 MiB)" in succeeds(f"count {CONVOLUTION}")


def test_off_a_terminal_nothing_is_drawn_or_cut():
    result = in_shell("count resnet34")
    assert result.returncode == 0
    assert not re.search("[\u2500-\u257f\x1b\u2026]", result.stdout)
    assert max(map(len, result.stdout.splitlines())) > 80
    assert "GlobalAveragePooling2D" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_numbers_stay_whole():
    import pty

    ours, theirs = pty.openpty()
    result = in_shell("count fashion_mnist --batch 100000000", stdout=theirs, COLUMNS="80", TERM="xterm")
    printed = os.read(ours, 2**16).decode()
    assert result.returncode == 0, result.stderr
    assert "\u2500" in printed
    for number in ("14,450,688", "20,070,400,000,000", "295,168"):
        assert number in printed
    plain = re.sub("\x1b\\[[0-9;]*m", "", printed)
    assert max(map(len, plain.splitlines())) <= 80


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1,000 bytes = 1 kB (0.9766 KiB)"),
        (12_613_600, "12,613,600 bytes = 12.61 MB (12.03 MiB)"),
        (1_200_000_000, "1,200,000,000 bytes = 1.2 GB (1.118 GiB)"),
        (3 * 10**21, "3,000,000,000,000,000,000,000 bytes = 3,000 EB (2,602 EiB)"),
    ],
)
def test_byte_text(count, text):
    assert byte_text(count) == text


def test_shape_text():
    assert shape_text((150, 100, 3)) == "150x100x3"
    assert shape_text(((4, 3), (7,))) == "4x3,7"
    assert shape_text(()) == "scalar"


# The command itself.


@pytest.mark.parametrize(("ends", "status"), [(lambda: 1, 1), (lambda: 0, 0), (lambda: None, 0)])
def test_a_command_gives_its_exit_status(ends, status):
    made = typer.Typer(cls=Commands)
    made.callback()(lambda: None)
    made.command("ends")(ends)
    assert CliRunner().invoke(made, ["ends"]).exit_code == status


def test_a_defect_is_not_taken_for_unusable_input():
    made = typer.Typer(cls=Commands)
    made.callback()(lambda: None)
    made.command("breaks")(lambda: [][0])
    assert isinstance(CliRunner().invoke(made, ["breaks"]).exception, IndexError)


def test_version_and_help():
    assert succeeds("--version").startswith("numpycnn")
    assert "count" in succeeds("--help")
    assert "count" in succeeds("")
    printed = succeeds("count --help")
    for option in ("--filters", "--kernel-size", "--input", "--batch", "--optimizer", "--json", "HxWxC"):
        assert option in printed


def test_counting_imports_no_tensorflow():
    shown = "import sys; print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    result = in_shell(f"count {CONVOLUTION}", f"import atexit; atexit.register(exec, {shown!r}, {{}}); {COMMAND}")
    assert result.returncode == 0
    assert "'numpycnn'" in result.stderr
    assert not {"tensorflow", "keras", "matplotlib", "sklearn", "h5py"} & set(result.stderr.split("'"))


def test_the_package_needs_no_command_line():
    shown = "import sys, numpycnn.counting, numpycnn.models; print({'typer', 'rich', 'tensorflow'} & set(sys.modules))"
    assert in_shell("", shown).stdout.strip() == "set()"
