"""Optimizers and schedules against keras.optimizers, over many steps; and what their rules are on paper."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from numpycnn.training import (
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    Nadam,
    PiecewiseConstantDecay,
    PolynomialDecay,
    RMSprop,
    optimizer_from,
    schedule_from,
)

SHAPES = ((3, 2, 5), (5,), (4, 7))
STEPS = 15
ROUNDINGS = 16
"""In units of u for each step, of the largest weight and of all that was added to it. Measured over 2,000 drawn runs:
at most 5.1 in float64 and 4.2 in float32."""
SCALARS = {"float32": 1e-4, "float64": 0.0}
"""What Keras's scalars may add, as a share of the way: 1 - 0.999 is off by 6e-5 of itself in float32."""


class KerasNadam(Nadam):
    """Nadam as Keras has it in float64: where it makes the step its 0.96 is a float32, and in the product it is not."""

    def _u(self, t):
        return self.beta_1 * (1 - 0.5 * float(np.float32(0.96)) ** t)

    def _shared(self, state):
        (product,) = state.slots["u_product"]
        return {"u_product": (product * super()._u(state.step + 1),)}


rates = st.sampled_from([0.0, 1e-3, 0.03, 0.5])
betas = st.sampled_from([0.0, 0.5, 0.9, 0.99])
common = {
    "learning_rate": rates | st.builds(ExponentialDecay, st.just(0.1), st.just(7), st.just(0.6), st.booleans()),
    "weight_decay": st.none() | st.sampled_from([0.004, 0.3]),
}
clips = st.just({}) | st.sampled_from(
    [{key: value} for key in ("clipnorm", "clipvalue", "global_clipnorm") for value in (0.05, 3.0)]
)
adam = {"beta_1": betas, "beta_2": st.sampled_from([0.5, 0.99, 0.999]), "epsilon": st.sampled_from([1e-7, 1e-3])}
kinds = st.one_of(
    st.builds(SGD, **common, momentum=betas, nesterov=st.booleans()),
    st.builds(RMSprop, **common, rho=betas, momentum=betas, centered=st.booleans()),
    st.builds(Adam, **common, **adam, amsgrad=st.booleans()),
    st.builds(AdamW, learning_rate=rates, **adam, amsgrad=st.booleans()),
    st.builds(Nadam, **common, **adam),
)
optimizers = st.builds(lambda made, clip: type(made)(**{**vars(made), **clip}), kinds, clips)


def drawn(seed: int, dtype):
    """Weights, and gradients of every step: sizes over four decades, some values zero."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    sizes = 10.0 ** rng.integers(-3, 2, len(SHAPES))
    steps = [[rng.normal(0, size, shape) for shape, size in zip(SHAPES, sizes, strict=True)] for _ in range(STEPS)]
    return weights, [[np.where(rng.random(g.shape) < 0.1, 0, g).astype(dtype) for g in step] for step in steps]


def ours(optimizer, weights, steps):
    """The weights after all steps, and how far each travelled."""
    state, travelled = optimizer.initial_state(weights), [np.abs(w) for w in weights]
    for gradients in steps:
        before = weights
        weights, state = optimizer.update(weights, gradients, state)
        travelled = [t + np.abs(a - b) for t, a, b in zip(travelled, weights, before, strict=True)]
    return weights, travelled


def theirs(optimizer, weights, steps):
    import keras

    variables = [keras.Variable(w) for w in weights]
    built = optimizer.to_keras()
    for gradients in steps:
        built.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    return [np.asarray(variable) for variable in variables]


def is_wide_nadam(optimizer, dtype) -> bool:
    return isinstance(optimizer, Nadam) and dtype == np.float64


@contextmanager
def floatx(name: str):
    import keras

    before = keras.config.floatx()
    keras.config.set_floatx(name)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # a run takes too long to shrink
@given(optimizers, st.integers(0, 2**32 - 1))
def test_weights_after_many_steps_are_those_of_keras(dtype, optimizer, seed):
    weights, steps = drawn(seed, dtype)
    before = [w.copy() for w in weights]
    with floatx(np.dtype(dtype).name):
        keras = theirs(optimizer, weights, steps)
    mine, _ = ours(optimizer, weights, steps)
    wide = [[g.astype(np.float64) for g in step] for step in steps]
    exact, travelled = ours(optimizer, [w.astype(np.float64) for w in weights], wide)
    wanted = ours(KerasNadam(**vars(optimizer)), weights, steps)[0] if is_wide_nadam(optimizer, dtype) else exact
    scalars = SCALARS[np.dtype(dtype).name]
    for one, other, reference, by_keras, scale, w in zip(mine, keras, exact, wanted, travelled, before, strict=True):
        bound = STEPS * ROUNDINGS * np.finfo(dtype).eps / 2 * scale
        assert one.dtype == dtype
        assert np.all(np.abs(one - reference) <= bound)
        assert np.all(np.abs(other - by_keras) <= bound + scalars * (scale - np.abs(w)))
    assert all(np.array_equal(a, b) for a, b in zip(weights, before, strict=True))


def test_defaults_are_those_of_keras():
    """Traps, row 51."""
    import keras

    for kind in OPTIMIZERS.values():
        built, made = getattr(keras.optimizers, kind.__name__)().get_config(), kind().config()["config"]
        assert {key: pytest.approx(built[key], rel=1e-6) if built[key] else built[key] for key in made} == made


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_the_slots_are_those_of_keras(kind):
    import keras

    options = (
        [{}] + [{"momentum": 0.9}] * hasattr(kind(), "momentum") + [{"amsgrad": True}] * hasattr(kind(), "amsgrad")
    )
    for given_options in options:
        made = kind(**given_options)
        built = made.to_keras()
        built.build([keras.Variable(np.zeros(3, np.float32))])
        assert [tuple(v.shape) for v in built.variables].count((3,)) == len(made.slots)
        assert all(any(slot in v.path for v in built.variables) for slot in made.slots)


def test_the_first_step_of_adam_is_the_learning_rate_against_the_sign():
    weights, gradients, made = [np.zeros(2)], [np.array([1e-2, -5.0])], Adam(learning_rate=0.1, epsilon=0.0)
    (after,), state = made.update(weights, gradients, made.initial_state(weights))
    np.testing.assert_allclose(after, [-0.1, 0.1], rtol=1e-12)
    assert state.step == 1


def test_clipping_by_the_global_norm_keeps_directions():
    made = SGD(learning_rate=1.0, global_clipnorm=1.0)
    weights, gradients = [np.zeros(1), np.zeros(2)], [np.array([3.0]), np.array([0.0, 4.0])]
    after = made.update(weights, gradients, made.initial_state(weights)).weights
    np.testing.assert_allclose(np.concatenate(after), [-0.6, 0, -0.8], rtol=1e-15)


def test_norms_of_huge_gradients_do_not_overflow():
    made = SGD(learning_rate=1.0, clipnorm=1.0)
    weights = [np.zeros(4, np.float32)]
    (after,), _ = made.update(weights, [np.full(4, 1e30, np.float32)], made.initial_state(weights))
    np.testing.assert_allclose(after, -0.5, rtol=1e-6)


@pytest.mark.parametrize(
    "schedule",
    [
        ExponentialDecay(0.3, 7, 0.4),
        ExponentialDecay(0.3, 7, 0.4, staircase=True),
        InverseTimeDecay(0.3, 7, 0.4),
        InverseTimeDecay(0.3, 7, 0.4, staircase=True),
        PiecewiseConstantDecay((4, 11, 20), (0.4, 0.3, 0.2, 0.1)),
        PolynomialDecay(0.3, 7, 0.01, power=2.5),
        PolynomialDecay(0.3, 7, 0.01, power=0.5, cycle=True),
        CosineDecay(0.3, 20, alpha=0.1),
        CosineDecay(0.01, 20, alpha=0.1, warmup_target=0.3, warmup_steps=5),
        CosineDecay(0.3, 20, warmup_steps=5),
        CosineDecayRestarts(0.3, 5, t_mul=2.0, m_mul=0.8, alpha=0.1),
        CosineDecayRestarts(0.3, 5, t_mul=1.0, m_mul=0.8),
    ],
)
def test_schedules_are_those_of_keras(schedule):
    with floatx("float64"):
        built = schedule.to_keras()
        for step in range(40):
            assert schedule(step) == pytest.approx(float(built(step)), rel=1e-12, abs=1e-15), step
    assert schedule_from(schedule.config()) == schedule


def test_descriptions_survive_json():
    import json

    for made in (Adam(learning_rate=CosineDecay(0.1, 5), clipnorm=1.0), SGD(momentum=0.5), RMSprop(), Nadam()):
        assert optimizer_from(json.loads(json.dumps(made.config()))) == made


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(momentum=1.5), "SGD: momentum must be a number in [0, 1]; got momentum 1.5."),
        (lambda: Adam(learning_rate=-1), "learning_rate must be a number of at least 0"),
        (lambda: Adam(clipnorm=1.0, clipvalue=1.0), "at most one of clipnorm, clipvalue and global_clipnorm"),
        (lambda: AdamW(weight_decay=None), "AdamW: weight_decay must be a number"),
        (
            lambda: optimizer_from("adamm"),
            "the name must be one of sgd, rmsprop, adam, adamw, nadam; got name 'adamm'.",
        ),
        (lambda: optimizer_from("sgd", rho=0.5), "SGD takes learning_rate, "),
        (lambda: ExponentialDecay(0.1, 0, 0.5), "decay_steps must be a number above 0"),
        (lambda: PiecewiseConstantDecay((1, 2), (0.1, 0.2)), "values must have one more entry than boundaries"),
        (lambda: SGD().update([np.zeros(3)], [np.zeros(4)], SGD().initial_state([])), "a gradient of its own shape"),
        (lambda: Adam().update([np.zeros(3)], [np.zeros(3)], SGD().initial_state([])), "the state must hold momentum"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=r"^[^:]+: ") as caught:
        make()
    assert message in str(caught.value)
