"""The rules of agreement, asked of any Op and any case: values, dtypes, gradients, storage, untouched inputs."""

from contextlib import contextmanager

import numpy as np

from numpycnn.testing import Case, as_tuple, is_float
from numpycnn.verification.tolerances import scaled_error
from reference_tests.library.with_tensorflow import TestedOp


def assert_close(what, y, reference, scale, *, length, dtype=None, constant):
    assert y.shape == reference.shape, f"{what}: shape {y.shape} must be {reference.shape}"
    error = scaled_error(y, reference, scale, length=length, dtype=dtype, constant=constant)
    assert error <= 1, f"{what}: scaled error {error:.3g} must be at most 1"


def check_forward(op: TestedOp, case: Case, dtype) -> None:
    """float64 equals TensorFlow; `dtype` equals float64; dtype kept; integers exact; inputs whole; results fresh."""
    with untouched(op, case.arrays):
        reference = op.forward(case)
    scales, length = op.output_scales(case), op.length(case)
    theirs = tensorflow_outputs(op, case)
    for y, scale, their in zip(reference, scales, theirs, strict=True):
        assert_close(
            f"{op} float64 against TensorFlow", their, y, scale, length=length,
            dtype=op.tensorflow_dtype, constant=op.constant,
        )  # fmt: skip
    narrow = case.astype(dtype)
    with untouched(op, narrow.arrays):
        results = op.forward(narrow)
    for y, ref, scale in zip(results, reference, scales, strict=True):
        assert y.dtype == dtype, f"{op}: {np.dtype(dtype)} in, {y.dtype} out"
        assert y.flags.writeable
        assert not any(np.shares_memory(y, a) for a in narrow.arrays.values() if isinstance(a, np.ndarray))
        assert_close(f"{op} in {np.dtype(dtype)}", y, ref, scale, length=length, constant=op.constant)
        if op.exact and all_small_integers(case):
            np.testing.assert_array_equal(y, ref.astype(dtype))


@contextmanager
def untouched(op: TestedOp, arrays):
    """Raise if the arrays are not what they were before."""
    before = {k: v.copy() for k, v in arrays.items() if isinstance(v, np.ndarray)}
    yield
    for name, array in before.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=f"{op} changed {name}")


def check_backward(op: TestedOp, case: Case, dtype, rng: np.random.Generator) -> None:
    """float64 equals TensorFlow's tape and, where smooth, the adjoint identity; `dtype` equals float64."""
    outputs = op.forward(case)
    dy = (np.asarray(rng.normal(size=outputs[0].shape), np.float16).astype(np.float64),)
    with untouched(op, {**case.arrays, "dy": dy[0]}):
        gradients = op.backward(dy, case)
    scales = op.gradient_scales(dy, case)
    lengths = {k: op.gradient_length(case, outputs[0], g) for k, g in gradients.items()}
    for name, theirs in tensorflow_gradients(op, case, dy[0]).items():
        assert_close(
            f"{op}_backward d{name} against TensorFlow", theirs, gradients[name], scales[name],
            length=lengths[name], dtype=op.tensorflow_dtype, constant=op.constant,
        )  # fmt: skip
    if op.smooth:
        check_adjoint(op, case, dy, gradients, scales, rng)
    narrow, narrow_dy = case.astype(dtype), dy[0].astype(dtype)
    for name, gradient in op.backward((narrow_dy,), narrow).items():
        assert gradient.dtype == dtype, f"{op}_backward: {np.dtype(dtype)} in, d{name} {gradient.dtype}"
        assert gradient.flags.writeable
        assert not any(np.shares_memory(gradient, a) for a in (narrow_dy, *narrow.arrays.values()) if is_float(a))
        assert_close(
            f"{op}_backward d{name} in {np.dtype(dtype)}", gradient, gradients[name], scales[name],
            length=lengths[name], constant=op.constant,
        )  # fmt: skip


def check_adjoint(op: TestedOp, case: Case, dy, gradients, scales, rng) -> None:
    """<dy, J v> = <J^T dy, v>, with J v by central differences along one random direction of all arrays."""
    step = 2.0**-17
    direction = {k: rng.normal(size=v.shape) for k, v in case.arrays.items() if k in gradients and v is not None}

    def moved(sign):
        arrays = {k: v + sign * step * direction[k] if k in direction else v for k, v in case.arrays.items()}
        return op.forward(Case(arrays, case.options))[0]

    forward = np.vdot(dy[0], (moved(1) - moved(-1)) / (2 * step))
    backward = sum(np.vdot(gradients[k], direction[k]) for k in direction)
    far = {k: abs(v) + abs(direction[k]) if k in direction else v for k, v in case.arrays.items()}
    size = 1e-6 * sum(np.vdot(scales[k], abs(direction[k])) for k in direction)
    size += 1e-7 * np.vdot(abs(dy[0]), op.output_scales(Case(far, case.options))[0])  # curvature and rounding
    assert abs(forward - backward) <= size + 1e-12, f"{op}: <dy, Jv> {forward} must be <J'dy, v> {backward}"


def check_storage(op: TestedOp, case: Case, change) -> None:
    """Arrays of the same values in another storage give the same bits forward, the same gradients backward."""
    outputs = op.forward(case)
    other = Case({k: change(v) if is_float(v) else v for k, v in case.arrays.items()}, case.options)
    dy = tuple(np.ones(y.shape) for y in outputs)
    for a, b in zip(outputs, op.forward(other), strict=True):
        assert b.dtype.isnative
        np.testing.assert_array_equal(a, b)
    changed, plain = op.backward((change(dy[0]),), other), op.backward(dy, case)
    scales = op.gradient_scales(dy, case)
    for name, gradient in plain.items():
        what, length = (
            f"{op}_backward d{name} in another storage",
            op.gradient_length(case, outputs[0], gradient),
        )
        assert_close(what, changed[name], gradient, scales[name], length=length, constant=op.constant)


def all_small_integers(case: Case) -> bool:
    return all(not is_float(v) or (np.all(v == np.round(v)) and np.all(np.abs(v) <= 4)) for v in case.arrays.values())


def tensorflow_outputs(op: TestedOp, case: Case) -> tuple[np.ndarray, ...]:
    return tuple(y.numpy() for y in as_tuple(op.tensorflow(**tensors(op, case), **case.options)))


def tensorflow_gradients(op: TestedOp, case: Case, dy) -> dict[str, np.ndarray]:
    import tensorflow as tf

    inputs = tensors(op, case)
    watched = {k: v for k, v in inputs.items() if v is not None and k in (op.differentiable(case))}
    with tf.GradientTape() as tape:
        tape.watch(list(watched.values()))
        y = as_tuple(op.tensorflow(**inputs, **case.options))[0]
    gradients = tape.gradient(y, watched, output_gradients=tf.constant(dy, y.dtype), unconnected_gradients="zero")
    return {k: g.numpy() for k, g in gradients.items()}


def tensors(op: TestedOp, case: Case) -> dict:
    import tensorflow as tf

    wide = case.astype(op.tensorflow_dtype)
    return {k: None if v is None else tf.constant(v) for k, v in wide.arrays.items()}
