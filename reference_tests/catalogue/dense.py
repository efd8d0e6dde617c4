"""Dense ops and reshapes: how they are drawn, and TensorFlow's own."""

import keras
import tensorflow as tf
from hypothesis import strategies as st

from reference_tests.library.cases import Case, Op
from reference_tests.library.strategies import arrays, distinct


@st.composite
def dense_cases(draw):
    batch, height, width, features, units = draw(distinct((0, 4), (1, 4), (1, 4), (1, 9), (1, 9)))
    leading = draw(st.sampled_from([(), (batch,), (batch, height), (batch, height, width)]))
    bias = draw(st.sampled_from([None, (units,)]))
    return Case(draw(arrays(x=(*leading, features), kernel=(features, units), bias=bias)))


def tf_dense(x, kernel, bias):
    y = tf.tensordot(x, kernel, axes=1)
    return y if bias is None else y + bias


@st.composite
def radial_basis_cases(draw):
    batch, features, units = draw(distinct((0, 5), (1, 9), (1, 9)))
    return Case(draw(arrays(x=(batch, features), kernel=(features, units))))


def tf_radial_basis(x, kernel):
    return tf.reduce_sum(tf.math.squared_difference(x[:, :, None], kernel), axis=1)


def radial_basis_gradient_scale(dy, case):
    x, kernel = case.arrays.values()
    terms = 2 * abs(dy[:, None] * (x[:, :, None] - kernel))
    return terms.sum(axis=2), terms.sum(axis=0)


@st.composite
def flatten_cases(draw):
    shape = draw(distinct((0, 4), (1, 5), (1, 5), (1, 5)))
    return Case(draw(arrays(x=shape[: draw(st.integers(1, 4))])))


TARGETS = [(), (60,), (-1,), (5, 12), (12, -1), (-1, 5, 3), (2, 3, 10), (1, 60), (-1, 4, 15, 1)]


@st.composite
def reshape_cases(draw):
    batch, target = draw(st.integers(0, 7)), draw(st.sampled_from(TARGETS))
    example = (
        draw(st.sampled_from([(60,), (3, 20), (4, 3, 5), (5, 12)])) if target else draw(st.sampled_from([(), (1,)]))
    )
    return Case(draw(arrays(x=(batch, *example))), {"target_shape": target})


def tf_reshape(x, target_shape):
    return keras.layers.Reshape(target_shape, dtype=x.dtype.name)(x)


def tf_flatten(x):
    return keras.layers.Flatten(dtype=x.dtype.name)(x)


@st.composite
def permute_cases(draw):
    shape = draw(distinct((0, 4), (1, 5), (1, 5), (1, 5)))[: draw(st.integers(1, 4))]
    return Case(draw(arrays(x=shape)), {"dims": tuple(draw(st.permutations(range(1, len(shape)))))})


def tf_permute(x, dims):
    return tf.transpose(x, (0, *dims))


def features(case: Case) -> int:
    return case.arrays["x"].shape[-1]


OPS = [
    Op("dense", dense_cases(), tf_dense, features, exact=True),
    Op(
        "radial_basis", radial_basis_cases(), tf_radial_basis, features,
        scale=lambda case: tf_radial_basis(**case.arrays).numpy(), gradient_scale=radial_basis_gradient_scale,
        exact=True,
    ),
    Op("flatten", flatten_cases(), tf_flatten, exact=True),
    Op("reshape", reshape_cases(), tf_reshape, exact=True),
    Op("permute", permute_cases(), tf_permute, exact=True),
]  # fmt: skip
