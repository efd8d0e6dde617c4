"""The worked example of transfer learning: a fair comparison, a short run of it, and what the page quotes."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numpycnn.data import load_dataset

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "transfer.md").read_text(encoding="utf-8")
EXAMPLE = runpy.run_path(str(DOCS / "examples" / "transfer.py"))


@pytest.mark.parametrize("examples", [25, 50, 250])
def test_every_number_of_pictures_gets_as_many_steps(examples):
    config = EXAMPLE["config_for"](examples, steps=150)
    assert config.epochs * -(-examples // config.batch_size) == 150


def test_each_seed_draws_other_pictures_of_these_classes_alone():
    digits = load_dataset("digits")
    first, again, other = (EXAMPLE["of_classes"](digits, (3, 6, 9), 4, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(np.bincount(first.train.y), [4, 4, 4])
    np.testing.assert_array_equal(first.train.x, again.train.x)
    assert not np.array_equal(first.train.x, other.train.x)
    assert len(first.validation) == 0
    assert len(first.test) == np.isin(digits.test.y, (3, 6, 9)).sum()
    of_six = first.test.x[first.test.y == 1]
    np.testing.assert_array_equal(of_six, digits.test.x[digits.test.y == 6])


@pytest.mark.parametrize("network", ["resnet", "wide_resnet"])
def test_residual_networks_are_bases_too(tmp_path, network):
    """Their second half starts at a block, before which statistics and kernels stay."""
    short = "--data digits --size 8 --few 4 --seeds 1 --base-each 60 --base-epochs 8 --steps 12 --start conv4_1"
    numbers = tmp_path / "figures.json"
    EXAMPLE["main"]([*short.split(), "--network", network, "--json", str(numbers)])
    result = json.loads(numbers.read_text(encoding="utf-8"))
    assert (result["network"], result["start"]) == (f"small_{network}", "conv4_1")
    assert result["base_accuracy"] > 0.8
    accuracy = result["rows"][0]["accuracy"]
    assert min(accuracy.values()) > 0.3, "five classes: a guess gives 0.2"


def test_a_short_run_compares_three_ways_and_keeps_the_figures(tmp_path, capsys):
    numbers, picture = tmp_path / "transfer.json", tmp_path / "transfer.png"
    short = "--data digits --few 3 5 --seeds 2 --base-each 60 --base-epochs 4 --steps 12"
    EXAMPLE["main"]([*short.split(), "--json", str(numbers), "--out", str(picture)])
    result, printed = json.loads(numbers.read_text(encoding="utf-8")), capsys.readouterr().out
    assert [(row["few"], row["seed"]) for row in result["rows"]] == [(3, 1), (3, 2), (5, 1), (5, 2)]
    assert all(set(row["accuracy"]) == set(EXAMPLE["WAYS"]) for row in result["rows"])
    assert len({row["accuracy"]["fine-tuned"] for row in result["rows"]}) > 1
    learnt = [row["training_accuracy"]["from scratch"] for row in result["rows"]]
    assert min(learnt) > 0.5, "five classes: a guess gives 0.2"
    assert "\n".join(EXAMPLE["lines"](result)) in printed
    with Image.open(picture) as drawn:
        assert np.asarray(drawn.convert("L")).std() > 20


def measured(name: str) -> dict:
    (file,) = (DOCS / "measured").glob(f"{name}-2???-??-??.json")
    result = json.loads(file.read_text(encoding="utf-8"))
    assert file.name == f"{name}-{result['date']}.json"
    assert f"measured/{file.name}" in PAGE
    return result


def test_the_page_quotes_what_was_measured():
    result = measured("transfer")
    assert (result["data"], result["steps"], len(result["rows"])) == ("fashion_mnist", 300, 30)
    assert "```\n" + "\n".join(EXAMPLE["lines"](result)) + "\n```" in PAGE
    share, _ = EXAMPLE["mean_and_spread"](result, 50, "head only", "training_accuracy")
    assert f"it gets {share:.0f} % right even" in PAGE
    for few in (5, 10):
        gains = EXAMPLE["gains_of"](result, few)
        assert np.mean(gains) > 3 * EXAMPLE["spread"](gains) / len(gains) ** 0.5
        assert EXAMPLE["spread"](gains) / len(gains) ** 0.5 < 1


@pytest.mark.parametrize("network", ["resnet", "wide_resnet"])
def test_the_page_quotes_the_residual_bases(network):
    result = measured(f"transfer-{network}")
    assert (result["network"], result["steps"], result["size"]) == (f"small_{network}", 120, 14)
    assert "\n".join(EXAMPLE["lines"](result)) in PAGE
