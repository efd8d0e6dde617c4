"""Which variance, which epsilon, which neighbours: the variants of normalization."""

from math import prod

import numpy as np

from numpycnn import ops
from numpycnn.verification.calls import Call
from numpycnn.verification.rules.rule import default_option, rule

__all__ = ["RULES"]

BATCH = ("batch_normalization", "batch_normalization_train")
NORMALIZATIONS = (*BATCH, "layer_normalization", "group_normalization")


def averaged_over(call: Call) -> int:
    """How many numbers one variance is the mean of."""
    shape = call.arrays["x"].shape
    if call.forward_op == "group_normalization":
        groups = call.options.get("groups", 32)
        return prod(shape[1:-1]) * (1 if groups == -1 else shape[-1] // groups)
    if call.forward_op == "layer_normalization":
        axis = call.options.get("axis", -1)
        return prod(shape[a] for a in (axis if isinstance(axis, tuple | list) else (axis,)))
    return prod(shape[:-1])


def unbiased(call: Call) -> Call | None:
    """Normalized by K / (K - 1) times the variance: the same as a smaller epsilon and a smaller result."""
    count = averaged_over(call)
    if call.backward or count < 2:
        return None
    factor = count / (count - 1)
    epsilon = call.options.get("epsilon", 1e-3)
    changed = call.with_options(epsilon=epsilon / factor)
    beta = call.arrays.get("beta")

    def smaller(found):
        offset = 0 if beta is None else _laid(beta, call)
        return {**found, "y": (found["y"] - offset) / np.sqrt(factor) + offset}

    return changed.finished(smaller)


def _laid(beta, call: Call):
    if call.forward_op != "layer_normalization":
        return beta
    x, axis = call.arrays["x"], call.options.get("axis", -1)
    axes = {a % x.ndim for a in (axis if isinstance(axis, tuple | list) else (axis,))}
    return beta.reshape([size if a in axes else 1 for a, size in enumerate(x.shape)])


def unbiased_statistics(call: Call) -> Call | None:
    count = averaged_over(call)
    if call.backward or count < 2:
        return None
    return call.finished(lambda found: {**found, "variance": found["variance"] * (count / (count - 1))})


def outside_the_root(call: Call) -> Call | None:
    """(x - mean) / (sqrt(variance) + epsilon): with given statistics, a variance and no epsilon that come to that."""
    epsilon = call.options.get("epsilon", 1e-3)
    deviation = np.sqrt(call.arrays["variance"]) + epsilon
    return call.with_arrays(variance=deviation**2).with_options(epsilon=0) if not call.backward else None


def deviation_for_variance(call: Call) -> Call | None:
    return None if call.backward else call.with_arrays(variance=call.arrays["variance"] ** 2)


def variance_for_deviation(call: Call) -> Call | None:
    return None if call.backward else call.with_arrays(variance=np.sqrt(call.arrays["variance"]))


def statistics_of_the_batch(call: Call) -> Call | None:
    def train(x, mean, variance, *, gamma=None, beta=None, epsilon=1e-3):
        return ops.batch_normalization_train(x, gamma=gamma, beta=beta, epsilon=epsilon)[0]

    return call.with_function(train)


def without(name: str):
    return lambda call: None if call.backward or call.arrays.get(name) is None else call.with_arrays(**{name: None})


def gamma_and_beta_exchanged(call: Call) -> Call | None:
    gamma, beta = call.arrays.get("gamma"), call.arrays.get("beta")
    return None if call.backward or gamma is None or beta is None else call.with_arrays(gamma=beta, beta=gamma)


def alpha_times(power: int):
    """alpha divided by the size of the window, or multiplied."""

    def changed(call: Call) -> Call:
        size = 2 * call.options.get("depth_radius", 5) + 1
        return call.with_options(alpha=call.options.get("alpha", 1.0) * float(size) ** power)

    return changed


def size_for_radius(call: Call) -> Call | None:
    radius = call.options.get("depth_radius", 5)
    return None if radius // 2 == radius else call.with_options(depth_radius=radius // 2)


def radius_for_size(call: Call) -> Call:
    return call.with_options(depth_radius=2 * call.options.get("depth_radius", 5) + 1)


def unbiased_batch(call: Call) -> Call | None:
    """Where it is known how many numbers the variance of the batch is the mean of."""
    count = call.hints.get("count", 1)
    return None if count < 2 else call.with_array("batch", lambda batch: batch * (count / (count - 1)))


def complement(call: Call) -> Call | None:
    momentum = call.options.get("momentum", 0.99)
    return None if momentum == 0.5 else call.with_options(momentum=1 - momentum)


def epsilons(op, row: int):
    who = {1e-3: "Keras's default", 1e-5: "PyTorch's and ONNX's default", 1.001e-5: "as keras.applications' ResNet50"}
    who |= {1e-6: "common in transformers and ConvNeXt", 1e-7: "", 1e-8: "", 1e-12: "", 0.0: "no epsilon at all"}
    names = {value: f"epsilon {value:g}" for value in who}
    label = {"group_normalization": "group ", "layer_normalization": "layer "}.get(op, "")
    return [default_option(f"{label}{names[value]}", op, "epsilon", value, row, text) for value, text in who.items()]


RULES = [
    *(default for value in [BATCH] for default in epsilons(value, 22)),
    *epsilons("layer_normalization", 25),
    *epsilons("group_normalization", 25),
    rule(
        "epsilon outside the root", 22, "batch_normalization", "adds epsilon to the deviation, not to the variance",
        "divide by sqrt(variance + epsilon)", outside_the_root,
    ),
    rule(
        "unbiased variance", 23, ("batch_normalization_train", "layer_normalization", "group_normalization"),
        "normalizes by the unbiased variance, K / (K - 1) times the mean square", "divide the squares by K",
        unbiased,
    ),
    rule(
        "unbiased statistics", 23, "batch_normalization_train", "keeps the unbiased variance, as PyTorch",
        "keep the variance divided by K", unbiased_statistics,
    ),
    rule(
        "statistics of the batch", 24, "batch_normalization",
        "normalizes by the statistics of the batch (training mode)",
        "switch to inference: model.eval(), training=False", statistics_of_the_batch,
    ),
    rule("deviation taken for a variance", (), "batch_normalization", "has squared the variance it was given",
         "give it the variance as it is", deviation_for_variance),
    rule("variance taken for a deviation", (), "batch_normalization", "takes the root of the variance twice",
         "give it the variance as it is", variance_for_deviation),
    rule("no gamma", (), NORMALIZATIONS, "leaves gamma out", "multiply by gamma", without("gamma")),
    rule("no beta", (), NORMALIZATIONS, "leaves beta out", "add beta", without("beta")),
    rule("gamma for beta", (), NORMALIZATIONS, "exchanges gamma and beta", "exchange them back",
         gamma_and_beta_exchanged),
    rule(
        "unbiased moving variance", 23, "moving_average", "keeps the unbiased variance, as PyTorch",
        "keep the variance divided by K", unbiased_batch,
    ),
    rule(
        "momentum", 21, "moving_average", "takes momentum as the share of the new value (PyTorch)",
        "give it 1 - momentum", complement,
    ),
    rule(
        "alpha over size", 26, "local_response_normalization",
        "divides alpha by the size of the window (PyTorch, Caffe)",
        "multiply its alpha by 2 * depth_radius + 1", alpha_times(-1),
    ),
    rule(
        "alpha times size", 26, "local_response_normalization", "multiplies alpha by the size of the window",
        "divide its alpha by 2 * depth_radius + 1", alpha_times(1),
    ),
    rule(
        "radius read as size", 27, "local_response_normalization", "reads depth_radius as the size of the window",
        "give it 2 * depth_radius + 1", size_for_radius,
    ),
    rule(
        "size read as radius", 27, "local_response_normalization", "reads the size of the window as its radius",
        "give it depth_radius", radius_for_size,
    ),
]  # fmt: skip
