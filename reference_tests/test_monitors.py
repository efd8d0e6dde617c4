"""Early stopping, the best epoch and the rate on a plateau, beside the callbacks of Keras."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpycnn.training import (
    Best,
    EarlyStopping,
    ReduceLROnPlateau,
)

values = st.lists(st.sampled_from([0.1, 0.2, 0.25, 0.3, 0.5, 0.52, 1.0]), min_size=1, max_size=14)


def keras_after(callback, optimizer, logs):
    """What a callback of Keras made of the logs: when it stopped, and the learning rate after each epoch."""
    import keras

    class Model:
        stop_training = False
        metrics = ()

    callback.set_model(Model())
    callback.model.optimizer = optimizer
    callback.on_train_begin()
    rates = []
    for epoch, row in enumerate(logs):
        callback.on_epoch_end(epoch, dict(row))
        rates.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
        if callback.model.stop_training:
            break
    return rates


@settings(max_examples=60)
@given(values, st.integers(0, 4), st.sampled_from([0.0, 0.04]), st.integers(0, 3))
def test_early_stopping_is_that_of_keras(values, patience, min_delta, start):
    import keras

    options = {"patience": patience, "min_delta": min_delta, "start_from_epoch": start}
    logs = [{"val_loss": value} for value in values]
    theirs = keras_after(keras.callbacks.EarlyStopping(**options), keras.optimizers.SGD(), logs)
    made = EarlyStopping(**options)
    memory = made.start()
    for epoch, row in enumerate(logs):
        memory, stop = made.after(memory, epoch, row)
        if stop:
            break
    assert epoch + 1 == len(theirs)


@settings(max_examples=60)
@given(values, st.integers(0, 3), st.integers(0, 2), st.sampled_from([0.0, 0.002]))
def test_reducing_the_rate_on_a_plateau_is_that_of_keras(values, patience, cooldown, least):
    import keras

    options = {"patience": patience, "cooldown": cooldown, "min_lr": least, "factor": 0.5}
    logs = [{"val_loss": value} for value in values]
    theirs = keras_after(keras.callbacks.ReduceLROnPlateau(**options), keras.optimizers.SGD(0.01), logs)
    made, rate, mine = ReduceLROnPlateau(**options), 0.01, []
    memory = made.start()
    for row in logs:
        memory, rate = made.after(memory, rate, row)
        mine.append(rate)
    assert mine == pytest.approx(theirs, rel=1e-6)


def test_accuracy_goes_up_and_losses_down():
    assert Best(monitor="val_accuracy").after({"best": 0.5}, 3, {"val_accuracy": 0.6}) == (
        {"best": 0.6, "epoch": 3},
        True,
    )
    assert not Best(monitor="val_loss").after({"best": 0.5}, 3, {"val_loss": 0.6})[1]
    assert not Best().after({"best": None}, 0, {"val_loss": float("nan")})[1]
