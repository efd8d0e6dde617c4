"""Batch normalization in training and local response normalization, forward and backward."""

from functools import partial

from benchmarks.libraries import mygrad, numpy_ml, tensorflow
from benchmarks.rows import Call, Row, drawn

BATCH = (8, 56, 56, 64)
LRN = (8, 55, 55, 96)
EPSILON = 1e-3


def batch_arrays(dtype="float32"):
    """x, gamma, beta, dy"""
    x, gamma, beta, dy = drawn(BATCH, BATCH[-1:], BATCH[-1:], BATCH, dtype=dtype)
    return x, 1 + gamma / 8, beta, dy


def ours_batch(dtype="float32"):
    from numpycnn.ops import batch_normalization_train

    x, gamma, beta, _ = batch_arrays(dtype)
    call = partial(batch_normalization_train, x, gamma=gamma, beta=beta, epsilon=EPSILON)
    return Call(call, arrays=lambda found: found[0])  # the others give y alone


def ours_batch_backward(dtype="float32"):
    from numpycnn.ops import batch_normalization_train, batch_normalization_train_backward

    x, gamma, beta, dy = batch_arrays(dtype)
    _, mean, variance = batch_normalization_train(x, gamma=gamma, beta=beta, epsilon=EPSILON)
    return partial(
        batch_normalization_train_backward, dy, x, gamma=gamma, beta=beta, epsilon=EPSILON, mean=mean, variance=variance
    )


def ours_lrn(beta, dtype="float32"):
    from numpycnn.ops import local_response_normalization

    return partial(local_response_normalization, *drawn(LRN, dtype=dtype), depth_radius=5, beta=beta)


def ours_lrn_backward(beta, dtype="float32"):
    from numpycnn.ops import local_response_normalization_backward

    x, dy = drawn(LRN, LRN, dtype=dtype)
    return partial(local_response_normalization_backward, dy, x, depth_radius=5, beta=beta)


ROWS = [
    Row(
        "batch norm training, 8x56x56x64",
        {
            "numpycnn": ours_batch,
            "tensorflow": partial(tensorflow.batch_norm, batch_arrays, EPSILON),
            "numpy-ml": partial(numpy_ml.batch_norm, batch_arrays, EPSILON),
            "mygrad": partial(mygrad.batch_norm, batch_arrays, EPSILON),
        },
        partial(ours_batch, "float64"),
    ),
    Row(
        "batch norm training backward, 8x56x56x64",
        {
            "numpycnn": ours_batch_backward,
            "tensorflow": partial(tensorflow.batch_norm_backward, batch_arrays, EPSILON),
            "numpy-ml": partial(numpy_ml.batch_norm_backward, batch_arrays, EPSILON),
            "mygrad": partial(mygrad.batch_norm_backward, batch_arrays, EPSILON),
        },
        partial(ours_batch_backward, "float64"),
    ),
    *(
        Row(
            f"LRN {which}r=5, beta={beta}, 8x55x55x96",
            {"numpycnn": partial(mine, beta), "tensorflow": partial(theirs, LRN, beta)},
            partial(mine, beta, "float64"),
        )
        for beta in (0.5, 0.75)
        for which, mine, theirs in (
            ("", ours_lrn, tensorflow.lrn),
            ("backward ", ours_lrn_backward, tensorflow.lrn_backward),
        )
    ),
]
"""Without onnx's reference: its LRN loops over the wrong axis, and its batch normalization has no training."""
