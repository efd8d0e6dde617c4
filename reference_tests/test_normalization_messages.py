"""Every error of normalization: its type, its text, and that it comes before any work."""
# ruff: noqa: E501 - a message is one line, here as for the user

import numpy as np
import pytest

import numpycnn.ops
from numpycnn.ops import moving_average

X, ONE = np.zeros((2, 8, 7, 6)), np.ones(6)
INFERENCE = {"x": X, "mean": ONE, "variance": ONE}
RIGHT = {
    "batch_normalization": INFERENCE,
    "batch_normalization_train": {"x": X},
    "layer_normalization": {"x": X},
    "local_response_normalization": {"x": X},
}
EVERY = [
    ({"x": None}, TypeError, "x must be an array; got x None."),
    ({"x": X.astype(complex)}, TypeError, "x must be float16, float32, float64 or integer; got x complex128."),
]
EPSILON = [
    ({"epsilon": -1e-3}, ValueError, "epsilon must be a number, at least 0; got epsilon -0.001."),
    ({"epsilon": np.nan}, ValueError, "epsilon must be a number, at least 0; got epsilon nan."),
    ({"epsilon": "1"}, TypeError, "epsilon must be a number, at least 0; got epsilon '1'."),
]
BATCH = [
    ({"x": X[0, 0, 0]}, ValueError, "x must have at least two axes, (batch, ..., channels); got x (6,)."),
    ({"gamma": ONE[:5]}, ValueError, "gamma must have one value for each channel, (6,); got gamma (5,)."),
    ({"beta": ONE[:, None]}, ValueError, "beta must have one value for each channel, (6,); got beta (6, 1)."),
]
STATISTICS = [
    ({"mean": None}, TypeError, "mean must be an array; got mean None."),
    ({"mean": np.ones(7)}, ValueError, "mean must have one value for each channel, (6,); got mean (7,)."),
    ({"variance": np.ones(1)}, ValueError, "variance must have one value for each channel, (6,); got variance (1,)."),
]
AXES = [
    ({"axis": 4}, ValueError, "axis must lie in [-4, 4) for an array with 4 axes; got axis 4."),
    ({"axis": 1.0}, TypeError, "axis must be an integer; got axis 1.0."),
    ({"axis": (1, -3)}, ValueError, "axis must be one axis or several different ones; got axis (1, -3), x (2, 8, 7, 6)."),
    ({"axis": ()}, TypeError, "axis must be an integer; got axis ()."),
    ({"gamma": ONE[:5]}, ValueError, "gamma must have the shape of the normalized axes, (6,); got gamma (5,)."),
    ({"axis": (1, 3), "beta": np.ones((6, 8))}, ValueError, "beta must have the shape of the normalized axes, (8, 6); got beta (6, 8)."),
]  # fmt: skip
RESPONSE = [
    ({"x": X[0]}, ValueError, "x must have the axes (batch, height, width, channels); got x (8, 7, 6)."),
    ({"depth_radius": -1}, ValueError, "depth_radius must be at least 0; got depth_radius -1."),
    ({"depth_radius": 2.0}, TypeError, "depth_radius must be an integer; got depth_radius 2.0."),
    ({"alpha": "1"}, TypeError, "alpha must be a number; got alpha '1'."),
    ({"bias": None}, TypeError, "bias must be a number; got bias None."),
    ({"beta": [0.75]}, TypeError, "beta must be a number; got beta [0.75]."),
]
ERRORS = [
    pytest.param(op, *row, id=f"{op}-{'-'.join(row[0])}-{i}")
    for op, rows in (
        ("batch_normalization", EVERY + EPSILON + BATCH + STATISTICS),
        ("batch_normalization_train", EVERY + EPSILON + BATCH),
        ("layer_normalization", EVERY + EPSILON + AXES),
        ("local_response_normalization", EVERY + RESPONSE),
    )
    for i, row in enumerate(rows)
]


@pytest.mark.parametrize(("op", "wrong", "error", "text"), ERRORS)
def test_messages(op, wrong, error, text):
    arguments = {**RIGHT[op], **wrong}
    with pytest.raises(error) as caught:
        getattr(numpycnn.ops, op)(**arguments)
    assert str(caught.value) == f"{op}: {text}"
    with pytest.raises(error) as caught:
        getattr(numpycnn.ops, f"{op}_backward")(np.zeros((1, 2, 3, 4)), **arguments)
    assert str(caught.value) == f"{op}_backward: {text}"


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("axis", range(4))
def test_backward_wants_the_shape_of_the_output(name, axis):
    wrong = tuple(size + (i == axis) for i, size in enumerate(X.shape))
    with pytest.raises(ValueError, match="shape of the output") as caught:
        getattr(numpycnn.ops, f"{name}_backward")(np.zeros(wrong), **RIGHT[name])
    rule = f"dy must have the shape of the output, {X.shape}; got dy {wrong}."
    assert str(caught.value) == f"{name}_backward: {rule}"


@pytest.mark.parametrize("name", RIGHT)
def test_errors_come_before_any_work(name):
    huge = np.broadcast_to(np.zeros(()), (100_000, 30_000, 30_000, 6))
    wrong = {"alpha": "1"} if name == "local_response_normalization" else {"epsilon": -1}
    with pytest.raises((ValueError, TypeError), match=f"^{name}: "):
        getattr(numpycnn.ops, name)(**{**RIGHT[name], "x": huge, **wrong})
    with pytest.raises(ValueError, match=f"^{name}_backward: dy must have the shape"):
        getattr(numpycnn.ops, f"{name}_backward")(X, **{**RIGHT[name], "x": huge})


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"moving": None}, TypeError, "moving must be an array; got moving None."),
        ({"batch": np.ones((6, 1))}, ValueError, "batch must have the shape of moving, (6,); got batch (6, 1)."),
        ({"momentum": 1.5}, ValueError, "momentum must be a number from 0 to 1; got momentum 1.5."),
        ({"momentum": -0.1}, ValueError, "momentum must be a number from 0 to 1; got momentum -0.1."),
        ({"momentum": None}, TypeError, "momentum must be a number from 0 to 1; got momentum None."),
    ],
)
def test_messages_of_moving_average(wrong, error, text):
    with pytest.raises(error) as caught:
        moving_average(**{"moving": ONE, "batch": ONE, **wrong})
    assert str(caught.value) == f"moving_average: {text}"
