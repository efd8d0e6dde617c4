"""The rules: each is recognized by the numbers it makes, on the cases that the ops themselves are tested with."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from numpycnn import ops
from numpycnn.layers import Conv2D
from numpycnn.testing import OPS, Case, Op, find_op
from numpycnn.verification.calls import Call, op_function
from numpycnn.verification.chains import changed_outputs, run
from numpycnn.verification.explain import Observation, explain
from numpycnn.verification.layer_calls import layer_chain
from numpycnn.verification.rules import RULES, find_rule

DRAWN = {op.name for op in OPS}
SHOWN_BELOW = {"NaN wins", "dense rows channels first", "kernel in for out", "interleaved groups"}


@lru_cache
def cases(op: Op) -> list[Case]:
    """Some drawn cases of an op, none of them empty."""
    found: list[Case] = []

    @seed(5)
    @settings(max_examples=50, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(op.cases)
    def keep(case):
        if all(np.size(a) for a in case.arrays.values() if isinstance(a, np.ndarray)):
            found.append(case)

    keep()
    return found


def calls(name: str) -> Iterator[Call]:
    """The cases as calls of an op or of its backward."""
    op = find_op(name.removesuffix("_backward"))
    for k, case in enumerate(cases(op)):
        dy = None
        if name.endswith("_backward"):
            dy = np.random.default_rng(k).normal(size=op.forward(case)[0].shape)
        yield op.call(case, dy)


def observed(call: Call, outputs) -> Observation:
    """The outputs in float32, with the op's own S and K."""
    op = find_op(call.forward_op)
    case = Case({k: v for k, v in call.arrays.items() if k != "dy"}, dict(call.options))
    if call.backward:
        scales = {f"d{k}": s for k, s in op.gradient_scales((call.arrays["dy"],), case).items()}
        length = max(op.gradient_length(case, call.arrays["dy"], g) for g in outputs.values())
    else:
        scales, length = dict(zip(call.output_names, op.output_scales(case), strict=True)), op.length(case)
    return Observation((call,), {k: np.float32(y) for k, y in outputs.items()}, scales, length, op.constant)


def differing(rule, name: str, most: int) -> list[Observation]:
    """At most so many calls on which the rule makes other numbers than the op, with those numbers."""
    found = []
    for call in calls(name):
        if len(found) == most:
            break
        outputs = changed_outputs((call,), [(0, rule)])
        if outputs is not None:
            observation = observed(call, outputs)
            if observation.error(call.run()) > 10:
                found.append(observation)
    return found


def test_names_are_unique_and_rows_exist():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(1 <= row <= 53 for rule in RULES for row in rule.rows)
    assert all(op_function(op) for rule in RULES for op in rule.ops)


@pytest.mark.parametrize("rule", [rule for rule in RULES if DRAWN & {*rule.ops}], ids=lambda rule: rule.name)
def test_a_rule_is_recognized(rule):
    """By its own numbers, on up to three calls of each op, forward and backward.

    It is among the reasons, and others are only where they do the same. Hardly any rule is without a call to show it.
    """
    seen = False
    for name in [op + end for op in rule.ops if op in DRAWN for end in ("", "_backward")[: 1 + find_op(op).gradients]]:
        observations = differing(rule, name, 3)
        if not observations:
            continue
        seen = True
        found = explain(observations)
        named = [reason.rules for reason in found.reasons]
        assert (rule,) in named, name
        assert found.error > 10
        for other in named:
            for observation in observations:
                outputs = changed_outputs(observation.chain, [(0, one) for one in other])
                assert outputs is None or observation.error(outputs) <= 1, name
    assert seen or rule.name in SHOWN_BELOW


# What the drawn cases do not reach.


def test_nan_wins():
    call = Call(
        "max_pool2d", {"x": np.array([1, np.nan, 3, 4]).reshape(1, 1, 4, 1)}, {"pool_size": (1, 2), "strides": 1}
    )
    theirs = {"y": np.array([np.nan, np.nan, 4]).reshape(1, 1, 3, 1)}
    assert explain([Observation((call,), theirs, {"y": 4.0})]).reasons[0].rules == (find_rule("NaN wins"),)


def test_momentum():
    call = Call("moving_average", {"moving": np.array([1.0, 2.0]), "batch": np.array([3.0, 5.0])}, {"momentum": 0.9})
    theirs = {"y": 0.1 * call.arrays["moving"] + 0.9 * call.arrays["batch"]}
    found = explain([Observation((call,), theirs, {"y": 5.0})])
    assert [reason.rules for reason in found.reasons] == [(find_rule("momentum"),)]
    assert "row 21" in found.summary


def test_rows_of_a_dense_kernel_behind_a_flattened_image():
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(3, 4, 5, 2)), rng.normal(size=(40, 6))
    flat = image.transpose(0, 3, 1, 2).reshape(3, 40)
    call = Call("dense", {"x": flat, "kernel": kernel, "bias": None}, {}, hints={"image": (4, 5, 2)})
    theirs = {"y": image.reshape(3, 40) @ kernel}
    reasons = explain([Observation((call,), theirs, {"y": 40.0}, 40)]).reasons
    assert [reason.rules for reason in reasons] == [(find_rule("dense rows channels first"),)]


def test_channels_in_for_out_and_interleaved_groups():
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(2, 5, 6, 4)), rng.normal(size=(3, 2, 4, 4))
    call = Call("conv2d", {"x": x, "kernel": kernel, "bias": None}, {})
    theirs = {"y": ops.conv2d(x, kernel.swapaxes(2, 3))}
    assert explain([Observation((call,), theirs, {"y": 50.0}, 24)]).reasons[0].rules == (
        find_rule("kernel in for out"),
    )
    kernel = rng.normal(size=(3, 2, 2, 6))
    call = Call("conv2d", {"x": x, "kernel": kernel, "bias": None}, {"groups": 2})
    theirs = {"y": ops.conv2d(x[..., [0, 2, 1, 3]], kernel, groups=2)}
    assert explain([Observation((call,), theirs, {"y": 50.0}, 12)]).reasons[0].rules == (
        find_rule("interleaved groups"),
    )


# Pairs, several, none.


def layer_and_weights(activation=None):
    rng = np.random.default_rng(2)
    layer = Conv2D(5, (3, 2), strides=(2, 1), padding="same", activation=activation)
    weights = {"kernel": rng.normal(size=(3, 2, 4, 5)), "bias": rng.normal(size=5)}
    return layer, weights, rng.normal(size=(2, 8, 7, 4))


@pytest.mark.parametrize("activation", [None, "relu", "leaky_relu"])
def test_two_rules_together(activation):
    layer, weights, x = layer_and_weights(activation)
    chain = layer_chain(layer, weights, (x,))
    assert chain is not None
    kernel = weights["kernel"][::-1, ::-1]
    y = ops.conv2d(x, kernel, strides=(2, 1), padding="same")
    wrong = run((chain[0].with_arrays(kernel=kernel, bias=None), *chain[1:]))["y"]
    assert wrong.shape == y.shape
    found = explain([Observation(chain, {"y": np.float32(wrong)}, {"y": 30.0}, 24)])
    assert {rule.name for rule in found.reasons[0].rules} == {"flipped kernel", "no bias"}
    assert found.tried > 100


def test_recorded_before_the_activation():
    layer, weights, x = layer_and_weights("relu")
    chain = layer_chain(layer, weights, (x,))
    before = ops.conv2d(x, *weights.values(), strides=(2, 1), padding="same")
    found = explain([Observation(chain, {"y": np.float32(before)}, {"y": 30.0}, 24)])
    assert [rule.name for rule in found.reasons[0].rules] == ["no activation"]


def test_none_explains_noise():
    layer, weights, x = layer_and_weights()
    chain = layer_chain(layer, weights, (x,))
    noise = np.random.default_rng(3).normal(size=run(chain)["y"].shape)
    found = explain([Observation(chain, {"y": np.float32(noise)}, {"y": 30.0}, 24)])
    assert found.reasons == ()
    assert found.summary.startswith(f"none of {found.tried} known rules and pairs of rules gives these numbers")


def test_where_these_numbers_cannot_tell_others_can():
    """On a variance of 1, epsilons of 1e-5 and 1.001e-5 are one in float32; the input that is offered parts them."""
    epsilons = Call(
        "batch_normalization", {"x": np.ones((4, 2)), "mean": np.zeros(2), "variance": np.ones(2)}, {"epsilon": 1e-3}
    )
    theirs = {"y": np.float32(ops.batch_normalization(np.ones((4, 2)), np.zeros(2), np.ones(2), epsilon=1e-5))}
    found = explain([Observation((epsilons,), theirs, {"y": 1.0})])
    names = [reason.rules[0].name for reason in found.reasons]
    assert names[:2] == ["epsilon 1e-05", "epsilon 1.001e-05"]
    assert "cannot tell which" in found.summary
    apart = [changed_outputs(found.apart, [(0, reason.rules[0])])["y"] for reason in found.reasons[:2]]
    assert np.abs(apart[0] - apart[1]).max() > 1e-5 * np.abs(apart[0]).max()


def test_what_is_the_same_computation_is_said_to_be():
    """With k=3, s=2 an odd pixel in front and a pixel on both sides are the same, whatever the image."""
    rng = np.random.default_rng(4)
    x, kernel = rng.normal(size=(1, 8, 6, 2)), rng.normal(size=(3, 3, 2, 4))
    call = Call("conv2d", {"x": x, "kernel": kernel, "bias": None}, {"padding": "same", "strides": 2})
    theirs = {"y": np.float32(ops.conv2d(x, kernel, strides=2, padding=1))}
    found = explain([Observation((call,), theirs, {"y": 30.0}, 18)])
    assert [r.rules[0].name for r in found.reasons] == ["padding at the start", "padding on both sides"]
    assert found.apart is None
    assert "the same computation" in found.summary


def test_find_rule_refuses():
    with pytest.raises(ValueError, match="there is no rule 'flip'"):
        find_rule("flip")
