"""Losses: class numbers, distributions, yes-or-no answers and plain numbers as targets."""

import numpy as np
from hypothesis import strategies as st

import numpycnn.ops
from numpycnn.testing.cases import Case, Op
from numpycnn.testing.strategies import arrays, distinct
from numpycnn.verification.tolerances import ELEMENTWISE

PARTS = 16
"""Drawn probabilities are multiples of 1/16 off 0 and 1, which float16 holds; what is cut has tests of its own."""


@st.composite
def shapes(draw):
    """One to three axes, the batch possibly empty, the last one the classes."""
    batch, rows, classes = draw(distinct((0, 4), (1, 5), (2, 6)))
    return draw(st.sampled_from([(classes,), (batch, classes), (batch, rows, classes)]))


@st.composite
def predictions(draw, shape, from_logits):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    if not from_logits:
        return rng, rng.integers(1, PARTS, shape) / PARTS
    return rng, draw(arrays(y_pred=shape))["y_pred"] * draw(st.sampled_from([1, 16]), label="spread")


@st.composite
def sparse_cases(draw):
    shape, from_logits = draw(shapes()), draw(st.booleans(), label="from_logits")
    rng, y_pred = draw(predictions(shape, from_logits))
    labels = rng.integers(0, shape[-1], draw(st.sampled_from([shape[:-1], (*shape[:-1], 1)])))
    if draw(st.booleans(), label="float labels"):
        labels = labels.astype(np.float64)
    return Case({"y_true": labels, "y_pred": y_pred}, {"from_logits": from_logits})


@st.composite
def categorical_cases(draw):
    """Targets are multiples of 1/16 with sum 1; with logits TensorFlow's gradient needs the sum after smoothing too."""
    shape, from_logits = draw(shapes()), draw(st.booleans(), label="from_logits")
    rng, y_pred = draw(predictions(shape, from_logits))
    axes = [-1, *range(len(shape))] if from_logits else range(-len(shape), len(shape))  # TensorFlow knows no other
    axis = draw(st.sampled_from([axis for axis in axes if shape[axis]]), label="axis")
    others = tuple(np.delete(shape, axis))
    y_true = np.moveaxis(rng.multinomial(PARTS, np.full(shape[axis], 1 / shape[axis]), others) / PARTS, -1, axis)
    last = axis in (-1, len(shape) - 1)
    smoothing = draw(st.sampled_from([0.0, 0.25] if last or not from_logits else [0.0]), label="label_smoothing")
    options = {"from_logits": from_logits, "label_smoothing": smoothing, "axis": axis}
    return Case({"y_true": y_true, "y_pred": y_pred}, options)


@st.composite
def binary_cases(draw):
    shape, from_logits = draw(shapes()), draw(st.booleans(), label="from_logits")
    rng, y_pred = draw(predictions(shape, from_logits))
    y_true = rng.integers(0, PARTS + 1, shape) / PARTS
    smoothing = draw(st.sampled_from([0.0, 0.25, 1.0]), label="label_smoothing")
    return Case({"y_true": y_true, "y_pred": y_pred}, {"from_logits": from_logits, "label_smoothing": smoothing})


@st.composite
def regression_cases(draw, **options):
    shape = draw(shapes())
    chosen = {name: draw(st.sampled_from(choices), label=name) for name, choices in options.items()}
    return Case(draw(arrays(y_true=shape, y_pred=shape)), chosen)


# S: what the logarithms and their arguments are off by, first order.


def log_terms(probabilities):
    return abs(np.log(probabilities)) + 1


def logit_terms(logits, axis):
    """S of log_softmax."""
    below = abs(logits - logits.max(axis=axis, keepdims=True))
    return below + 1 + np.log(np.exp(-below).sum(axis=axis, keepdims=True))


def softmax(logits, axis):
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def targets(case):
    """How much each class counts, as an array of the shape of y_pred."""
    y_true, y_pred = case.arrays.values()
    if "label_smoothing" not in case.options:
        return np.arange(y_pred.shape[-1]) == y_true.reshape(*y_pred.shape[:-1], 1)
    return y_true + case.options["label_smoothing"]


def cross_entropy_scale(case):
    y_pred, axis = case.arrays["y_pred"], case.options.get("axis", -1)
    if case.options["from_logits"]:
        terms = logit_terms(y_pred, axis)
    else:
        terms = log_terms(y_pred / y_pred.sum(axis=axis, keepdims=True)) + log_terms(y_pred.max(axis, keepdims=True))
    return (targets(case) * terms).sum(axis=axis)


def cross_entropy_gradient_scale(dy, case):
    y_pred, axis, t = case.arrays["y_pred"], case.options.get("axis", -1), targets(case)
    if case.options["from_logits"]:
        slope = t + softmax(y_pred, axis) * (1 + abs(y_pred - y_pred.max(axis=axis, keepdims=True)))
    else:
        slope = t / y_pred + log_terms(1 / PARTS) * t.sum(axis, keepdims=True) / y_pred.sum(axis, keepdims=True)
    return np.expand_dims(abs(dy), axis) * slope


def binary_scale(case):
    y_true, y_pred = case.arrays.values()
    t = y_true * (1 - case.options["label_smoothing"]) + case.options["label_smoothing"] / 2
    if case.options["from_logits"]:
        return (abs(y_pred) + abs(y_pred) * t + 1).mean(axis=-1)
    p = y_pred.clip(1 / PARTS, 1 - 1 / PARTS)
    return (t * log_terms(p) + (1 - t) * (log_terms(1 - p) + p / (1 - p))).mean(axis=-1)


def binary_gradient_scale(dy, case):
    y_pred = case.arrays["y_pred"]
    slope = np.full(y_pred.shape, 2) if case.options["from_logits"] else 1 / y_pred + 1 / (1 - y_pred)
    return abs(dy[..., None]) * slope / y_pred.shape[-1]


def regression_gradient_scale(dy, case):
    y_true, y_pred = case.arrays.values()
    return abs(dy[..., None]) * np.maximum(1, 2 * abs(y_pred - y_true)) / y_pred.shape[-1]


def classes(case: Case) -> int:
    return case.arrays["y_pred"].shape[case.options.get("axis", -1)]


def loss(name, cases, scale=None, gradient_scale=None, **others):
    """An entry; by default S of the loss is the loss: it adds what cannot cancel."""

    def own(case):
        return abs(getattr(numpycnn.ops, name)(*case.arrays.values(), **case.options))

    return Op(
        name, cases, classes, scale or own, gradient_scale or regression_gradient_scale,
        ELEMENTWISE, **others,
    )  # fmt: skip


OPS = [
    loss("sparse_categorical_crossentropy", sparse_cases(), cross_entropy_scale, cross_entropy_gradient_scale),
    loss("categorical_crossentropy", categorical_cases(), cross_entropy_scale, cross_entropy_gradient_scale),
    loss("binary_crossentropy", binary_cases(), binary_scale, binary_gradient_scale),
    loss("mean_squared_error", regression_cases()),
    loss("mean_absolute_error", regression_cases(), smooth=False),
    loss("huber", regression_cases(delta=[1.0, 0.5, 2.0]), smooth=False),
]
