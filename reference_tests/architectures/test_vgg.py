"""VGG: table 1 of its paper."""

import pytest

from numpycnn import models
from numpycnn.layers import Dropout
from reference_tests.architectures.shared import shapes


@pytest.mark.parametrize(
    ("make", "counts"), [(models.vgg16, (2, 2, 3, 3, 3)), (models.vgg19, (2, 2, 4, 4, 4))], ids=["vgg16", "vgg19"]
)
def test_vgg_s_table_1(make, counts):
    model = make()
    found = shapes(model)
    for stage, (convolutions, filters) in enumerate(zip(counts, (64, 128, 256, 512, 512), strict=True), 1):
        size = 224 // 2 ** (stage - 1)
        assert [name for name in found if name.startswith(f"conv{stage}")] == [
            f"conv{stage}_{number}" for number in range(1, convolutions + 1)
        ]
        assert {found[f"conv{stage}_{n}"] for n in range(1, convolutions + 1)} == {(size, size, filters)}
        assert found[f"pool{stage}"] == (size // 2, size // 2, filters)
    assert [found[name] for name in ("fc6", "fc7", "fc8")] == [(4096,), (4096,), (1000,)]
    assert [layer.rate for layer in model.layers if isinstance(layer, Dropout)] == [0.5, 0.5]
    assert sum(bool(node.layer.weight_specs(*node.input_shapes)) for node in model.nodes) == sum(counts) + 3
