"""What the tests of architectures ask of every network."""

import numpy as np

from numpycnn import count, models, verify
from numpycnn.models import Model

SEED = 5


def called(row) -> str:
    return "-".join([row[0], *map(str, row[1].values())])


def built(name, options, **sizes) -> Model:
    return getattr(models, name)(**sizes, **options)


def shapes(model: Model) -> dict[str, tuple]:
    return {name: node.output_shapes[0] for node, name in model.node_names.items()}


def layer_parameters(model: Model) -> dict[str, int]:
    return {row.name: row.params for row in count(model).layers}


def is_row(model: Model, row) -> None:
    """A row of a table: the name of the layer that ends it, its output, its parameters, and its arguments."""
    name, shape, params, arguments = row
    layer = model.get_layer(name)
    assert shapes(model)[name] == shape
    assert layer_parameters(model)[name] == params
    assert {argument: getattr(layer, argument) for argument in arguments} == arguments


def enliven(model: Model, rng) -> None:
    """Put something else in the place of zeros and ones, which errors could hide behind."""
    for variable in model.weights:
        if variable.name.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.7, 1.3, variable.shape))
        if variable.name.endswith(("beta", "moving_mean", "bias")):
            variable.assign(rng.uniform(-0.3, 0.3, variable.shape))


def agrees_with_tensorflow(name, options, shape):
    agrees(built(name, options, classes=5, input_shape=shape))


def agrees(model: Model):
    rng = np.random.default_rng(SEED)
    enliven(model, rng)
    report = verify(model, rng.normal(size=(2, *model.inputs[0].shape)))
    assert report.holds, report.summary
    assert sum(row.quantity == "output" for row in report.rows) == len(model.nodes)
