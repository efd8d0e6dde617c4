"""Initializers against Keras's own: names, arguments, fans, and the distribution of what they draw."""

import inspect
from dataclasses import fields

import keras
import numpy as np
import pytest

from numpycnn.layers import Conv2D, Dense, Input
from numpycnn.layers import initializers as ours
from numpycnn.layers.initializers import INITIALIZERS, fans, initialize
from numpycnn.models import Model

SHAPES = {"conv": (5, 3, 40, 70), "depthwise": (7, 5, 200, 3), "dense": (190, 310), "vector": (31000,)}

RANDOM = [
    ours.RandomNormal(0.3, 0.2),
    ours.RandomUniform(-0.1, 0.4),
    ours.TruncatedNormal(-0.5, 0.3),
    ours.VarianceScaling(0.7, "fan_out", "uniform"),
    ours.VarianceScaling(3.0, "fan_avg", "truncated_normal"),
    ours.VarianceScaling(3.0, "fan_in", "normal"),
    ours.VarianceScaling(1.5, "fan_in", "untruncated_normal"),
    ours.GlorotUniform(),
    ours.GlorotNormal(),
    ours.HeUniform(),
    ours.HeNormal(),
    ours.LecunUniform(),
    ours.LecunNormal(),
    ours.VarianceScaling(2.0, "fan_in", "uniform", input_axes=(0,), output_axes=(-1,)),
]
FIXED = [ours.Zeros(), ours.Ones(), ours.Constant(-0.75), ours.Identity(2.5)]
EXAMPLES = [*RANDOM, *FIXED, ours.Orthogonal(1.5)]


def of_keras(initializer):
    """Keras's own, seeded, so that a test draws the same numbers every time."""
    config = initializer.keras_config()
    if "seed" in config["config"]:
        config["config"]["seed"] = 11
    return keras.initializers.get(config)


def draw(initializer, shape, seed=5):
    return initialize(initializer, shape, np.random.default_rng(seed))


def test_every_initializer_has_an_example():
    assert {type(example) for example in EXAMPLES} == set(INITIALIZERS.values())


@pytest.mark.parametrize("initializer", EXAMPLES, ids=repr)
def test_the_keras_config_builds_the_same_initializer(initializer):
    built = keras.initializers.get(initializer.keras_config())
    assert type(built).__name__ == type(initializer).__name__
    for key in {f.name for f in fields(initializer)} - {"seed"}:
        value = getattr(initializer, key)
        assert getattr(built, key) == ("truncated_normal" if value == "normal" else value)


@pytest.mark.parametrize("initializer", [e for e in EXAMPLES if not isinstance(e, ours.Identity)], ids=repr)
def test_what_keras_writes_is_read(initializer):
    """Keras's own form of Identity lacks its gain, so that one is left out."""
    built = keras.initializers.get(initializer.keras_config())
    back = ours.initializer_from(keras.initializers.serialize(built))
    np.testing.assert_array_equal(draw(back, (5, 4)), draw(initializer, (5, 4)))


@pytest.mark.parametrize("kind", INITIALIZERS.values())
def test_arguments_and_defaults_are_keras_s(kind):
    theirs = inspect.signature(getattr(keras.initializers, kind.__name__).__init__).parameters
    own = inspect.signature(kind).parameters
    theirs = [(p.name, p.default) for p in theirs.values() if p.name not in ("self", "args", "kwargs")]
    assert [(p.name, p.default) for p in own.values()] == theirs


@pytest.mark.parametrize("name", INITIALIZERS)
def test_names_are_keras_s(name):
    kind = getattr(keras.initializers, name).__name__
    assert type(ours.initializer_from(name)).__name__ == kind
    assert type(ours.initializer_from(kind)).__name__ == kind


@pytest.mark.parametrize("name", ["zero", "one", "normal", "uniform", "IdentityInitializer", "OrthogonalInitializer"])
def test_aliases_are_keras_s(name):
    assert type(ours.initializer_from(name)).__name__ == type(keras.initializers.get(name)).__name__


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("initializer", RANDOM, ids=repr)
def test_moments_and_bounds_equal_keras_s(initializer, shape):
    """Mean, deviation and the bulk of the distribution within 5 standard errors; bounds within a few draws of them."""
    y, theirs = draw(initializer, shape), np.asarray(of_keras(initializer)(shape))
    deviation, error = theirs.std(), 5 * np.sqrt(2 / y.size)
    assert y.dtype == theirs.dtype == np.float32
    assert y.shape == theirs.shape
    assert abs(y.mean() - theirs.mean()) < error * deviation
    assert abs(y.std() / deviation - 1) < error
    for share in (0.03, 0.2, 0.5, 0.8, 0.97):
        assert np.mean(y < np.quantile(theirs, share)) == pytest.approx(share, abs=error)
    if (
        not isinstance(initializer, ours.RandomNormal)
        and getattr(initializer, "distribution", "") != "untruncated_normal"
    ):
        assert y.min() == pytest.approx(theirs.min(), abs=0.01 * float(np.ptp(theirs)))
        assert y.max() == pytest.approx(theirs.max(), abs=0.01 * float(np.ptp(theirs)))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3, 2, 5, 7), (30, 42)),
        ((3, 2, 5, 4), (30, 24)),  # depthwise, 4 a channel: Keras counts all channels as inputs
        ((1, 1, 20, 7), (20, 7)),
        ((5, 7), (5, 7)),
        ((6,), (6, 6)),
        ((), (1, 1)),
    ],
)
def test_fans(shape, expected):
    assert fans(shape) == expected == keras.src.initializers.random_initializers.compute_fans(shape)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("glorot_uniform", np.sqrt(6 / (30 + 42))),
        ("he_uniform", np.sqrt(6 / 30)),
        ("lecun_uniform", np.sqrt(3 / 30)),
        ("glorot_normal", 2 * np.sqrt(2 / (30 + 42)) / 0.87962566103423978),
        ("he_normal", 2 * np.sqrt(2 / 30) / 0.87962566103423978),
        ("lecun_normal", 2 * np.sqrt(1 / 30) / 0.87962566103423978),
    ],
)
def test_worked_bounds_of_a_convolution_kernel(name, bound):
    rng = np.random.default_rng(3)
    drawn = np.abs([initialize(name, (3, 2, 5, 7), rng) for _ in range(200)])
    assert 0.99 * bound < drawn.max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("initializer", FIXED, ids=repr)
@pytest.mark.parametrize("shape", [(5, 4), (4, 5)])
def test_fixed_values_equal_keras_s(initializer, shape):
    np.testing.assert_array_equal(draw(initializer, shape), of_keras(initializer)(shape))


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (3, 2, 4, 9), (2, 1, 3, 11)])
def test_orthogonal(shape):
    y = draw(ours.Orthogonal(1.5), shape).reshape(-1, shape[-1])
    theirs = np.asarray(of_keras(ours.Orthogonal(1.5))(shape)).reshape(-1, shape[-1])
    short = min(y.shape)
    for matrix in (y, theirs):
        gram = matrix.T @ matrix if matrix.shape[1] == short else matrix @ matrix.T
        np.testing.assert_allclose(gram, 2.25 * np.eye(short), atol=3e-6)


def test_orthogonal_has_no_preferred_sign():
    rng = np.random.default_rng(0)
    corners = np.array([initialize("orthogonal", (6, 3), rng)[0, 0] for _ in range(400)])
    assert abs(np.mean(corners > 0) - 0.5) < 0.1
    assert abs(corners.mean()) < 0.1


def test_a_seed_of_its_own_draws_the_same_again():
    rng = np.random.default_rng(1)
    first, second = (initialize(ours.HeNormal(seed=3), (4, 5), rng) for _ in "ab")
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, initialize(ours.HeNormal(seed=4), (4, 5), rng))
    first, second = (initialize("he_normal", (4, 5), rng) for _ in "ab")
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("shape", [(), (0, 3), (1, 1)])
@pytest.mark.parametrize("initializer", RANDOM[:-1], ids=repr)
def test_scalars_and_empty_weights(initializer, shape):
    assert draw(initializer, shape).shape == shape


def test_a_model_draws_its_weights_from_the_layers_initializers():
    x = Input((9, 8, 3))
    layer = Conv2D(5, (3, 2), kernel_initializer=ours.Constant(0.5), bias_initializer="ones")
    model = Model(x, Dense(4, kernel_initializer=ours.RandomUniform(2, 3))(layer(x)), seed=2)
    conv_kernel, conv_bias, kernel, bias = model.get_weights()
    assert (conv_kernel == 0.5).all()
    assert (conv_bias == 1).all()
    assert ((kernel >= 2) & (kernel <= 3)).all()
    assert (bias == 0).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: draw("glorot", (3,)), ValueError, "initialize: initializer must be one of zeros, .* glorot_uniform"),
        (lambda: draw({"class_name": "Nope"}, (3,)), ValueError, "initialize: initializer must be one of zeros"),
        (lambda: draw(3, (3,)), TypeError, "initialize: initializer must be a name or an Initializer; got .* 3"),
        (lambda: draw("identity", (3, 2, 5)), ValueError, r"Identity: the weight must be a matrix; got .*\(3, 2, 5\)"),
        (lambda: draw("orthogonal", (3,)), ValueError, r"Orthogonal: the weight must have at least two axes; got"),
        (lambda: ours.VarianceScaling(0.0), ValueError, "VarianceScaling: scale must be positive; got scale 0.0"),
        (lambda: ours.VarianceScaling(mode="in"), ValueError, "VarianceScaling: mode must be one of fan_in, fan_out"),
        (
            lambda: ours.VarianceScaling(distribution="flat"), ValueError,
            "VarianceScaling: distribution must be one of uniform, .*; got distribution 'flat'",
        ),
    ],
)  # fmt: skip
def test_messages(call, error, words):
    with pytest.raises(error, match=words):
        call()
