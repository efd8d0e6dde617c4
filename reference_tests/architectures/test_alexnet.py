"""AlexNet: the chapter's table, and the paper's two groups."""

import pytest

from numpycnn import models
from reference_tests.architectures.shared import is_row

ALEXNET = [
    ("C1", (55, 55, 96), 34_944, {"kernel_size": 11, "strides": 4, "padding": "valid", "activation": "relu"}),
    ("S2", (27, 27, 96), 0, {"pool_size": 3, "strides": 2, "padding": "valid"}),
    ("C3", (27, 27, 256), 614_656, {"kernel_size": 5, "strides": (1, 1), "padding": "same", "activation": "relu"}),
    ("S4", (13, 13, 256), 0, {"pool_size": 3, "strides": 2, "padding": "valid"}),
    ("C5", (13, 13, 384), 885_120, {"kernel_size": 3, "strides": (1, 1), "padding": "same", "activation": "relu"}),
    ("C6", (13, 13, 384), 1_327_488, {"kernel_size": 3, "strides": (1, 1), "padding": "same", "activation": "relu"}),
    ("C7", (13, 13, 256), 884_992, {"kernel_size": 3, "strides": (1, 1), "padding": "same", "activation": "relu"}),
    ("S8", (6, 6, 256), 0, {"pool_size": 3, "strides": 2, "padding": "valid"}),
    ("F9", (4096,), 37_752_832, {"activation": "relu"}),
    ("F10", (4096,), 16_781_312, {"activation": "relu"}),
    ("out", (1000,), 4_097_000, {"activation": "softmax"}),
]


@pytest.mark.parametrize("row", ALEXNET, ids=[row[0] for row in ALEXNET])
def test_the_chapter_s_table(row):
    """Géron, Hands-On Machine Learning, 3rd ed., table 14-2."""
    model = models.alexnet()
    assert model.inputs[0].shape == (227, 227, 3)
    is_row(model, row)


def test_alexnet_normalizes_after_c1_and_c3_and_drops_after_f9_and_f10():
    model = models.alexnet()
    order = [model.names[layer] for layer in model.layers]
    for conv_name in ("C1", "C3"):
        layer = model.get_layer(f"{conv_name}_normalization")
        assert order.index(f"{conv_name}_normalization") == order.index(conv_name) + 1
        assert 2 * layer.depth_radius + 1 == 5, "the paper's n: five maps, the own one in the middle"
        assert (layer.alpha, layer.beta, layer.bias) == (1e-4, 0.75, 2)
    for dense_name in ("F9", "F10"):
        assert order[order.index(dense_name) + 1] == f"{dense_name}_dropout"
        assert model.get_layer(f"{dense_name}_dropout").rate == 0.5
    assert len(order) == len(ALEXNET) + 2 + 2 + 1  # and what flattens


def test_alexnet_in_two_groups_is_the_paper_s():
    """Figure 2: kernels of C3 see 48 maps, C5 256, C6 and C7 192."""
    model = models.alexnet(groups=2)
    seen = {name: model.weight_specs()[f"{name}/kernel"].shape[2] for name in ("C1", "C3", "C5", "C6", "C7")}
    assert seen == {"C1": 3, "C3": 48, "C5": 256, "C6": 192, "C7": 192}
