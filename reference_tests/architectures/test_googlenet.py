"""GoogLeNet: table 1 of its paper, how its branches lie, its auxiliary classifiers."""

import numpy as np

from numpycnn import models, ops
from reference_tests.architectures.shared import SEED, shapes

GOOGLENET = [
    ("conv1", (112, 112, 64)),
    ("pool1", (56, 56, 64)),
    ("norm1", (56, 56, 64)),
    ("conv2", (56, 56, 192)),
    ("norm2", (56, 56, 192)),
    ("pool2", (28, 28, 192)),
    ("inception_3a_concat", (28, 28, 256)),
    ("inception_3b_concat", (28, 28, 480)),
    ("pool3", (14, 14, 480)),
    ("inception_4a_concat", (14, 14, 512)),
    ("inception_4b_concat", (14, 14, 512)),
    ("inception_4c_concat", (14, 14, 512)),
    ("inception_4d_concat", (14, 14, 528)),
    ("inception_4e_concat", (14, 14, 832)),
    ("pool4", (7, 7, 832)),
    ("inception_5a_concat", (7, 7, 832)),
    ("inception_5b_concat", (7, 7, 1024)),
    ("pool5", (1024,)),
    ("predictions", (1000,)),
]


def test_googlenet_s_table_1():
    """With the two normalizations of figure 3, which table 1 leaves out."""
    model = models.googlenet()
    found = shapes(model)
    assert [name for name in found if name in dict(GOOGLENET)] == [name for name, _ in GOOGLENET]
    assert [found[name] for name, _ in GOOGLENET] == [shape for _, shape in GOOGLENET]
    alexnet = models.alexnet().get_layer("C1_normalization").arguments
    assert model.get_layer("norm1").arguments == model.get_layer("norm2").arguments == alexnet


def test_googlenet_lays_its_branches_one_behind_the_other():
    """Module 3a: 64 maps of the 1x1, 128 of the 3x3, 32 of the 5x5, 32 of what is pooled, each pixel's 3x3 largest."""
    model = models.googlenet(classes=3, input_shape=(32, 40, 3))
    seen = model.activations(np.random.default_rng(SEED).normal(size=(2, 32, 40, 3)))
    kernels = model.weight_specs()
    parts = {"1x1": (0, 64, 1), "3x3": (64, 192, 3), "5x5": (192, 224, 5), "pool_proj": (224, 256, 1)}
    for branch, (start, stop, size) in parts.items():
        np.testing.assert_array_equal(seen["inception_3a_concat"][..., start:stop], seen[f"inception_3a_{branch}"])
        assert kernels[f"inception_3a_{branch}/kernel"].shape[:2] == (size, size)
    reads = {name: [model.node_names.get(t.node) for t in node.inputs] for node, name in model.node_names.items()}
    assert reads["inception_3a_pool_proj"] == ["inception_3a_pool"]
    assert reads["inception_3a_pool"] == reads["inception_3a_1x1"] == ["pool2"]
    np.testing.assert_array_equal(
        seen["inception_3a_pool"], ops.max_pool2d(seen["pool2"], 3, strides=1, padding="same")
    )


def test_googlenet_s_auxiliary_classifiers():
    """Section 5: after 4a and 4d, 5x5 pooling with stride 3 to 4x4, 128 maps, 1024 units, 70% dropped, softmax."""
    plain, model = models.googlenet(), models.googlenet(auxiliary=True)
    found, names = shapes(model), model.node_names
    assert [model.names[t.node.layer] for t in model.outputs] == [
        "predictions",
        "auxiliary_4a_predictions",
        "auxiliary_4d_predictions",
    ]
    for module, maps in (("4a", 512), ("4d", 528)):
        node = next(node for node, name in names.items() if name == f"auxiliary_{module}_pool")
        assert names[node.inputs[0].node] == f"inception_{module}_concat"
        assert found[f"auxiliary_{module}_pool"] == (4, 4, maps)
        assert found[f"auxiliary_{module}_conv"] == (4, 4, 128)
        assert found[f"auxiliary_{module}_fc"] == (1024,)
        assert model.get_layer(f"auxiliary_{module}_dropout").rate == 0.7
    assert model.get_layer("dropout").rate == 0.4
    assert plain.weight_specs().items() <= model.weight_specs().items()
