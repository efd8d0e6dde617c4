"""LeNet-5, as the chapter has it and as it was in 1998."""

import numpy as np
import pytest

from numpycnn import models
from numpycnn.layers import Input
from numpycnn.models import Model
from numpycnn.models.lenet import squashed
from reference_tests.architectures.shared import SEED, is_row, layer_parameters, shapes

LENET5 = [
    ("C1", (28, 28, 6), 156, {"kernel_size": 5, "activation": "tanh"}),
    ("S2", (14, 14, 6), 0, {"pool_size": 2}),
    ("C3", (10, 10, 16), 2_416, {"kernel_size": 5, "activation": "tanh"}),
    ("S4", (5, 5, 16), 0, {"pool_size": 2}),
    ("C5", (1, 1, 120), 48_120, {"kernel_size": 5, "activation": "tanh"}),
    ("F6", (84,), 10_164, {"activation": "tanh"}),
    ("out", (10,), 850, {"activation": "softmax"}),
]


@pytest.mark.parametrize("row", LENET5, ids=[row[0] for row in LENET5])
def test_the_chapter_s_table(row):
    """Géron, Hands-On Machine Learning, 3rd ed., table 14-1."""
    model = models.lenet5()
    assert model.inputs[0].shape == (32, 32, 1)
    is_row(model, row)


# LeNet-5 of 1998.

TABLE_I = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""
"""LeCun et al.: an X where a map of C3 (columns) sees a map of S2 (rows)."""


@pytest.mark.parametrize(
    ("names", "params", "shape"),
    [
        (["C1"], 156, (28, 28, 6)),
        (["S2"], 12, (14, 14, 6)),
        (["C3_of_3_maps", "C3_of_4_maps", "C3_of_6_maps", "C3"], 1_516, (10, 10, 16)),
        (["S4"], 32, (5, 5, 16)),
        (["C5"], 48_120, (1, 1, 120)),
        (["F6"], 10_164, (84,)),
        (["out"], 840, (10,)),
    ],
)
def test_lenet5_of_1998_by_layer(names, params, shape):
    """Section II.B of the paper says each of these counts."""
    model = models.lenet5_original()
    assert sum(layer_parameters(model)[name] for name in names) == params
    assert shapes(model)[names[-1]] == shape


def test_lenet5_of_1998_has_the_paper_s_connections():
    """Section II.B counts the products and the bias of each unit: 340,908 in all, 5 for each unit of S2 and S4."""
    model = models.lenet5_original()
    connections, size_of = 0, shapes(model)
    for node, name in model.node_names.items():
        biases = np.prod(size_of[name]) if "bias" in node.layer.weight_specs(*node.input_shapes) else 0
        per_unit = 4 if name.startswith("S") else 1
        connections += per_unit * node.layer.macs(*node.input_shapes) + biases
    assert connections == 340_908


def test_maps_of_c3_see_what_table_i_says():
    """Each map of C3 changes with exactly the maps of S2 that are crossed; its own bias changes it alone."""
    model = models.lenet5_original()
    crossed = np.array([[cell == "X" for cell in line.split()] for line in TABLE_I.split("\n") if line])
    assert crossed.sum(axis=0).tolist() == [3] * 6 + [4] * 9 + [6]
    start = next(node.inputs[0] for node, name in model.node_names.items() if name == "C3_from_3_maps")
    end = next(node.outputs[0] for node, name in model.node_names.items() if name == "C3")
    c3 = Model(start, end)
    x = np.random.default_rng(SEED).normal(size=(1, 14, 14, 6))
    y = c3.predict(x)
    for s2_map in range(6):
        other = x.copy()
        other[..., s2_map] += 1
        assert np.any(c3.predict(other) != y, axis=(0, 1, 2)).tolist() == crossed[s2_map].tolist()


def test_the_squashing_function_is_the_paper_s():
    """Appendix A: f(1) = 1 and f(-1) = -1, and 1.7159 is as far as it goes."""
    inputs = Input((5,))
    y = Model(inputs, squashed(inputs, name="f"), dtype="float64").predict([[1.0, -1.0, 0.0, 50.0, 0.3]])
    np.testing.assert_allclose(y, [[1, -1, 0, 1.7159, 1.7159 * np.tanh(0.2)]], atol=2e-5)


def test_subsampling_adds_multiplies_shifts_and_squashes():
    """S2 at one pixel by hand, the coefficient being that of the average."""
    model = models.lenet5_original().astype("float64")
    model.variables["S2/kernel"].assign(np.arange(1.0, 7).reshape(1, 1, 6, 1))
    model.variables["S2/bias"].assign(np.arange(6.0) / 10)
    seen = model.activations(np.random.default_rng(SEED).normal(size=(2, 32, 32, 1)))
    four = seen["C1_amplitude"][:, 4:6, 10:12].sum(axis=(1, 2))
    expected = 1.7159 * np.tanh(2 / 3 * (four / 4 * np.arange(1, 7) + np.arange(6) / 10))
    np.testing.assert_allclose(seen["S2_amplitude"][:, 2, 5], expected, rtol=1e-12)


def test_the_least_distance_is_the_answer():
    model = models.lenet5_original()
    points = model.variables["out/kernel"]
    assert not points.trainable
    seen = model.activations(np.random.default_rng(SEED).normal(size=(2, 32, 32, 1)))
    expected = [[np.sum((f6 - points.value[:, k]) ** 2) for k in range(10)] for f6 in seen["F6_amplitude"]]
    np.testing.assert_allclose(seen["out"], expected, rtol=1e-5)
