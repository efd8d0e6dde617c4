"""`numpycnn verify` as people and programs call it: its table, its JSON, its exit statuses."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import numpycnn.keras_io.build as build
from numpycnn.cli import app

MODEL = """
from numpycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, Input
from numpycnn.models import Sequential

layers = [Conv2D(4, (3, 2), activation="relu", name="conv"), BatchNormalization(name="norm"), Flatten(), Dense(5)]
model = Sequential([Input((17, 19, 3)), *layers], name="tiny")
vectors = Sequential([Input((7,)), Dense(3)], name="vectors")
"""


@pytest.fixture
def model(tmp_path):
    (tmp_path / "mine.py").write_text(MODEL)
    return f"{tmp_path}/mine.py:model"


def run(*arguments):
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def test_a_right_model_holds(model):
    result = run(model)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split()[:4] == ["layer", "kind", "compared", "shape"]
    assert sum(line.startswith(("conv ", "norm ", "flatten ", "dense ")) for line in lines) == 4 + 4 + 6
    assert next(line for line in lines if line.startswith("conv ")).split()[1:4] == ["Conv2D", "output", "2x15x18x4"]
    assert any(line.startswith("parameters ") and "5,497" in line for line in lines)
    assert lines[-1] == "holds: tiny in NumPy equals TensorFlow in 4 layer outputs and 10 gradients"


def test_json_is_json_and_nothing_else(model, tmp_path):
    picture = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)).save(picture)
    result = run(model, "--image", picture, "--json", "--no-gradients")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert told["holds"] is True
    assert [row["shape"] for row in told["rows"]] == [[1, 15, 18, 4], [1, 15, 18, 4], [1, 1080], [1, 5]]
    assert told["count"]["params"]["total"] == 76 + 16 + 5405


def test_a_difference_is_exit_status_1(model, monkeypatch):
    def wrong_form(model, **options):
        form = keras_form(model, **options)
        form.weights["norm/beta"].assign(form.weights["norm/beta"].numpy() + 1e-3)
        return form

    keras_form = build.keras_form
    monkeypatch.setattr(build, "keras_form", wrong_form)
    result = run(model)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].startswith("differs: output of norm (BatchNormalization) is the first")


def test_a_model_without_pictures_runs_on_numbers(model):
    assert run(model.replace(":model", ":vectors")).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["resnet43"], "did you mean resnet34"),
        (["MODEL", "--image", "nothing.png"], "nothing.png"),
        (["VECTORS", "--image", "MODEL_FILE"], "--image needs a model with one input"),
        (["MODEL", "--image", "MODEL_FILE"], "mine.py"),
        (["MODEL", "--input", "17x19x3"], "cannot change it"),
        (["resnet34", "--input", "tall"], "--input"),
        (["resnet34", "--classes", "0"], "0"),
        (["resnet34", "--classes", "many"], "classes"),
        ([], "MODEL"),
    ],
)
def test_unusable_input_is_one_line_and_exit_status_2(model, arguments, words):
    names = {"MODEL": model, "VECTORS": model.replace(":model", ":vectors"), "MODEL_FILE": model.split(":")[0]}
    result = run(*(names.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_without_tensorflow_it_says_how_to_get_it(model, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tensorflow", None)
    result = run(model)
    assert result.exit_code == 2
    assert 'pip install "numpycnn-reference[tf]"' in result.stderr
