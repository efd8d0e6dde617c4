"""Row 36 of the traps: what a cross-entropy is given. What PyTorch gives is written down, not run."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from numpycnn.ops import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy


def test_row_36_probabilities_are_cut():
    """from_logits is False by default and probabilities are cut at 1e-7: a wrong 1 costs 16.118; PyTorch has 100."""
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    assert binary_crossentropy(zero, one).item() == pytest.approx(16.118, abs=5e-4)
    assert binary_crossentropy(one, zero).item() == pytest.approx(16.118, abs=5e-4)
    for y_true, y_pred in ((zero, one), (one, zero)):
        theirs = keras.losses.binary_crossentropy(y_true, tf.constant(y_pred))
        np.testing.assert_allclose(binary_crossentropy(y_true, y_pred), theirs, rtol=1e-8)


def test_row_36_the_side_that_keras_loses_in_float32():
    """1 - (1 - 1e-7) is 1.19e-7 in float32: Keras has 15.942 for a wrong 1 there, 16.118 for a wrong 0."""
    zero, one = np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32)
    assert keras.losses.binary_crossentropy(zero, tf.constant(one)).numpy().item() == pytest.approx(15.942, abs=5e-4)
    assert keras.losses.binary_crossentropy(one, tf.constant(zero)).numpy().item() == pytest.approx(16.118, abs=5e-4)
    assert binary_crossentropy(zero, one).item() == pytest.approx(16.118, abs=5e-4)


def test_row_36_the_same_numbers_read_as_logits():
    """What PyTorch's cross_entropy takes by default is from_logits=True here."""
    y_pred = np.array([[0.25, 0.75]])
    for loss, y_true in ((sparse_categorical_crossentropy, np.array([0])), (categorical_crossentropy, [[1.0, 0.0]])):
        assert loss(y_true, y_pred).item() == pytest.approx(np.log(4))
        assert loss(y_true, y_pred, from_logits=True).item() == pytest.approx(np.log(1 + np.exp(0.5)))
        theirs = getattr(keras.losses, loss.__name__)(np.array(y_true), tf.constant(y_pred))
        assert loss(y_true, y_pred).item() == pytest.approx(theirs.numpy().item(), rel=1e-12)
