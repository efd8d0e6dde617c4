"""Slopes, kinks and approximations: the variants of activations, softmax and losses."""

from dataclasses import replace

import numpy as np

from numpycnn import ops
from numpycnn.verification.calls import Call
from numpycnn.verification.rules.rule import default_option, rule

__all__ = ["ACTIVATIONS", "RULES"]

ACTIVATIONS = (
    *("relu", "leaky_relu", "relu6", "elu", "selu", "gelu", "silu", "sigmoid", "hard_sigmoid", "hard_silu"),
    *("tanh", "softmax", "log_softmax"),
)


def fifth(x):
    """ONNX's HardSigmoid: 0.2 x + 0.5 cut to 0 .. 1."""
    return np.clip(0.2 * x + 0.5, 0, 1)


def fifth_gradient(dy, x, **others):
    return np.where((x > -2.5) & (x < 2.5), 0.2 * dy, 0)


def no_activation(call: Call) -> Call | None:
    return None if call.backward else call.with_function(lambda x, *arguments, **options: x)


def as_relu6(call: Call) -> Call | None:
    return call.with_options(max_value=6.0) if call.options.get("max_value") is None else None


def as_relu(call: Call) -> Call:
    return replace(call, op=call.op.replace("relu6", "relu"))


def other_gelu(call: Call) -> Call:
    return call.with_options(approximate=not call.options.get("approximate", False))


def softmax_axis_1(call: Call) -> Call | None:
    x = call.arrays["x"]
    axis = call.options.get("axis", -1) % x.ndim
    return None if x.ndim < 3 or axis == 1 else call.with_options(axis=1)


def flattened_softmax(call: Call) -> Call | None:
    """Softmax over everything after the batch, ONNX's before opset 13."""
    x = call.arrays["x"]
    if x.ndim < 3 or call.backward:
        return None
    function = getattr(ops, call.op)
    return call.with_function(lambda x, axis=-1: function(x.reshape(len(x), -1)).reshape(x.shape))


def slope_at_zero(value: float):
    """The derivative of relu at 0; relu'(0) is 0 here."""

    def gradient(dy, x, *, max_value=None, negative_slope=0.0, threshold=0.0, **others):
        dx = ops.relu_backward(dy, x, max_value=max_value, negative_slope=negative_slope, threshold=threshold)
        return np.where(x == threshold, value * dy, dx)

    def changed(call: Call) -> Call | None:
        if not call.backward or not np.any(call.arrays["x"] == call.options.get("threshold", 0.0)):
            return None
        return call.with_function(None, gradient)

    return changed


def halves(call: Call) -> Call | None:
    """Ties of a maximum share the gradient."""

    def gradient(dy, *inputs):
        y = ops.maximum(*inputs)
        hits = [np.broadcast_to(x, y.shape) == y for x in inputs]
        return tuple(dy * hit / sum(hit.astype(dy.dtype) for hit in hits) for hit in hits)

    same = {np.shape(x) for k, x in call.arrays.items() if k != "dy"}
    return call.with_function(None, gradient) if len(same) == 1 else None


def logits(call: Call) -> Call:
    return call.with_options(from_logits=not call.options.get("from_logits", False))


def slopes(op: str, values: dict[float, str], name: str):
    return [default_option(f"{op} {name} {v:g}", op, name, v, 33, who) for v, who in values.items()]


LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy")

RULES = [
    rule(
        "hard_sigmoid 0.2", 32, "hard_sigmoid", "computes 0.2 * x + 0.5 (ONNX's default, Keras 2)",
        "compute x / 6 + 0.5", lambda call: call.with_function(fifth, fifth_gradient),
    ),
    *slopes(
        "leaky_relu",
        {0.3: "the default of Keras's layer", 0.2: "the default of tf.nn", 0.01: "the default of PyTorch and ONNX"},
        "negative_slope",
    ),
    *slopes("relu", {0.01: "a leaky ReLU's"}, "negative_slope"),
    rule("relu6", 12, "relu", "cuts at 6", "use relu without max_value", as_relu6),
    rule("relu", 12, "relu6", "does not cut at 6", "use relu6", as_relu),
    rule("elu alpha 0.5", (), "elu", "uses alpha=0.5", "give it the alpha that is meant here",
         lambda call: call.with_options(alpha=0.5)),
    rule(
        "gelu", (), "gelu", "computes the other form of gelu (approximate)",
        "set approximate as it is here", other_gelu,
    ),
    rule("no activation", (), ACTIVATIONS, "has no activation here, or was recorded before it",
         "record after the activation", no_activation),
    rule("softmax of axis 1", 35, ("softmax", "log_softmax"), "takes axis 1, where channels-first has its channels",
         "take the axis that is meant here", softmax_axis_1),
    rule(
        "softmax of everything", 35, ("softmax", "log_softmax"),
        "flattens all axes after the batch (ONNX before opset 13)", "take the last axis", flattened_softmax,
    ),
    rule("slope 1 at the kink", 12, "relu", "lets the gradient through at 0", "let nothing through at 0",
         slope_at_zero(1.0)),
    rule("slope 1/2 at the kink", 12, "relu", "lets half of the gradient through at 0",
         "let nothing through at 0", slope_at_zero(0.5)),
    rule("halves at a tie", 12, "maximum", "shares the gradient among equal inputs (PyTorch)",
         "give all of it to the first", halves),
    rule("logits", 36, LOSSES, "reads the predictions the other way (from_logits)",
         "set from_logits as it is here", logits),
]  # fmt: skip
